//! What we call: accounts, their connections, and the vendor that answers from inside.

mod chunks;
mod client;
mod connect;
mod egress;
mod head;
mod link;
mod mock;

pub(crate) use client::{Account, Answer, AnswerBody, Client};
pub(crate) use connect::Dialer;
pub(crate) use egress::Closed;
pub(crate) use head::Content;
