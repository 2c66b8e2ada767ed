//! HTTP/1.1 of our own: a connection, what is said over it, and where it waits when it is idle.

mod body;
mod chunks;
mod head;
mod idle;
mod link;
mod origin;
mod pool;

pub(crate) use body::LinkBody;
pub(super) use idle::Owner;
pub(super) use link::{Link, NoAnswer};
pub(super) use origin::Origin;
pub(super) use pool::{Pool, Pooled};

#[cfg(test)]
mod tests;
