//! A request as its transport holds it: its head is there, its body may be still to come.

use crate::fault::Fault;
use crate::limits::Share;
use bytes::Bytes;
use std::time::Duration;

/// What the pipeline asks of a transport.
pub(crate) trait Incoming {
    /// The keys that the head presents.
    fn keys(&self) -> impl Iterator<Item = &[u8]>;

    /// The value of a header of the head, if it has that and it is text.
    fn header(&self, name: &str) -> Option<String>;

    /// How many bytes the head takes.
    fn head_bytes(&self) -> usize;

    /// Whether the body is known to be no larger than `most`.
    fn is_at_most(&self, most: u64) -> bool;

    /// Whether the caller sends no body before it is told to.
    fn waits(&self) -> bool;

    /// Takes the body in, no more than `max` bytes of it.
    ///
    /// # Errors
    /// It is larger, too slow, not what it says, or there is no room for it.
    async fn receive(&mut self, max: u64) -> Result<Received, Fault>;

    /// It is admitted: nothing of it is asked for again, and what it holds goes. Nobody counts that.
    fn let_go(&mut self);
}

/// A request's body.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) body: Bytes,
    /// The share of the memory budget that it holds.
    pub(crate) share: Share,
    /// How long its caller let us wait for it.
    pub(crate) took: Duration,
}
