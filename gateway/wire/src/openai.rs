//! OpenAI's chat completions, as OpenAI and some thirty others speak them: its words for requests, answers, errors and
//! counts.

mod error;
mod former;
mod gist;
mod reply;
mod request;
pub(crate) mod usage;

pub(crate) use error::{error_body, error_event};
pub use gist::{Gist, GistReader};
pub(crate) use reply::{Step, event_at, whole};
pub(crate) use request::{Places, read};

pub use crate::asked::{BadRequest, Pieces};
pub use crate::failure::failure;
pub use crate::json::Brief;
pub use crate::reading::{AnswerFacts, Ending, StreamEnd};
pub use crate::through::{ChatStream, LongAnswer, answer};
pub use crate::usage::{Counted, most_tokens};
pub use crate::words::Words as ErrorBody;
pub use former::{ChatRequest, write_error, write_stream_error};

/// The path of the endpoint.
pub(crate) const CHAT_PATH: &str = "/chat/completions";

/// A comment that keeps a silent stream alive.
pub(crate) const PING: bytes::Bytes = bytes::Bytes::from_static(b": ping\n\n");
