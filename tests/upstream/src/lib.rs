//! One scriptable fake of an LLM vendor, for integration tests (in-process) and for benches (`weir-upstream`).
//!
//! It decides nothing about Weir: it answers exactly what a test told it to, down to single bytes and
//! milliseconds, and remembers what it was asked. It shares no code with the gateway. A translation that is
//! checked here was therefore never checked against itself. It speaks OpenAI's chat completions ([`Chat`]) and
//! Anthropic's Messages ([`Message`], [`anthropic`]), on any path; with [`Upstream::strict`] it refuses what they do.
//!
//! ```
//! use weir_upstream::{Answer, At, Chat, Upstream};
//!
//! let upstream = Upstream::start();
//! upstream.then(Answer::rate_limited(Some(2))); // the first request only
//! upstream.always(Chat::says("Hello").events(5).answer().reset_at(At::Event(3)));
//! assert!(upstream.url().ends_with("/v1"));
//! assert_eq!(upstream.count(), 0);
//! ```

mod answer;
pub mod anthropic;
mod chat;
mod chunks;
pub mod command;
mod connection;
mod failure;
mod gate;
mod gzip;
mod log;
mod message;
mod pieces;
mod play;
pub mod prepared;
mod recording;
mod render;
mod request;
mod script;
mod seen;
mod sink;
mod strict;
mod talk;
#[cfg(test)]
mod tests;
mod unreliable;
mod upstream;
mod wire;

pub use answer::{Answer, At, Framing, Writes};
pub use chat::{Chat, Form, LineEnd, Usage, When};
pub use gate::Gate;
pub use log::Cancelled;
pub use message::{Message, Tokens, Told};
pub use script::Rule;
pub use seen::Seen;
pub use sink::{Blackhole, Refused};
pub use unreliable::Flaky;
pub use upstream::{TimedOut, Upstream};
pub use wire::Wire;
