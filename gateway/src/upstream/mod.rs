//! What we call: sites, their connections, and the vendor that answers from inside.

mod answer;
mod client;
#[cfg(test)]
mod conformance;
mod connect;
mod egress;
mod h1;
mod head;
mod lines;
mod mock;
mod names;
mod race;
mod request;
mod site;
mod stream;

pub(crate) use answer::{Answer, AnswerBody};
pub(crate) use client::Client;
pub(crate) use connect::Dialer;
pub(crate) use egress::Closed;
pub(crate) use lines::Lines;
pub(crate) use request::{Accept, Request};
pub(crate) use site::Site;
