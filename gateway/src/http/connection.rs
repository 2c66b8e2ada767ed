//! Serves one caller's connection: HTTP/1.1, or HTTP/2 where the caller begins with its preface.

use super::guarded::{Busy, Doing, Guarded};
use super::router::{data_router, from_router};
use super::{OutBody, refusal};
use crate::app::Gateway;
use crate::fault::{Fault, FaultKind};
use crate::observe::RequestId;
use crate::pipeline;
use crate::shutdown::Phase;
use crate::worker::Worker;
use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioTimer};
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
/// A connection that says nothing at first is closed.
const FIRST_BYTE: Duration = Duration::from_secs(10);

/// Serves `stream` until it ends, or the gateway does.
pub(crate) async fn serve_connection(gateway: Arc<Gateway>, worker: Arc<Worker>, stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return; // closed already
    }
    let Ok(Ok(is_h2)) = tokio::time::timeout(FIRST_BYTE, begins_h2(&stream)).await else { return };
    let doing = Doing::new();
    let io = Guarded::new(stream, doing.clone());
    let router = data_router(Arc::clone(&gateway), Arc::clone(&worker));
    let served = Served { gateway: Arc::clone(&gateway), worker, router, doing };
    if is_h2 {
        // Its streams come and go; the socket counts as busy for as long as it is open.
        let _busy = served.doing.busy();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_H2_STREAMS)
            .max_header_list_size(MAX_HEADERS as u32);
        builder.keep_alive_interval(Duration::from_secs(30));
        let connection = pin!(builder.serve_connection(io, served));
        until_ended(&gateway, connection, http2::Connection::graceful_shutdown).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.max_header_size(MAX_HEADERS).header_read_timeout(None);
        let connection = pin!(builder.serve_connection(io, served));
        until_ended(&gateway, connection, http1::Connection::graceful_shutdown).await;
    }
}

/// Drives `connection` through the phases of a shutdown. A look at the phase each time it is polled costs less
/// than a channel to be polled along with it.
async fn until_ended<C: Future>(
    gateway: &Gateway,
    mut connection: Pin<&mut C>,
    graceful: impl Fn(Pin<&mut C>),
) {
    let shutdown = &gateway.shutdown;
    let mut woken = None;
    let mut told = false;
    std::future::poll_fn(|cx| {
        woken.get_or_insert_with(|| shutdown.wake(cx.waker().clone()));
        if shutdown.is(Phase::Ended) {
            return Poll::Ready(());
        }
        if !told && shutdown.is(Phase::Draining) {
            told = true;
            graceful(connection.as_mut());
        }
        // An error is the caller's: it has gone, or speaks no HTTP. At the cut, running answers end themselves.
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Whether the first bytes are HTTP/2's preface. They stay where they are.
async fn begins_h2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0; 4];
    let read = stream.peek(&mut first).await?;
    Ok(first.get(..read) == Some(b"PRI "))
}

/// What hyper calls for each request.
struct Served {
    gateway: Arc<Gateway>,
    worker: Arc<Worker>,
    router: Router,
    doing: Doing,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Counted>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Served {
    type Response = Response<Counted>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let busy = self.doing.busy();
        if is_chat(request.method(), request.uri().path()) {
            let (gateway, worker) = (Arc::clone(&self.gateway), Arc::clone(&self.worker));
            return Box::pin(async move {
                let response = until_cut(&gateway, &worker, pipeline::chat(&gateway, &worker, request)).await;
                Ok(response.map(|body| Counted { body, _busy: busy }))
            });
        }
        let routed = self.router.clone().call(request);
        Box::pin(async move {
            let Ok(response) = routed.await;
            Ok(from_router(response).map(|body| Counted { body, _busy: busy }))
        })
    }
}

/// The hot path, matched before any router.
fn is_chat(method: &Method, path: &str) -> bool {
    method == Method::POST && matches!(path, "/v1/chat/completions" | "/v1/v1/chat/completions")
}

/// Answers, unless the drain's time ends first.
async fn until_cut(
    gateway: &Gateway,
    worker: &Worker,
    answering: impl Future<Output = Response<OutBody>>,
) -> Response<OutBody> {
    let mut answering = pin!(answering);
    std::future::poll_fn(|cx| {
        if gateway.shutdown.is_cut() {
            let text = "The gateway is shutting down and could not finish this request. Send it again.";
            let id = RequestId::new(worker.random(), worker.random());
            return Poll::Ready(refusal(id, Fault::new(FaultKind::ShuttingDown, text)));
        }
        answering.as_mut().poll(cx)
    })
    .await
}

/// A body during which its connection counts as busy.
#[derive(Debug)]
struct Counted {
    body: OutBody,
    _busy: Busy,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = <OutBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
