//! Why a snapshot cannot be published.

use super::form::Unsayable;
use std::io;

/// Why a snapshot cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum Unpublishable {
    /// Objects do not fit into as many parts as there may be.
    #[error(
        "{part} would be larger than an object of Kubernetes may be: remove objects, or use more gateways"
    )]
    TooLarge {
        /// The part.
        part: String,
    },
    /// This version does not write that format.
    #[error("format {0} is none that this version writes")]
    Format(u32),
    /// The format has no words for the gateway itself; both of today's have.
    #[error("the format has no words for {0}")]
    Unsayable(#[from] Unsayable),
    /// An object cannot be written as JSON; none of today's can be so.
    #[error("an object cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The compressor has no memory.
    #[error("{part} cannot be compressed: {source}")]
    Compress {
        /// The part.
        part: String,
        /// What the compressor says.
        source: io::Error,
    },
}
