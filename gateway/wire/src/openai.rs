//! OpenAI's chat completions, as OpenAI and some thirty others speak them: its words for requests, errors and counts.

mod error;
mod gist;
mod request;
pub(crate) mod usage;

pub use crate::failure::failure;
pub use crate::json::Brief;
pub use crate::through::{AnswerFacts, ChatStream, Ending, LongAnswer, StreamEnd, answer};
pub use crate::usage::{Counted, most_tokens};
pub use error::{ErrorBody, write_error, write_stream_error};
pub use gist::{Gist, GistReader};
pub use request::{BadRequest, ChatRequest, Pieces};
