//! Anthropic's Messages, as Anthropic and its resellers speak them: its words for requests, answers, errors and counts.

mod answer;
mod decode;
mod error;
mod fields;
mod frame;
mod model;
mod models;
#[cfg(test)]
pub(crate) mod recorded;
mod request;
mod stop;
pub(crate) mod usage;
mod watch;

pub(crate) use answer::{MessagesWriter, whole as write_whole};
pub(crate) use decode::{MessagesDecoder, whole as read_whole};
pub(crate) use error::{error_body, error_event};
pub(crate) use models::{VERSION_HEADER, model, model_list};
pub(crate) use request::{LONGEST_NAME as NAME, Places, facts, read as read_chat, write};
pub(crate) use watch::MessagesWatch;

/// The path of the endpoint.
pub(crate) const MESSAGES_PATH: &str = weir_config::Speaks::Messages.path();

/// Headers of a request that go on with it where both sides speak Messages: which version, and what beyond it.
pub(crate) const FORWARDS: &[&str] = &["anthropic-beta", VERSION_HEADER];

/// The header that Anthropic's SDKs show as an answer's id.
pub(crate) const ID_HEADER: &str = "request-id";

/// What an answer's id begins with.
pub(crate) const ID: &str = "msg_";

/// An event that keeps a silent stream alive. Clients know it: Anthropic sends it itself.
pub(crate) const PING: bytes::Bytes =
    bytes::Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
