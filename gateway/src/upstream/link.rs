//! One HTTP/1.1 connection to an upstream, used by one request at a time, and the pool of idle ones.
//!
//! Ours rather than a client library's. A request here is a few constant headers and a body; an answer is a
//! status, a few headers and a body. A general client builds maps, hands messages between tasks and gives a chunk
//! at a time: it cost a quarter of the gateway's instructions, and what an upstream had sent in one go could not
//! be passed on in one. HTTP/1.1 only; what is not plain is refused (`head`, `chunks`).

use super::chunks::Chunks;
use super::connect::Stream;
use super::head::{Head, Length};
use bytes::{Buf, Bytes, BytesMut};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// Idle connections are closed after this long: below the usual idle limits of servers (60 s and more).
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections kept by one pool; the oldest goes first.
const MOST_IDLE: usize = 256;
/// Read at once: enough for most answers, and a part of what one stream may hold.
const READ: usize = 8 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: Stream,
    /// Read and not yet used.
    input: BytesMut,
    /// The head of the request; kept for its room.
    head: Vec<u8>,
    /// When it was last given back.
    idle_since: Instant,
    /// Whether it has carried an exchange before.
    pub(super) reused: bool,
    /// The last exchange ended in a way that allows another.
    keep: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The connection ended before a byte of an answer came.
    #[error("the upstream closed the connection without an answer")]
    Closed,
    /// It ended within the head of the answer.
    #[error("the upstream broke the connection off")]
    Broken,
    /// What came is no HTTP.
    #[error("the upstream's answer is not HTTP")]
    NotHttp,
}

impl Link {
    pub(super) fn new(stream: Stream) -> Box<Self> {
        let (input, head, idle_since) = (BytesMut::new(), Vec::new(), Instant::now());
        Box::new(Self { stream, input, head, idle_since, reused: false, keep: false })
    }

    /// Sends the head that begins with `begin` and ends with the length of `body`, and `body`, and waits for the head
    /// of the answer. An answer that comes before all is sent is
    /// taken: the rest of the body is not sent, and the connection not used again.
    pub(super) async fn exchange(&mut self, begin: &[u8], body: &[u8]) -> Result<Head, NoAnswer> {
        self.head.clear();
        self.head.extend_from_slice(begin);
        self.head.extend_from_slice(itoa::Buffer::new().format(body.len()).as_bytes());
        self.head.extend_from_slice(b"\r\n\r\n");
        let mut sent = 0;
        let mut sending = true;
        self.keep = false;
        let answer = poll_fn(|cx| {
            if sending {
                // A failed write is not the end: an answer may have come that says why.
                let polled = self.poll_send(cx, body, &mut sent);
                sending = polled.is_pending();
            }
            self.poll_head(cx)
        })
        .await?;
        self.keep = answer.keep_alive && sent == self.head.len() + body.len();
        Ok(answer)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, body: &[u8], sent: &mut usize) -> Poll<io::Result<()>> {
        let Self { stream, head, .. } = self;
        while *sent < head.len() + body.len() {
            let unsent = [
                IoSlice::new(head.get(*sent..).unwrap_or_default()),
                IoSlice::new(body.get(sent.saturating_sub(head.len())..).unwrap_or_default()),
            ];
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written;
        }
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, NoAnswer>> {
        loop {
            match ready!(self.poll_input(cx)) {
                Ok(0) | Err(_) if self.input.is_empty() => return Poll::Ready(Err(NoAnswer::Closed)),
                Ok(0) | Err(_) => return Poll::Ready(Err(NoAnswer::Broken)),
                Ok(_) => {}
            }
            while let Some((head, length)) = Head::parse(&self.input).map_err(|_| NoAnswer::NotHttp)? {
                self.input.advance(length);
                match head.status.as_u16() {
                    101 => return Poll::Ready(Err(NoAnswer::NotHttp)),
                    100..200 => {} // "wait": the answer is still to come
                    _ => return Poll::Ready(Ok(head)),
                }
            }
        }
    }

    /// Reads more; the number of bytes, 0 at the end.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(READ);
        pin!(self.stream.read_buf(&mut self.input)).poll(cx)
    }

