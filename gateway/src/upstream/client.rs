//! Sends one attempt to a provider: the request is built here, never forwarded (semantics S10.2, S10.3).

use super::answer::{Answer, AnswerBody, broken};
use super::connect::{ConnectError, Dialer};
use super::h1::{Link, LinkBody, NoAnswer, Pool, Pooled};
use super::mock;
use super::request::{Accept, Request};
use super::site::{Ready, Server, Site};
use crate::clock;
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass};

/// A kept connection that the server had closed already says so within a round trip. A close that takes longer is a
/// failure like others: the vendor may have worked, and billed.
const STALE: Duration = Duration::from_millis(500);

/// What attempts need of their worker.
pub(crate) struct Client<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) allow_private: &'a [IpNet],
    /// How long connecting may take.
    pub(crate) connect: Duration,
    pub(crate) worker: usize,
    /// A random number for the Mock, and for how long a connection lives.
    pub(crate) random: u64,
    /// On a connection of its own, not on a kept one.
    pub(crate) fresh: bool,
    /// Set where a connection failed for want of a descriptor or port of ours.
    pub(crate) starved: &'a AtomicBool,
    /// Called once all of the request has gone out, if that is before its answer: no vendor works on a part of one.
    pub(crate) sent: &'a (dyn Fn() + Sync),
}

impl Client<'_> {
    /// Sends `request` to `site` and waits for the head of the answer. The caller's timer bounds it, but for the
    /// connect, which has its own.
    ///
    /// # Errors
    /// A failure that is `stale` came from a kept connection that the server closed while the request was on its way,
    /// as it may at any time: worth another attempt on a fresh one (semantics S1.7). Nothing is sent twice in here.
    pub(crate) async fn send(&self, site: &Site, request: &Request<'_>) -> Result<Answer, Failure> {
        match &site.ready {
            // Boxed, as all that most requests do without: it would make every request's future larger.
            Ready::Mock(mock) => {
                (self.sent)();
                let stream = request.accept == Accept::Events;
                let (head, body) = Box::pin(mock::answer(mock, request.body, stream, self.random)).await;
                Ok(Answer { head, body: AnswerBody::Mock(body) })
            }
            Ready::Server(server) => self.exchange(server, request).await,
        }
    }

    async fn exchange(&self, server: &Server, request: &Request<'_>) -> Result<Answer, Failure> {
        let pool = self.dialer.pool(self.worker).ok_or_else(broken)?;
        let mut began = clock::now();
        let kept = if self.fresh { None } else { self.kept(server, pool, began).await };
        let mut pooled = match kept {
            Some(pooled) => pooled,
            None => {
                let pooled = Box::pin(self.connect(server, pool)).await?;
                began = clock::now();
                pooled
            }
        };
        match pooled.link.exchange(&server.origin, request, self.sent).await {
            Ok(answer) => {
                let body = AnswerBody::Server(LinkBody::new(answer.length, pooled));
                Ok(Answer { head: answer.head, body })
            }
            Err(error) => {
                let stale =
                    matches!(error, NoAnswer::Closed) && pooled.link.reused && clock::since(began) < STALE;
                Err(Failure { stale, ..exchange_failure(&error) })
            }
        }
    }

    /// A kept connection to where this request may go.
    async fn kept(&self, server: &Server, pool: &Pool, now: Instant) -> Option<Box<Pooled>> {
        loop {
            let pooled = pool.take(&server.owner, now).await?;
            if pooled.link.peer.is_some_and(|peer| self.dialer.permits(peer, self.allow_private)) {
                return Some(pooled);
            }
        }
    }

    async fn connect(&self, server: &Server, pool: &Arc<Pool>) -> Result<Box<Pooled>, Failure> {
        let open = || self.dialer.connect(self.worker, &server.endpoint, self.allow_private);
        let connecting = async {
            match open().await {
                // What nobody uses gives way to what somebody asks for.
                Err(error) if error.is_ours() && pool.make_room() => open().await,
                opened => opened,
            }
        };
        match tokio::time::timeout(self.connect, connecting).await {
            Ok(stream) => {
                let stream = stream.map_err(|error| {
                    self.starved.fetch_or(error.is_ours(), Ordering::Relaxed);
                    connect_failure(error)
                })?;
                let link = Link::new(stream, clock::now(), self.random);
                Ok(Pooled::new(link, pool, &server.owner))
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
