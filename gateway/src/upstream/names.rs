//! What names resolve to, remembered for some seconds by each worker.
//!
//! getaddrinfo takes a thread while it runs: a burst of connections to one vendor would take hundreds, all to ask the
//! same. Whoever asks while an answer is under way waits for that one, and shares it, be it a failure; a failure is
//! not remembered. What is remembered is younger than any record's time to live that matters.

use crate::clock;
use crate::tasks;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long an answer is used.
const FRESH: Duration = Duration::from_secs(3);

/// What a lookup brought.
pub(super) type Found = Result<Arc<[SocketAddr]>, io::ErrorKind>;

/// A host and a port.
type Origin = (String, u16);

/// What one worker knows.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<Origin, Name, RandomState>>);

#[derive(Debug)]
struct Name {
    /// When it was asked for.
    since: Instant,
    /// `None` while the answer is under way.
    found: watch::Receiver<Option<Found>>,
}

impl Name {
    /// Whether its answer may still be used, or is still to come.
    fn is_fresh(&self, now: Instant) -> bool {
        match &*self.found.borrow() {
            Some(Ok(_)) => now < self.since + FRESH,
            Some(Err(_)) => false,
            None => self.found.has_changed().is_ok(), // whoever looks it up lives
        }
    }
}

impl Names {
    /// The addresses of `host`, with `port`.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Found {
        if let Ok(literal) = host.parse::<IpAddr>() {
            return Ok(Arc::new([SocketAddr::new(literal, port)]));
        }
        let origin = (host.to_owned(), port);
        self.find(origin, clock::now(), |(host, port)| async move {
            let found = tokio::net::lookup_host((host, port)).await;
            found.map(Iterator::collect).map_err(|error| error.kind())
        })
        .await
    }

    /// What is known of `origin`, or what `look_up` finds.
    async fn find<F>(&self, origin: Origin, now: Instant, look_up: impl FnOnce(Origin) -> F) -> Found
    where
        F: Future<Output = Found> + Send + 'static,
    {
        let mut found = {
            let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match names.get(&origin) {
                Some(name) if name.is_fresh(now) => name.found.clone(),
                _ => {
                    names.retain(|_, name| name.is_fresh(now)); // of sites that are gone, too
                    let (tell, found) = watch::channel(None);
                    let name = Name { since: now, found: found.clone() };
                    names.insert(origin.clone(), name);
                    let looking = look_up(origin);
                    // On its own: if whoever asked first gives up, the others wait for it still.
                    tasks::spawn("lookup of a name", async move {
                        tell.send_replace(Some(looking.await));
                    });
                    found
                }
            }
        };
        let found = found.wait_for(Option::is_some).await;
        // An error is a lookup that panicked.
        found.ok().and_then(|found| found.clone()).unwrap_or(Err(io::ErrorKind::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    fn origin(host: &str) -> Origin {
        (host.to_owned(), 443)
    }

    fn address(last: u8) -> Found {
        Ok(Arc::new([SocketAddr::from(([192, 0, 2, last], 443))]))
    }

    /// Answers `found` and counts.
    fn counted(
        asked: &Arc<AtomicUsize>,
        found: Found,
    ) -> impl FnOnce(Origin) -> std::future::Ready<Found> + use<> {
        let asked = Arc::clone(asked);
        move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(found)
        }
    }

    #[tokio::test]
    async fn s1_13_who_asks_meanwhile_waits_for_the_same_answer_also_when_the_first_has_left() {
        let (names, now, gate) = (Names::default(), Instant::now(), Arc::new(Notify::new()));
        let asked = Arc::new(AtomicUsize::new(0));
        let slow = || {
            let (gate, asked) = (Arc::clone(&gate), Arc::clone(&asked));
            move |_| async move {
                asked.fetch_add(1, Ordering::Relaxed);
                gate.notified().await;
                address(1)
            }
        };
        {
            let mut first = Box::pin(names.find(origin("a"), now, slow()));
            assert!(
                std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx).is_pending())).await
            );
        }
        let others = async {
            tokio::join!(
                names.find(origin("a"), now, slow()),
                names.find(origin("a"), now + FRESH * 9, slow())
            )
        };
        let (others, ()) = tokio::join!(others, async { gate.notify_one() });
        assert_eq!(others, (address(1), address(1)));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn s1_13_an_answer_is_used_for_some_seconds_and_a_failure_not_at_all() {
        let (names, now, asked) = (Names::default(), Instant::now(), Arc::new(AtomicUsize::new(0)));
        let failed = Err(io::ErrorKind::NotFound);
        assert_eq!(names.find(origin("a"), now, counted(&asked, failed.clone())).await, failed);
        assert_eq!(names.find(origin("a"), now, counted(&asked, address(1))).await, address(1));
        let soon = now + FRESH - Duration::from_millis(1);
        assert_eq!(names.find(origin("a"), soon, counted(&asked, address(2))).await, address(1));
        assert_eq!(names.find(origin("b"), soon, counted(&asked, address(3))).await, address(3));
        let later = now + FRESH;
        assert_eq!(names.find(origin("a"), later, counted(&asked, address(2))).await, address(2));
        assert_eq!(asked.load(Ordering::Relaxed), 4);
        let much_later = now + FRESH * 9;
        names.find(origin("c"), much_later, counted(&asked, address(4))).await.unwrap();
        assert_eq!(names.0.lock().unwrap().len(), 1, "what is outdated is forgotten");
    }

    #[tokio::test]
    async fn s1_13_a_literal_address_is_looked_up_nowhere() {
        let names = Names::default();
        for (host, expected) in [("192.0.2.1", "192.0.2.1:443"), ("2001:db8::1", "[2001:db8::1]:443")] {
            assert_eq!(*names.resolve(host, 443).await.unwrap(), [expected.parse().unwrap()]);
        }
        assert!(names.0.lock().unwrap().is_empty());
        assert!(names.resolve("no-such-name.invalid", 443).await.is_err());
    }
}
