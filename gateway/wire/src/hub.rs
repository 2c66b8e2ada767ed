//! Between callers and accounts that speak different APIs: one form of requests and one of answers, which each dialect
//! reads into and writes from. Never a matrix of pairs.
//!
//! A request becomes a [`Chat`]: read once, written for each account that is asked. An answer becomes [`Event`]s, a
//! stream's as they come and a unary one's all at once. Strings stay as they were written in JSON ([`Text`]).
//!
//! Nothing is lost silently. What the other side has no words for is a tuning field, which is dropped and told
//! ([`Dropped`]), or content, which is refused ([`Unsayable`]).

mod chat;
mod event;
mod names;
pub(crate) mod signature;
mod to;
mod unsayable;

pub(crate) use chat::{
    Arguments, Chat, Choice, Effort, Format, Other, Part, Reasoning, Role, Source, Tool, Turn,
};
pub(crate) use event::{Event, Finish, Reason};
pub(crate) use names::{CallersName, Names, OPENAI_NAME, digest};
pub(crate) use to::{To, Written};
pub use unsayable::{Dropped, Unsayable};
