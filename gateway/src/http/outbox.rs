//! What of an answer is on its way: handed to the HTTP library, and not taken by the socket yet.
//!
//! The library takes a body's pieces as fast as they come: hundreds of KiB for a caller who reads none. So a body gives
//! the next piece when no more than one is on its way (semantics S9.3), and on HTTP/2, where the library forgets a
//! stream before its caller has taken all of it, the end of an answer when nothing is (semantics S9.4).

use bytes::{Buf, Bytes};
use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

tokio::task_local! {
    /// That of the HTTP/2 stream whose task this is.
    static STREAM: Arc<Outbox>;
}

/// What is on its way of a stream's answer; on HTTP/1.1 of a connection's, whose answers come one by one.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: AtomicUsize,
    /// Bytes ever handed out, and of those the ones that were taken or given up.
    given: AtomicU64,
    taken: AtomicU64,
    /// Of all streams of an HTTP/2 connection together.
    connection: Option<Arc<AtomicUsize>>,
    /// A body that waits until there is less.
    waiting: Mutex<Option<Waker>>,
}

impl Outbox {
    /// That of a stream of a connection that has `connection` bytes on their way.
    pub(super) fn of_stream(connection: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self { connection: Some(connection), ..Self::default() })
    }

    /// That of the HTTP/2 stream whose task this is; `None` on HTTP/1.1.
    pub(super) fn current() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// Whether it is an HTTP/2 stream's.
    pub(super) fn is_of_stream(&self) -> bool {
        self.connection.is_some()
    }

    /// Runs `stream` with this as its own.
    pub(super) fn scope<F: Future>(self: Arc<Self>, stream: F) -> impl Future<Output = F::Output> {
        STREAM.scope(self, stream)
    }

    /// Ready when at most `most` pieces are on their way. The task is woken then.
    pub(super) fn poll_at_most(&self, cx: &mut Context<'_>, most: usize) -> Poll<()> {
        if self.pieces.load(Ordering::Acquire) <= most {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waiting = Some(cx.waker().clone());
        }
        // Looked at again: a piece may have been taken before the waker was there.
        if self.pieces.load(Ordering::Acquire) <= most { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.load(Ordering::Acquire) == 0
    }

    /// Bytes on their way to the caller's connection, of all of its streams.
    pub(super) fn of_connection(&self) -> usize {
        self.connection.as_ref().map_or(0, |bytes| bytes.load(Ordering::Relaxed))
    }

    /// How many bytes have been taken, and handed out, if some are on their way.
    pub(super) fn on_its_way(&self) -> Option<(u64, u64)> {
        let (taken, given) = (self.taken.load(Ordering::Relaxed), self.given.load(Ordering::Relaxed));
        (given != taken).then_some((taken, given))
    }

    fn gave(&self, bytes: usize) {
        self.pieces.fetch_add(1, Ordering::AcqRel);
        self.given.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(connection) = &self.connection {
            connection.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn took(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(connection) = &self.connection {
            connection.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn finished_piece(&self) {
        self.pieces.fetch_sub(1, Ordering::AcqRel);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// A piece of an answer. Whoever holds it has it on its way.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    outbox: Option<Arc<Outbox>>,
}

impl Piece {
    /// A piece that counts in `outbox`, if there is one.
    pub(super) fn new(bytes: Bytes, outbox: Option<Arc<Outbox>>) -> Self {
        if let Some(outbox) = &outbox {
            outbox.gave(bytes.len());
        }
        Self { bytes, outbox }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn chunks_vectored<'a>(&'a self, to: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(to)
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        if let Some(outbox) = &self.outbox {
            outbox.took(bytes);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(outbox) = &self.outbox {
            outbox.took(self.bytes.len());
            outbox.finished_piece();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_piece_is_on_its_way_until_it_is_taken_or_given_up() {
        let connection = Arc::new(AtomicUsize::new(0));
        let outbox = Outbox::of_stream(Arc::clone(&connection));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        assert!(outbox.is_empty() && outbox.on_its_way().is_none());
        let mut first = Piece::new(Bytes::from_static(b"first"), Some(Arc::clone(&outbox)));
        let second = Piece::new(Bytes::from_static(b"second"), Some(Arc::clone(&outbox)));
        assert!(outbox.poll_at_most(cx, 2).is_ready() && outbox.poll_at_most(cx, 1).is_pending());
        assert_eq!((outbox.on_its_way(), outbox.of_connection()), (Some((0, 11)), 11));
        first.advance(3);
        assert_eq!((outbox.on_its_way(), outbox.of_connection()), (Some((3, 11)), 8));
        assert!(!woken.0.load(Ordering::Relaxed), "a part of a piece is none");
        drop(first);
        assert!(woken.0.load(Ordering::Relaxed) && outbox.poll_at_most(cx, 1).is_ready());
        drop(second);
        assert!(outbox.is_empty() && outbox.on_its_way().is_none());
        assert_eq!(connection.load(Ordering::Relaxed), 0);
    }
}
