//! Serves one caller's connection: HTTP/1.1, or HTTP/2 where the caller begins with its preface.

use super::activity::{Activity, Busy};
use super::body::Outgoing;
use super::endpoint::Endpoint;
use super::first_bytes::{FirstBytes, Speaks};
use super::guarded::Guarded;
use super::hot::{self, Answered, Noted};
use super::outbox::Outbox;
use super::phases::until_ended;
use super::refusal::refusal;
use super::router::MAX_HEADERS;
use super::streams::Streams;
use super::upload::{self, Upload};
use super::{router, unreadable};
use crate::app::Gateway;
use crate::clock;
use crate::fault::Fault;
use crate::observe::{Recorder, RequestId};
use crate::shutdown::{Phase, reached};
use crate::sockets::{Stream, for_caller};
use crate::tasks;
use crate::timer::SharedTimer;
use crate::words;
use crate::worker::Worker;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1::Parts;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use weir_wire::Api;

/// What is read of an HTTP/2 request's headers, so that those above the bound get an answer. The library allows as many
/// frames as this makes, and a quarter more; a connection that sends more ends, with all of its streams.
const H2_HEADERS: u32 = 256 << 10;
/// More lines do not fit in there. hyper takes 100 at first: room for more is an allocation per request.
const MOST_LINES: usize = MAX_HEADERS / 4;
const MAX_H2_STREAMS: u32 = 128;
/// Of HTTP/2's flow control, what a caller may send before it is read: of one body, and of all of a connection, so that
/// a body that waits for room stops no other.
const H2_STREAM_WINDOW: u32 = 128 << 10;
const H2_CONNECTION_WINDOW: u32 = 1 << 20;
/// Streams that a caller has opened and reset before we have seen them. A proxy resets what its callers cancel: at most
/// what was open, a few times over. Their headers are held until the connection's next turn.
const MAX_H2_RESETS: usize = 1000;
/// In a drain, whoever has connected just now is about to say something, or has never meant to.
const SOON: Duration = Duration::from_secs(1);

/// Serves `stream` until it ends, or the gateway does.
pub(crate) async fn serve_connection(gateway: Arc<Gateway>, worker: Arc<Worker>, stream: Stream) {
    if for_caller(&stream).is_err() {
        return; // closed already
    }
    let first = tokio::time::timeout(gateway.bounds.headers, FirstBytes::read(&stream));
    let Some(Ok(Ok(first))) = unless_drained(&gateway, first).await else { return };
    let activity = Activity::new(clock::now());
    let io = Guarded::new(stream, &first, Arc::clone(&gateway), activity.clone());
    let (outbox, timer) = Default::default();
    let served = Served { gateway, worker, activity, outbox, timer };
    match first.speaks() {
        Speaks::Http1 => serve_http1(io, served).await,
        Speaks::Http2 => serve_http2(io, served).await,
    }
}

/// What `waiting` for a caller brings; `None` where a drain has begun and it brings nothing for a while: no request is
/// being answered.
async fn unless_drained<T>(gateway: &Gateway, waiting: impl Future<Output = T>) -> Option<T> {
    let mut phase = gateway.shutdown.watch();
    let mut waiting = pin!(waiting);
    tokio::select! {
        biased;
        brought = &mut waiting => Some(brought),
        () = reached(&mut phase, Phase::Draining) => tokio::time::timeout(SOON, waiting).await.ok(),
    }
}

async fn serve_http2(io: Guarded, served: Served) {
    let gateway = Arc::clone(&served.gateway);
    let mut builder = http2::Builder::new(Streams::new(Arc::clone(&gateway)));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_H2_STREAMS)
        .max_header_list_size(H2_HEADERS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(MAX_H2_RESETS)
        .keep_alive_interval(Duration::from_secs(30));
    let connection = pin!(builder.serve_connection(io, served));
    until_ended(&gateway, connection, http2::Connection::graceful_shutdown, || false).await;
}

async fn serve_http1(mut io: Guarded, mut served: Served) {
    let (gateway, activity) = (Arc::clone(&served.gateway), served.activity.clone());
    let mut builder = http1::Builder::new();
    builder.max_header_size(MAX_HEADERS).max_buf_size(MAX_HEADERS).header_read_timeout(None);
    let mut most_lines = None;
    loop {
        let mut connection = builder.serve_connection(io, served);
        let (task, graceful) = (Pin::new(&mut connection), http1::Connection::graceful_shutdown);
        until_ended(&gateway, task, graceful, || activity.has_refused()).await;
        if activity.has_broken_off() {
            connection.into_parts().io.reset();
            return;
        }
        let Some(status) = activity.take_refusal() else { return };
        let Parts { io: socket, read_buf, service, .. } = connection.into_parts();
        (io, served) = (socket, service);
        if status != 431 || unreadable::is_too_large(&read_buf, MAX_HEADERS) || most_lines.is_some() {
            drop(read_buf); // nobody counts it
            let (id, within) = (served.new_id(), gateway.bounds.write_idle);
            let fault = unreadable::fault(status, MAX_HEADERS, served.worker.random());
            // Boxed: every connection's task would be as large, and few come here.
            let refusing = Box::pin(unreadable::refuse(io, fault, id, within));
            unless_drained(&gateway, refusing).await;
            return;
        }
        // Too many lines, not too large.
        io.read_again(read_buf);
        builder.max_headers(*most_lines.insert(MOST_LINES));
    }
}

