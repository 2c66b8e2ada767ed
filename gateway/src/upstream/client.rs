//! Sends one attempt to a provider: the request is built here, never forwarded (semantics S10.2, S10.3).

use super::account::{Account, Ready, Server};
use super::body::LinkBody;
use super::connect::{ConnectError, Dialer};
use super::head::Head;
use super::link::{Link, NoAnswer};
use super::mock::{self, MockBody};
use super::pool::{Home, Pool};
use bytes::Bytes;
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass};

/// A kept connection that the server had closed already says so within a round trip. A close that takes longer is a
/// failure like others: the vendor may have worked, and billed.
const STALE: Duration = Duration::from_millis(500);

/// What attempts need of their worker.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) allow_private: &'a [IpNet],
    pub(crate) worker: usize,
    /// A random number for the Mock, and for how long a connection lives.
    pub(crate) random: u64,
    /// On a connection of its own, not on a kept one.
    pub(crate) fresh: bool,
    /// Set where a connection failed for want of a descriptor or port of ours.
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

    /// The caller has the whole answer: the little that may still come is read without anybody waiting for it, for
    /// the connection's sake. To drop the body closes the connection.
    pub(crate) fn finish(self) {
        match self {
            Self::Server(body) => body.finish(),
            Self::Mock(_) => {}
        }
    }

    /// Whether a part of the request is still to be sent, and so still held.
    pub(crate) fn is_sending(&self) -> bool {
        matches!(self, Self::Server(body) if body.is_sending())
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
    ///
    /// # Errors
    /// A failure that is `stale` came from a kept connection that the server closed while the request was on its way,
    /// as it may at any time: worth another attempt on a fresh one (semantics S1.7). Nothing is sent twice in here.
    pub(crate) async fn chat(
        &self,
        account: &Account,
        body: &[Bytes],
        stream: bool,
    ) -> Result<Answer, Failure> {
        match &account.backend {
            // Boxed, as all that most requests do without: it would make every request's future larger.
            Ready::Mock(mock) => Ok(Box::pin(mock::answer(mock, body, stream, self.random)).await),
            Ready::Server(server) => {
                self.exchange(server, account.provider.timeouts.connect, body, stream).await
            }
        }
    }

    async fn exchange(
        &self,
        server: &Server,
        connect: Duration,
        body: &[Bytes],
        stream: bool,
    ) -> Result<Answer, Failure> {
        let pool = self.dialer.pool(self.worker).ok_or_else(broken)?;
        let mut began = Instant::now();
        let kept = if self.fresh { None } else { self.kept(server, pool, began).await };
        let mut link = match kept {
            Some(link) => link,
            None => {
                let link = Box::pin(self.connect(server, pool, connect)).await?;
                began = Instant::now();
                link
            }
        };
        let begin = if stream { &server.stream } else { &server.unary };
        match link.exchange(begin, body).await {
            Ok(head) => {
                let body = LinkBody::new(head.length, link);
                Ok(Answer { head, body: AnswerBody::Server(body) })
            }
            Err(error) => {
                let stale = matches!(error, NoAnswer::Closed) && link.reused && began.elapsed() < STALE;
                Err(Failure { stale, ..exchange_failure(&error) })
            }
        }
    }

    /// A kept connection to where this request may go.
    async fn kept(&self, server: &Server, pool: &Pool, now: Instant) -> Option<Box<Link>> {
        loop {
            let link = pool.take(&server.owner, now).await?;
            if link.peer.is_some_and(|peer| self.dialer.permits(peer, self.allow_private)) {
                return Some(link);
            }
        }
    }

    async fn connect(
        &self,
        server: &Server,
        pool: &Arc<Pool>,
        within: Duration,
    ) -> Result<Box<Link>, Failure> {
        let open = || self.dialer.connect(self.worker, &server.endpoint, self.allow_private);
        let connecting = async {
            match open().await {
                // What nobody uses gives way to what somebody asks for.
                Err(error) if error.is_ours() && pool.make_room() => open().await,
                opened => opened,
            }
        };
        match tokio::time::timeout(within, connecting).await {
            Ok(stream) => {
                let stream = stream.map_err(|error| {
                    self.starved.fetch_or(error.is_ours(), Ordering::Relaxed);
                    connect_failure(error)
                })?;
                let home = Home::new(pool, &server.owner);
                Ok(Link::new(stream, home, Instant::now(), self.random))
            }
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
    let class = match error {
        // Who is there is not whom we mean, and asking again does not make them trusted.
        ConnectError::Untrusted(_) => FailureClass::Misdirected,
        _ => FailureClass::ServerError,
    };
    let unasked = matches!(error, ConnectError::NoPort);
    // The text names no address: it may reach a caller where disclosure is full.
    Failure { unasked, ..Failure::new(class, format!("the upstream cannot be reached: {error}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn s9_12_for_want_of_a_port_nobody_was_asked() {
        assert!(connect_failure(ConnectError::NoPort).unasked);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(!connect_failure(ConnectError::Connect(refused)).unasked);
    }
}