    /// Whether another exchange may begin: nothing was left over, and the upstream has not closed.
    fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.keep && self.input.is_empty() && self.poll_input(cx).is_pending()
    }
}

/// The idle connections of one account on one worker: newest first out.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a link is large and moves between here and its users")]
pub(crate) struct Pool(Mutex<Vec<Box<Link>>>);

impl Pool {
    /// A living idle connection, if there is one.
    pub(super) async fn take(&self) -> Option<Box<Link>> {
        poll_fn(|cx| {
            loop {
                let link = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
                match link {
                    Some(mut link) => {
                        if link.idle_since.elapsed() < IDLE && link.is_usable(cx) {
                            return Poll::Ready(Some(link));
                        }
                    }
                    None => return Poll::Ready(None),
                }
            }
        })
        .await
    }

    fn put(&self, mut link: Box<Link>) {
        link.idle_since = Instant::now();
        link.reused = true;
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let expired = idle.iter().take_while(|old| old.idle_since.elapsed() >= IDLE).count();
        let excess = (idle.len() + 1).saturating_sub(MOST_IDLE);
        let closed: Vec<_> = idle.drain(..expired.max(excess)).collect();
        idle.push(link);
        drop(idle);
        drop(closed); // closing sockets takes system calls: not under the lock
    }
}

/// An answer's body. Gives its connection back to the pool when it has ended well; dropped earlier, it closes
/// the connection, which is how an upstream is cancelled (semantics S2.4).
#[derive(Debug)]
pub(crate) struct LinkBody {
    link: Option<Box<Link>>,
    rest: Rest,
    home: Arc<[Pool]>,
    worker: usize,
}

/// What is to come of the body.
#[derive(Debug)]
enum Rest {
    Bytes(u64),
    Chunks(Chunks),
    UntilClose,
}

/// The body broke off.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke the connection off")]
pub(crate) struct BodyBroken;

impl LinkBody {
    pub(super) fn new(length: Length, link: Box<Link>, home: Arc<[Pool]>, worker: usize) -> Self {
        let rest = match length {
            Length::Known(length) => Rest::Bytes(length),
            Length::Chunked => Rest::Chunks(Chunks::default()),
            Length::UntilClose => Rest::UntilClose,
        };
        Self { link: Some(link), rest, home, worker }
    }

    /// The length that is left, if it was announced.
    pub(crate) fn exact_len(&self) -> Option<u64> {
        match self.rest {
            Rest::Bytes(left) => Some(left),
            _ => None,
        }
    }

    /// The next piece of the body: all of it that has come. `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        loop {
            match self.buffered() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => {}
                Err(broken) => {
                    self.link = None;
                    return Poll::Ready(Some(Err(broken)));
                }
            }
            let Some(link) = &mut self.link else { return Poll::Ready(None) };
            match ready!(link.poll_input(cx)) {
                Ok(1..) => {}
                Ok(_) if matches!(self.rest, Rest::UntilClose) => self.link = None,
                _ => {
                    self.link = None;
                    return Poll::Ready(Some(Err(BodyBroken)));
                }
            }
        }
    }

    /// What is there already, as far as it belongs to the body. Lets go of the connection at the body's end.
    fn buffered(&mut self) -> Result<Option<Bytes>, BodyBroken> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let (piece, ended) = match &mut self.rest {
            Rest::Bytes(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(link.input.len());
                *left -= length as u64;
                (link.input.split_to(length).freeze(), *left == 0)
            }
            Rest::Chunks(chunks) => {
                let piece = chunks.take(&mut link.input).map_err(|_| BodyBroken)?;
                (piece, *chunks == Chunks::Ended)
            }
            Rest::UntilClose => (link.input.split().freeze(), false),
        };
        if ended
            && let Some(link) = self.link.take()
            && link.keep
            && link.input.is_empty()
            && let Some(pool) = self.home.get(self.worker)
        {
            pool.put(link);
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}
