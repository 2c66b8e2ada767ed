//! Serves one caller's connection: HTTP/1.1, or HTTP/2 where the caller begins with its preface.

use super::guarded::{Busy, Doing, Guarded, Speaks};
use super::receive::discard;
use super::router::{data_router, from_router};
use super::streams::{Streams, Taken};
use super::{OutBody, refusal};
use crate::app::Gateway;
use crate::fault::Fault;
use crate::keepalive;
use crate::observe::RequestId;
use crate::pipeline;
use crate::shutdown::Phase;
use crate::timer::SharedTimer;
use crate::worker::Worker;
use axum::Router;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioTimer;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service as _;

/// A request's headers (semantics S10.6).
const MAX_HEADERS: usize = 64 << 10;
const MAX_H2_STREAMS: u32 = 128;
/// So many bytes of an answer the kernel takes beyond what it can send.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// Serves `stream` until it ends, or the gateway does.
pub(crate) async fn serve_connection(gateway: Arc<Gateway>, worker: Arc<Worker>, stream: TcpStream) {
    if prepare(&stream).is_err() {
        return; // closed already
    }
    let first = tokio::time::timeout(gateway.bounds.headers, speaks(&stream)).await;
    let Ok(Ok(speaks)) = first else { return };
    let doing = Doing::new();
    let io = Guarded::new(stream, Arc::clone(&gateway), speaks, doing.clone());
    let router = data_router(Arc::clone(&gateway), Arc::clone(&worker));
    let served =
        Served { gateway: Arc::clone(&gateway), worker, router, doing, timer: SharedTimer::default() };
    match speaks {
        Speaks::Http2 => {
            let mut builder = http2::Builder::new(Streams::new(Arc::clone(&gateway)));
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(MAX_H2_STREAMS)
                .max_header_list_size(MAX_HEADERS as u32);
            builder.keep_alive_interval(Duration::from_secs(30));
            let connection = pin!(builder.serve_connection(io, served));
            until_ended(&gateway, connection, http2::Connection::graceful_shutdown).await;
        }
        Speaks::Http1 => {
            let mut builder = http1::Builder::new();
            builder.max_header_size(MAX_HEADERS).header_read_timeout(None);
            let connection = pin!(builder.serve_connection(io, served));
            until_ended(&gateway, connection, http1::Connection::graceful_shutdown).await;
        }
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    keepalive::turn_on(stream)?;
    // The kernel calls a socket writable once a third of its buffer is free, and lets the buffer grow to megabytes: a
    // slow reader's progress would stay unseen for minutes, and its answer would be kept where nobody counts it.
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Drives `task` through the phases of a shutdown. A look at the phase each time it is polled costs less than a
/// channel to be polled along with it.
pub(super) async fn until_ended<T: Future>(
    gateway: &Gateway,
    mut task: Pin<&mut T>,
    graceful: impl Fn(Pin<&mut T>),
) {
    let shutdown = &gateway.shutdown;
    let mut woken = None;
    let mut told = false;
    std::future::poll_fn(|cx| {
        woken.get_or_insert_with(|| shutdown.wake(cx.waker().clone()));
        if shutdown.is(Phase::Ended) {
            return Poll::Ready(());
        }
        // An error is the caller's: it has gone, or speaks no HTTP. At the cut, running answers end themselves.
        let polled = task.as_mut().poll(cx).map(drop);
        if told || polled.is_ready() || !shutdown.is(Phase::Draining) {
            return polled;
        }
        // After it was polled: a request that has come already is answered, where hyper would close on it unread.
        told = true;
        graceful(task.as_mut());
        task.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Whether the first bytes are HTTP/2's preface. They stay where they are.
async fn speaks(stream: &TcpStream) -> std::io::Result<Speaks> {
    let mut first = [0; 4];
    let read = stream.peek(&mut first).await?;
    Ok(if first.get(..read) == Some(b"PRI ") { Speaks::Http2 } else { Speaks::Http1 })
}

/// What hyper calls for each request.
struct Served {
    gateway: Arc<Gateway>,
    worker: Arc<Worker>,
    router: Router,
    doing: Doing,
    timer: SharedTimer,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Counted>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Served {
    type Response = Response<Counted>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let busy = self.doing.busy();
        let gateway = Arc::clone(&self.gateway);
        if is_chat(request.method(), request.uri().path()) {
            // HTTP/2's requests run side by side: each has a timer of its own.
            let one_by_one = request.version() < Version::HTTP_2;
            let timer = if one_by_one { self.timer.clone() } else { SharedTimer::default() };
            let answering = chat(gateway, Arc::clone(&self.worker), request, timer, busy);
            return Box::pin(async move { Ok(answering.await) });
        }
        let (head, body) = request.into_parts();
        let version = head.version;
        let routed = self.router.clone().call(Request::from_parts(head.clone(), axum::body::Body::empty()));
        Box::pin(async move {
            let Ok(response) = routed.await;
            discard(&head, body).await; // nothing that the router serves has one
            Ok(leaving(&gateway, version, from_router(response)).map(|body| Counted::new(body, busy)))
        })
    }
}

/// All of a chat request up to the head of its answer: the one allocation that each costs.
async fn chat(
    gateway: Arc<Gateway>,
    worker: Arc<Worker>,
    request: Request<Incoming>,
    timer: SharedTimer,
    busy: Busy,
) -> Response<Counted> {
    let (id, version) = (RequestId::new(worker.random(), worker.random()), request.version());
    let answering = pin!(pipeline::chat(&gateway, &worker, id, timer, request));
    let response = until_cut(&gateway, id, answering).await;
    leaving(&gateway, version, response).map(|body| Counted::new(body, busy))
}

/// The hot path, matched before any router.
fn is_chat(method: &Method, path: &str) -> bool {
    method == Method::POST && matches!(path, "/v1/chat/completions" | "/v1/v1/chat/completions")
}

/// Once the end has begun, kept connections are given up with their next answer, in order: a request that comes
/// just when we close one would fail. HTTP/2 has a word of its own for it.
fn leaving<B>(gateway: &Gateway, version: Version, mut response: Response<B>) -> Response<B> {
    if version < Version::HTTP_2 && gateway.shutdown.has_begun() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Answers, unless the drain's time ends first. Pinned by who calls: as an argument the future would count twice.
async fn until_cut(
    gateway: &Gateway,
    id: RequestId,
    mut answering: Pin<&mut impl Future<Output = Response<OutBody>>>,
) -> Response<OutBody> {
    std::future::poll_fn(|cx| {
        if gateway.shutdown.is_cut() {
            return Poll::Ready(refusal(id, Fault::shutting_down()));
        }
        answering.as_mut().poll(cx)
    })
    .await
}

/// A body during which its connection counts as busy.
#[derive(Debug)]
struct Counted {
    body: OutBody,
    taken: Option<Arc<Taken>>,
    _busy: Busy,
}

impl Counted {
    fn new(body: OutBody, busy: Busy) -> Self {
        Self { body, taken: Taken::of_this_stream(), _busy: busy }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = <OutBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(taken) = &self.taken {
            taken.asked(polled.is_ready());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_future_of_a_request_stays_under_4_kib() {
        fn size<F: Future>(
            _: impl FnOnce(Arc<Gateway>, Arc<Worker>, Request<Incoming>, SharedTimer, Busy) -> F,
        ) -> usize {
            size_of::<F>()
        }
        assert!(size(chat) < 4096, "{}", size(chat));
    }
}
