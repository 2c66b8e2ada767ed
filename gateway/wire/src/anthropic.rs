//! Anthropic's Messages, as Anthropic and its resellers speak them: its words for requests, answers, errors and counts.

mod decode;
mod fields;
mod frame;
#[cfg(test)]
pub(crate) mod recorded;
mod stop;
pub(crate) mod usage;
mod watch;

pub(crate) use decode::{MessagesDecoder, whole};
pub(crate) use watch::MessagesWatch;
