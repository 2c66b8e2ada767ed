//! OpenAI's chat completions, as OpenAI and some thirty others speak them: its words for requests, answers, errors and
//! counts.

pub(crate) mod answer;
mod error;
mod gist;
mod reply;
mod request;
pub(crate) mod usage;

pub(crate) use error::{error_body, error_event};
pub use gist::{Gist, GistReader};
pub(crate) use reply::{Step, event_at, whole};
pub(crate) use request::{Places, read};

/// The path of the endpoint.
pub(crate) const CHAT_PATH: &str = "/chat/completions";

/// A comment that keeps a silent stream alive.
pub(crate) const PING: bytes::Bytes = bytes::Bytes::from_static(b": ping\n\n");
