//! One HTTP/1.1 connection to an upstream, driven by whoever uses it, and the pool of idle ones.
//!
//! hyper wants its connection spawned as a task of its own; then every chunk of an answer costs a switch
//! between two tasks, and what is readable can never be joined. Here the request's own task polls the
//! connection along with the exchange. An idle one is polled by nobody: whether it still lives is seen when it
//! is taken.

use super::connect::Stream;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Idle connections are closed after this long: below the usual idle limits of servers (60 s and more).
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections kept by one pool; the oldest goes first.
const MOST_IDLE: usize = 256;
/// hyper's read buffer grows up to this: large enough to join, small enough for thousands of streams.
const READ_BUFFER: usize = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    send: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    /// When it was last given back.
    idle_since: Instant,
    /// Whether it has carried an exchange before.
    pub(super) reused: bool,
    ended: bool,
}

impl Link {
    /// Starts HTTP/1.1 on `stream`.
    pub(super) async fn new(stream: Stream) -> hyper::Result<Box<Self>> {
        let (send, driver) =
            http1::Builder::new().max_buf_size(READ_BUFFER).handshake(TokioIo::new(stream)).await?;
        Ok(Box::new(Self { send, driver, idle_since: Instant::now(), reused: false, ended: false }))
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, http1_error::SendError> {
        let mut answer = pin!(self.send.try_send_request(request));
        let (driver, ended) = (&mut self.driver, &mut self.ended);
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            drive(driver, ended, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Lets the connection do what it can now.
    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, &mut self.ended, cx);
    }

    /// Whether another request can go out now; sees a close that has arrived.
    fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        !self.ended && self.send.is_ready()
    }
}

fn drive(
    driver: &mut http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    ended: &mut bool,
    cx: &mut Context<'_>,
) {
    if !*ended {
        // Its error, if any, reaches the exchange or the body as well.
        *ended = Pin::new(driver).poll(cx).is_ready();
    }
}

/// The name of hyper's error with the request inside.
pub(super) mod http1_error {
    pub(crate) type SendError =
        hyper::client::conn::TrySendError<http::Request<http_body_util::Full<bytes::Bytes>>>;
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
                let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let link = idle.pop();
                drop(idle);
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
    inner: Incoming,
    link: Option<Box<Link>>,
    home: Arc<[Pool]>,
    worker: usize,
}

impl LinkBody {
    pub(super) fn new(inner: Incoming, link: Box<Link>, home: Arc<[Pool]>, worker: usize) -> Self {
        Self { inner, link: Some(link), home, worker }
    }

    /// The length that the upstream announced, if it did.
    pub(crate) fn exact_len(&self) -> Option<u64> {
        self.inner.size_hint().exact()
    }

    fn release(&mut self, cx: &mut Context<'_>) {
        if let Some(mut link) = self.link.take()
            && link.is_usable(cx)
            && let Some(pool) = self.home.get(self.worker)
        {
            pool.put(link);
        }
    }

    /// The next piece of the body.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        let mut polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending()
            && let Some(link) = &mut self.link
        {
            link.drive(cx);
            polled = Pin::new(&mut self.inner).poll_frame(cx);
        }
        match polled {
            Poll::Ready(None) => {
                self.release(cx);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(frame))) => {
                if self.inner.is_end_stream() {
                    self.release(cx);
                }
                // Trailers carry nothing for us.
                Poll::Ready(Some(Ok(Frame::into_data(frame).unwrap_or_default())))
            }
            Poll::Ready(Some(Err(error))) => {
                self.link = None;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
