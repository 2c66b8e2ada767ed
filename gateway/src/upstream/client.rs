//! Sends one attempt to a provider: the request is built here, never forwarded (semantics S10.2, S10.3).

use super::connect::{ConnectError, Dialer};
use super::head::Head;
use super::link::{Link, LinkBody, NoAnswer, Pool};
use super::mock::{self, MockBody};
use bytes::Bytes;
use http::{HeaderValue, Uri};
use ipnet::IpNet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use weir_config::{Backend, Endpoint, Failure, FailureClass, Mock, Provider, Secret};

/// A kept connection that the server had closed already says so within a round trip.
const STALE: Duration = Duration::from_millis(500);

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

struct Server {
    endpoint: Endpoint,
    /// The head of a unary request and of a stream's, up to the value of content-length. The credential is in them.
    unary: Vec<u8>,
    stream: Vec<u8>,
    /// A pool for each worker.
    pools: Arc<[Pool]>,
}

impl fmt::Debug for Server {
    /// Without the heads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
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
        let pools = (0..workers).map(|_| Pool::default()).collect();
        let head = |accept| head(endpoint, credential, accept);
        Some(Self {
            endpoint: endpoint.clone(),
            unary: head("application/json")?,
            stream: head("text/event-stream")?,
            pools,
        })
    }
}

/// The constant part of a request's head: these headers and no others. `None` if the endpoint or credential cannot
/// stand in one.
///
/// Compressed answers would have to be decompressed to be checked, a bomb's way in: none is accepted.
fn head(endpoint: &Endpoint, credential: Option<&Secret>, accept: &str) -> Option<Vec<u8>> {
    let path = Uri::try_from(format!("{}/chat/completions", endpoint.base_path)).ok()?;
    let host =
        if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let default_port = if endpoint.tls { 443 } else { 80 };
    let host = if endpoint.port == default_port { host } else { format!("{host}:{}", endpoint.port) };
    HeaderValue::from_str(&host).ok()?;
    let authorization = match credential {
        Some(secret) => {
            HeaderValue::from_str(secret.expose()).ok()?;
            format!("authorization: Bearer {}\r\n", secret.expose())
        }
        None => String::new(),
    };
    let agent = concat!("weir/", env!("CARGO_PKG_VERSION"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\n{authorization}content-type: application/json\r\n\
         accept: {accept}\r\naccept-encoding: identity\r\nuser-agent: {agent}\r\ncontent-length: "
    );
    Some(head.into_bytes())
}

/// What attempts need of their worker.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) allow_private: &'a [IpNet],
    pub(crate) worker: usize,
    /// A random number for the Mock.
    pub(crate) random: u64,
    /// Set where a connection failed for want of a descriptor of ours.
    pub(crate) starved: &'a AtomicBool,
}

/// The head of an answer and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
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
        let begin = if stream { &server.stream } else { &server.unary };
        loop {
            let mut link = match pool.take().await {
                Some(link) => link,
                None => Box::pin(self.connect(server, connect)).await?,
            };
            let began = Instant::now();
            match link.exchange(begin, &body).await {
                Ok(head) => {
                    let body = LinkBody::new(head.length, link, Arc::clone(&server.pools), self.worker);
                    return Ok(Answer { head, body: AnswerBody::Server(body) });
                }
                // The server closed a kept connection while the request was on its way, as it may at any time:
                // no answer was begun, so it goes out again, at last on a connection of its own. A close that
                // took longer is a failure like others: the vendor may have worked, and billed.
                Err(NoAnswer::Closed) if link.reused && began.elapsed() < STALE => {}
                Err(error) => return Err(exchange_failure(&error)),
            }
        }
    }

    async fn connect(&self, server: &Server, within: Duration) -> Result<Box<Link>, Failure> {
        let connected = tokio::time::timeout(within, async {
            let stream =
                self.dialer.connect(&server.endpoint, self.allow_private).await.map_err(|error| {
                    self.starved.fetch_or(error.is_ours(), Ordering::Relaxed);
                    connect_failure(error)
                })?;
            Ok(Link::new(stream))
        });
        match connected.await {
            Ok(link) => link,
            Err(_) => Err(Failure::new(FailureClass::Timeout, "connecting to the upstream took too long")),
        }
    }
}

fn exchange_failure(error: &NoAnswer) -> Failure {
    let class = match error {
        NoAnswer::NotHttp => FailureClass::Garbled,
        NoAnswer::Closed | NoAnswer::Broken => FailureClass::ServerError,
    };
    Failure::new(class, error.to_string())
}

fn connect_failure(error: ConnectError) -> Failure {
    // The text names no address: it may reach a caller where disclosure is full.
    Failure::new(FailureClass::ServerError, format!("the upstream cannot be reached: {error}"))
}
