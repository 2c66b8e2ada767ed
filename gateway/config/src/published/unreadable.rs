//! Why a published configuration is not applied.

use crate::ObjectName;

/// Why a published configuration is not applied.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The index is no index.
    #[error("the index cannot be read: {0}")]
    Index(#[source] serde_json::Error),
    /// The index is of a format that this version does not know.
    #[error("the index is of format {0}, which this version does not read")]
    Format(u32),
    /// The index counts its shards in a way that nobody writes.
    #[error("the index has an impossible number of shards")]
    Shards,
    /// The index has been changed or cut.
    #[error("the index does not have the hash that it says")]
    IndexHash,
    /// A part says that it is larger than any may be.
    #[error("{0} is larger than a part may be")]
    TooLarge(String),
    /// The index names a part that is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A part cannot be decompressed to what the index says.
    #[error("{0} cannot be decompressed to the size that the index says")]
    Compressed(String),
    /// A part is another than the index names: a publish is under way, or was torn.
    #[error("{0} is not the one that the index names")]
    Digest(String),
    /// A part is what the index names, but not what its store holds.
    #[error("{part} cannot be read: {}", .flaw)]
    Json {
        /// The part.
        part: String,
        /// Which object and field, or where and what kind; never the text itself, which may be secret.
        flaw: String,
    },
    /// An object is there twice, or out of order.
    #[error("{part} has {name} twice or out of order")]
    Order {
        /// The part, or all of them.
        part: String,
        /// The object.
        name: ObjectName,
    },
    /// There is not exactly one gateway.
    #[error("there are {0} gateways in it, not one")]
    Gateways(usize),
}
