//! OpenAI's chat completions, as OpenAI and some thirty others speak them: its words for requests, answers, errors and
//! counts.

pub(crate) mod answer;
mod chat;
mod chunks;
mod error;
mod gist;
mod models;
mod reply;
mod request;
pub(crate) mod usage;

pub(crate) use answer::{ChatDecoder, whole as read_whole};
pub(crate) use chat::{read as read_chat, write};
pub(crate) use chunks::{Back, ChunkWriter, whole as write_whole};
pub(crate) use error::{error_body, error_event};
pub use gist::{Gist, GistReader};
pub(crate) use models::{model, model_list};
pub(crate) use reply::{Step, event_at, whole};
pub(crate) use request::{Places, read};

/// The path of the endpoint.
pub(crate) const CHAT_PATH: &str = weir_config::Speaks::Chat.path();

/// What an answer's id begins with.
pub(crate) const ID: &str = "chatcmpl-";

/// A comment that keeps a silent stream alive.
pub(crate) const PING: bytes::Bytes = bytes::Bytes::from_static(b": ping\n\n");
