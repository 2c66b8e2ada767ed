//! Requests: what is read of one that passes through, the same as a [`hub::Chat`](crate::hub::Chat), and one that is
//! written from that.

mod facts;
mod pairs;
mod read;
mod write;

pub(crate) use facts::{Places, facts};
pub(crate) use read::read;
pub(crate) use write::{LONGEST_NAME, write};