/// What hyper calls for each request.
struct Served {
    gateway: Arc<Gateway>,
    worker: Arc<Worker>,
    activity: Activity,
    /// For HTTP/1.1's answers, one by one.
    outbox: Arc<Outbox>,
    timer: SharedTimer,
}

impl Served {
    fn new_id(&self) -> RequestId {
        RequestId::new(self.worker.random(), self.worker.random())
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Outgoing>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Served {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let (busy, id) = (self.activity.busy(), self.new_id());
        let (gateway, outbox) = (Arc::clone(&self.gateway), Arc::clone(&self.outbox));
        let version = request.version();
        let checked = router::check_head(&request);
        let api = Endpoint::at(request.uri().path()).asks(request.method());
        if let (Ok(head_bytes), Some(api)) = (&checked, api) {
            let head_bytes = *head_bytes;
            // Now, and not when the answering begins: its caller may be gone by then, and is recorded all the same.
            let recorder = Recorder::begin(&self.worker.sinks, id, clock::now());
            // HTTP/2's requests run side by side: each has a timer of its own.
            let timer = if version < Version::HTTP_2 { self.timer.clone() } else { SharedTimer::default() };
            let worker = Arc::clone(&self.worker);
            let noted = Noted { api, recorder, timer, head_bytes };
            return Box::pin(ask(gateway, worker, noted, request, outbox, busy));
        }
        let (head, body) = request.into_parts();
        let response = match checked {
            Ok(_) => router::answer(&gateway, &head, id),
            Err(fault) => refusal(id, api.unwrap_or(words::API), fault),
        };
        let unread = Upload::new(&head, body).unread(); // nothing that is served here has one
        Box::pin(async move { Ok(hand_out(&gateway, version, Answered { response, unread }, &outbox, busy)) })
    }
}

/// All of a request that targets answer, up to the head of its answer: the one allocation that each costs.
async fn ask(
    gateway: Arc<Gateway>,
    worker: Arc<Worker>,
    noted: Noted,
    request: Request<Incoming>,
    outbox: Arc<Outbox>,
    busy: Busy,
) -> Result<Response<Outgoing>, Infallible> {
    let (id, api, version) = (noted.recorder.event.id, noted.api, request.version());
    let answering = pin!(hot::ask(&gateway, &worker, noted, request));
    let answered = until_cut(&gateway, id, api, answering).await;
    Ok(hand_out(&gateway, version, answered, &outbox, busy))
}

/// Hands an answer to hyper. What is unread of the request is read meanwhile: who listens while it sends hears the
/// refusal at once, who listens afterwards hears it then.
fn hand_out(
    gateway: &Gateway,
    version: Version,
    answered: Answered,
    outbox: &Arc<Outbox>,
    busy: Busy,
) -> Response<Outgoing> {
    let Answered { response, unread } = answered;
    if let Some(body) = unread {
        let busy = busy.another();
        tasks::spawn("discard a body", async move {
            upload::discard(body).await;
            drop(busy);
        });
    }
    leaving(gateway, version, response).map(|body| Outgoing::new(body, version, outbox, busy))
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
    api: Api,
    mut answering: Pin<&mut impl Future<Output = Answered>>,
) -> Answered {
    std::future::poll_fn(|cx| {
        if gateway.shutdown.is_cut() {
            let response = refusal(id, api, Fault::shutting_down());
            return Poll::Ready(Answered { response, unread: None });
        }
        answering.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_future_of_a_request_stays_under_4_kib() {
        fn size<F: Future>(
            _: impl FnOnce(Arc<Gateway>, Arc<Worker>, Noted, Request<Incoming>, Arc<Outbox>, Busy) -> F,
        ) -> usize {
            size_of::<F>()
        }
        assert!(size(ask) < 4096, "{}", size(ask));
    }

    /// It is there for as long as its connection, whatever that does.
    #[test]
    fn s9_5_the_task_of_a_connection_stays_under_8_kib() {
        fn size<F: Future>(_: impl FnOnce(Arc<Gateway>, Arc<Worker>, Stream) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(serve_connection) < 8 << 10, "{}", size(serve_connection));
    }
}
