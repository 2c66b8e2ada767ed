//! What we call: accounts, their connections, and the vendor that answers from inside.

mod account;
mod body;
mod chunks;
mod client;
mod connect;
mod egress;
mod head;
mod idle;
mod link;
mod mock;
mod names;
mod pool;
mod race;

pub(crate) use account::{Account, SPEAKS};
pub(crate) use client::{Answer, AnswerBody, Client};
pub(crate) use connect::Dialer;
pub(crate) use egress::Closed;
