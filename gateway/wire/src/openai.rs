//! OpenAI's chat completions, as OpenAI and some thirty others speak them.
//!
//! Here both sides speak it: bodies pass through and only what routing, money and failover need is read.

mod answer;
mod error;
mod facts;
mod gist;
mod kept;
mod prefilter;
mod request;
mod runs;
mod said;
mod stream;
mod usage;

pub use crate::failure::failure;
pub use crate::json::Brief;
pub use crate::usage::{Counted, most_tokens};
pub use answer::{AnswerFacts, LongAnswer, answer};
pub use error::{ErrorBody, write_error, write_stream_error};
pub use gist::{Gist, GistReader};
pub use request::{BadRequest, ChatRequest, Pieces};
pub use stream::{ChatStream, Ending, StreamEnd};
