//! Sends one attempt to a provider: the request is built here, never forwarded (semantics S10.2, S10.3).

use super::connect::{ConnectError, Dialer};
use super::link::{Link, LinkBody, Pool};
use super::mock::{self, MockBody};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use weir_config::{Backend, Endpoint, Failure, FailureClass, Mock, Provider, Secret};

/// An account, ready to be called: where it is and what opens it are one value, so that no credential can go
/// anywhere else.
#[derive(Debug)]
pub(crate) struct Account {
    backend: Ready,
    pub(crate) provider: Arc<Provider>,
    /// Learned: the upstream refuses the usage option (semantics S2.6).
    pub(crate) refuses_usage_option: AtomicBool,
}

#[derive(Debug)]
enum Ready {
    Server(Server),
    Mock(Mock),
}

#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    chat: Uri,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    /// A pool for each worker.
    pools: Arc<[Pool]>,
}

/// The provider's endpoint or credential cannot stand in an HTTP request.
#[derive(Debug, thiserror::Error)]
#[error("provider {0}: its endpoint or credential cannot stand in an HTTP request")]
pub(crate) struct InvalidAccount(String);

impl Account {
    /// Prepares `provider` for `workers` workers.
    pub(crate) fn new(
        provider: Arc<Provider>,
        credential: Option<&Secret>,
        workers: usize,
    ) -> Result<Self, InvalidAccount> {
        let invalid = || InvalidAccount(provider.name.to_string());
        let backend = match &provider.backend {
            Backend::Mock(mock) => Ready::Mock(mock.clone()),
            Backend::Http(endpoint) => {
                Ready::Server(Server::new(endpoint, credential, workers).ok_or_else(invalid)?)
            }
        };
        Ok(Self { backend, provider, refuses_usage_option: AtomicBool::new(false) })
    }

    /// Whether a stream's usage should be asked for.
    pub(crate) fn wants_usage_option(&self) -> bool {
        self.provider.vendor.row().usage == weir_config::UsageOption::Ask
            && !self.refuses_usage_option.load(Ordering::Relaxed)
    }
}

impl Server {
    fn new(endpoint: &Endpoint, credential: Option<&Secret>, workers: usize) -> Option<Self> {
        let host =
            if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
        let default_port = if endpoint.tls { 443 } else { 80 };
        let host = if endpoint.port == default_port { host } else { format!("{host}:{}", endpoint.port) };
        let authorization = match credential {
            Some(secret) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Some(Self {
            chat: Uri::try_from(format!("{}/chat/completions", endpoint.base_path)).ok()?,
            host: HeaderValue::from_str(&host).ok()?,
            authorization,
            endpoint: endpoint.clone(),
            pools: (0..workers).map(|_| Pool::default()).collect(),
        })
    }

    fn request(&self, body: Bytes, stream: bool) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.chat.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        // Compressed answers would have to be decompressed to be checked: a bomb's way in.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION"))));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}

/// What attempts need of their worker.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) allow_private: &'a [IpNet],
    pub(crate) worker: usize,
    /// A random number for the Mock.
    pub(crate) random: u64,
}

/// The head of an answer and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: AnswerBody,
}

/// An answer's body; dropping it cancels the upstream.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    Server(LinkBody),
    Mock(MockBody),
}

impl AnswerBody {
    /// The next piece; `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        match self {
            Self::Server(body) => {
                body.poll_data(cx).map(|piece| piece.map(|data| data.map_err(|_| broken())))
            }
            Self::Mock(body) => body.poll_data(cx).map(|piece| piece.map(Ok)),
        }
    }

    /// The next piece; `None` at its end.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, Failure>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    /// The length that was announced, if it was.
    pub(crate) fn exact_len(&self) -> Option<u64> {
        match self {
            Self::Server(body) => body.exact_len(),
            Self::Mock(_) => None,
        }
    }
}

fn broken() -> Failure {
    Failure::new(FailureClass::ServerError, "the upstream broke the connection off")
}

impl Client<'_> {
    /// Sends `body` to the account's chat completions and waits for the head of the answer. The caller's timer
    /// bounds it, but for the connect, which has its own.
    pub(crate) async fn chat(&self, account: &Account, body: Bytes, stream: bool) -> Result<Answer, Failure> {
        match &account.backend {
            // Boxed, as all that most requests do without: it would make every request's future larger.
            Ready::Mock(mock) => Ok(Box::pin(mock::answer(mock, &body, stream, self.random)).await),
            Ready::Server(server) => {
                self.exchange(server, account.provider.timeouts.connect, body, stream).await
            }
        }
    }

    async fn exchange(
        &self,
        server: &Server,
        connect: Duration,
        body: Bytes,
        stream: bool,
    ) -> Result<Answer, Failure> {
        let pool = server.pools.get(self.worker).ok_or_else(broken)?;
        loop {
            let mut link = match pool.take().await {
                Some(link) => link,
                None => Box::pin(self.connect(server, connect)).await?,
            };
            match link.exchange(server.request(body.clone(), stream)).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    let body = LinkBody::new(body, link, Arc::clone(&server.pools), self.worker);
                    let body = AnswerBody::Server(body);
                    return Ok(Answer { status: head.status, headers: head.headers, body });
                }
                // The server closed a kept connection while the request was on its way, as it may at any time:
                // no answer was begun, so it goes out again, at last on a connection of its own.
                Err(error) if link.reused && is_close(error.error()) => {}
                Err(error) => return Err(exchange_failure(error.error())),
            }
        }
    }

    async fn connect(&self, server: &Server, within: Duration) -> Result<Box<Link>, Failure> {
        let connected = tokio::time::timeout(within, async {
            let stream =
                self.dialer.connect(&server.endpoint, self.allow_private).await.map_err(connect_failure)?;
            Link::new(stream).await.map_err(|_| broken())
        });
        match connected.await {
            Ok(link) => link,
            Err(_) => Err(Failure::new(FailureClass::Timeout, "connecting to the upstream took too long")),
        }
    }
}

/// Whether the connection was closed before a byte of the answer came.
fn is_close(error: &hyper::Error) -> bool {
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_reset(error)
}

fn is_reset(error: &hyper::Error) -> bool {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| {
        matches!(io.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
    })
}

fn exchange_failure(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::new(FailureClass::Garbled, "the upstream's answer is not HTTP");
    }
    Failure::new(FailureClass::ServerError, "the upstream closed the connection without an answer")
}

fn connect_failure(error: ConnectError) -> Failure {
    // The text names no address: it may reach a caller where disclosure is full.
    Failure::new(FailureClass::ServerError, format!("the upstream cannot be reached: {error}"))
}
