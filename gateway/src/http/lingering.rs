//! The end of a connection that the gateway closes, and not its caller. What a caller sends before it has noticed comes
//! to a closed socket: the kernel answers with a reset, throws away what it has not sent yet, and the caller may lose
//! what it has not read yet. So only the writing side is closed, and what still comes is read and forgotten, until the
//! caller closes, too.

use super::upload::{DISCARD_BYTES, DISCARD_IDLE, DISCARD_WITHIN};
use crate::clock;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep_until};

/// A connection of which only the reading side is open.
#[derive(Debug)]
pub(super) struct Lingering {
    /// Until then the caller may be silent.
    silent: Instant,
    /// It ends then, whatever comes.
    end: Instant,
    /// Bytes that are still read.
    left: usize,
    timer: Pin<Box<Sleep>>,
}

impl Lingering {
    /// That of a caller who may say nothing until `silent`. Once something comes, it is one that sends, and has longer.
    pub(super) fn new(silent: Instant) -> Self {
        let end = clock::now() + DISCARD_WITHIN;
        Self { silent, end, left: DISCARD_BYTES, timer: Box::pin(sleep_until(silent.into())) }
    }

    /// Ready when `stream` can be closed: its caller has closed it, or a bound has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stream: &mut (impl AsyncRead + Unpin)) -> Poll<()> {
        let mut piece = [MaybeUninit::uninit(); 4096];
        while self.left > 0 && clock::now() < self.end {
            let mut read = ReadBuf::uninit(&mut piece);
            match Pin::new(&mut *stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    self.left = self.left.saturating_sub(read.filled().len());
                    self.silent = clock::now() + DISCARD_IDLE;
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.poll_silence(cx),
            }
        }
        Poll::Ready(())
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.silent.min(self.end).into();
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    /// A caller who sends so many bytes, then nothing, or, if it is one that `closes`, the end.
    struct Sends {
        bytes: usize,
        closes: bool,
    }

    impl AsyncRead for Sends {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            let bytes = buf.remaining().min(self.bytes);
            if bytes == 0 && !self.closes {
                return Poll::Pending; // and wakes nobody
            }
            buf.initialize_unfilled_to(bytes);
            buf.advance(bytes);
            self.bytes -= bytes;
            Poll::Ready(Ok(()))
        }
    }

    /// How long `caller` is lingered for, and how many bytes it has left then.
    async fn lingered(mut caller: Sends, patience: Duration) -> (Duration, usize) {
        let began = clock::now();
        let mut lingering = Lingering::new(began + patience);
        poll_fn(|cx| lingering.poll(cx, &mut caller)).await;
        (clock::since(began), caller.bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn s9_4_what_comes_after_the_end_is_read_within_bounds() {
        let second = Duration::from_secs(1);
        let silent = |bytes| Sends { bytes, closes: false };
        assert_eq!(lingered(silent(0), second).await, (second, 0));
        assert_eq!(lingered(silent(0), Duration::ZERO).await, (Duration::ZERO, 0), "a kept one");
        assert_eq!(lingered(silent(10_000), Duration::ZERO).await, (DISCARD_IDLE, 0), "one that sends");
        assert_eq!(lingered(Sends { bytes: 10, closes: true }, second).await, (Duration::ZERO, 0));
        let (took, left) = lingered(silent(usize::MAX), second).await;
        let read = usize::MAX - left;
        assert!(took < second && (DISCARD_BYTES..DISCARD_BYTES + 4096).contains(&read), "{took:?} {read}");
    }

    #[tokio::test(start_paused = true)]
    async fn s9_4_whoever_sends_a_little_for_ever_is_closed_all_the_same() {
        let (mut caller, mut stream) = tokio::io::duplex(16);
        let trickle = async {
            loop {
                let sent = tokio::io::AsyncWriteExt::write_all(&mut caller, b"x").await;
                assert!(sent.is_ok());
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        };
        let began = clock::now();
        let mut lingering = Lingering::new(began + DISCARD_IDLE);
        tokio::select! {
            () = poll_fn(|cx| lingering.poll(cx, &mut stream)) => {}
            () = trickle => {}
        }
        assert_eq!(clock::since(began), DISCARD_WITHIN);
    }
}
