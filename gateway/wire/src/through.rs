//! Both sides speak one dialect: bodies pass through, and only what routing, money and failover need is read of them.
//!
//! What is read is OpenAI's chat completions, as OpenAI and some thirty others speak them.

mod answer;
pub(crate) mod contents;
mod output;
mod prefilter;
mod runs;
mod speech;
mod stream;

pub use answer::{AnswerFacts, LongAnswer, answer};
pub use stream::{ChatStream, Ending, StreamEnd};
