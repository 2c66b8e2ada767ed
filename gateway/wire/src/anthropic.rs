//! Anthropic's Messages, as Anthropic and those who copy it speak them: its words for requests and errors.

mod error;
mod model;
mod request;

pub(crate) use error::{error_body, error_event};
pub(crate) use request::{LONGEST_NAME, Places, facts, read, write};

/// The path of the endpoint.
pub(crate) const MESSAGES_PATH: &str = "/messages";

/// An event that keeps a silent stream alive. Clients know it: Anthropic sends it itself.
pub(crate) const PING: bytes::Bytes =
    bytes::Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
