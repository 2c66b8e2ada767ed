//! Which of several addresses a connection goes to: as RFC 8305 has it ("Happy Eyeballs"). An address that swallows
//! packets must not cost the whole time for connecting while another one answers.
//!
//! It knows no sockets: it races whatever it is given.

use crate::clock;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::time::sleep;

/// The next attempt begins so long after the one before, unless that fails earlier (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// The addresses in the order in which they are tried: the resolver's, the families by turns, so that a family that is
/// broken as a whole costs one `STAGGER` (RFC 8305, section 4).
pub(super) fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first_family = |address: &&SocketAddr| Some(address.is_ipv4()) == first_is_ipv4(addresses);
    let mut first = addresses.iter().filter(is_first_family);
    let mut second = addresses.iter().filter(|address| !is_first_family(address));
    let mut ordered = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(first.next().into_iter().chain(second.next()));
    }
    ordered
}

fn first_is_ipv4(addresses: &[SocketAddr]) -> Option<bool> {
    addresses.first().map(SocketAddr::is_ipv4)
}

/// Begins the attempts one after the other and gives the first success; all others are dropped, which cancels them.
/// Where none succeeds, the failure that came last; `None`: there was no attempt.
pub(super) async fn race<T, E, F>(attempts: impl Iterator<Item = F>) -> Option<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut untried = attempts.fuse();
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    let mut last = None;
    let (mut begin, mut more) = (true, true);
    let mut timer = pin!(sleep(STAGGER));
    poll_fn(|cx| {
        loop {
            if std::mem::take(&mut begin) {
                let attempt = untried.next();
                more = attempt.is_some();
                running.extend(attempt.map(Box::pin));
                timer.as_mut().reset((clock::now() + STAGGER).into());
            }
            let mut won = None;
            running.retain_mut(|attempt| match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(connection)) => {
                    won.get_or_insert(connection);
                    false
                }
                Poll::Ready(Err(failure)) => {
                    last = Some(failure);
                    begin = true;
                    false
                }
                Poll::Pending => true,
            });
            if won.is_some() {
                return Poll::Ready(won.map(Ok));
            }
            if running.is_empty() && !more {
                return Poll::Ready(last.take().map(Err));
            }
            if !begin && (!more || timer.as_mut().poll(cx).is_pending()) {
                return Poll::Pending;
            }
            begin = true;
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Mutex;

    /// What an address does.
    #[derive(Clone, Copy)]
    enum Does {
        Answer(u64),
        Refuse(u64),
        Swallow,
    }
    use Does::{Answer, Refuse, Swallow};

    /// Who won, or failed last; the milliseconds that it took; and when which attempt began.
    async fn run(addresses: &[Does]) -> (Option<Result<usize, usize>>, u64, Vec<(usize, u64)>) {
        let start = clock::now();
        let begun = Mutex::new(Vec::new());
        let elapsed = || clock::since(start).as_millis() as u64;
        let attempts = addresses.iter().enumerate().map(|(at, does)| {
            let begun = &begun;
            async move {
                begun.lock().unwrap().push((at, elapsed()));
                match does {
                    Answer(millis) => sleep(Duration::from_millis(*millis)).await,
                    Refuse(millis) => {
                        sleep(Duration::from_millis(*millis)).await;
                        return Err(at);
                    }
                    Swallow => pending().await,
                }
                Ok(at)
            }
        });
        let result = race(attempts).await;
        (result, elapsed(), begun.into_inner().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn s1_13_a_silent_address_costs_a_quarter_of_a_second() {
        let (won, took, begun) = run(&[Swallow, Answer(20), Answer(0)]).await;
        assert_eq!((won, begun), (Some(Ok(1)), vec![(0, 0), (1, 250)]));
        assert!((270..280).contains(&took), "{took}");
        let (won, took, _) = run(&[Swallow, Swallow, Swallow, Answer(0)]).await;
        assert_eq!(won, Some(Ok(3)));
        assert!((750..760).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn s1_13_a_refusal_costs_nothing_and_the_first_answer_wins() {
        let (won, took, _) = run(&[Refuse(0), Refuse(0), Answer(5)]).await;
        assert_eq!(won, Some(Ok(2)));
        assert!(took < 20, "{took}");
        let (won, _, begun) = run(&[Answer(400), Answer(300), Answer(300)]).await;
        assert_eq!(won, Some(Ok(0)), "begun earlier, and there first");
        assert_eq!(begun.len(), 2, "no attempt begins once one has won");
        let (won, took, _) = run(&[Answer(900), Refuse(100), Answer(50)]).await;
        assert_eq!(won, Some(Ok(2)));
        assert!((400..410).contains(&took), "250 and 100 until the refusal, then at once: {took}");
    }

    #[tokio::test(start_paused = true)]
    async fn s1_13_where_none_answers_the_last_failure_is_told() {
        assert_eq!(run(&[]).await.0, None);
        assert_eq!(run(&[Refuse(0)]).await.0, Some(Err(0)));
        let (lost, took, _) = run(&[Refuse(600), Refuse(10), Refuse(0)]).await;
        assert_eq!(lost, Some(Err(0)), "a slow refusal is waited for");
        assert!((600..610).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn s1_13_who_wins_cancels_the_others() {
        struct Ended<'a>(&'a Mutex<u32>);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let ended = Mutex::new(0);
        let attempts = [Some(9_000), None, Some(1)].map(|millis| {
            let ended = Ended(&ended);
            async move {
                let _ended = ended;
                match millis {
                    Some(millis) => sleep(Duration::from_millis(millis)).await,
                    None => pending().await,
                }
                Ok::<_, ()>(())
            }
        });
        assert_eq!(race(attempts.into_iter()).await, Some(Ok(())));
        assert_eq!(*ended.lock().unwrap(), 3);
    }

    #[test]
    fn s1_13_the_families_take_turns_and_the_resolvers_first_begins() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
        };
        for (resolved, tried) in [
            (vec!["::1", "::2", "::3", "1.1.1.1"], vec!["::1", "1.1.1.1", "::2", "::3"]),
            (vec!["1.1.1.1", "1.1.1.2", "::1", "::2"], vec!["1.1.1.1", "::1", "1.1.1.2", "::2"]),
            (vec!["1.1.1.2", "1.1.1.1"], vec!["1.1.1.2", "1.1.1.1"]),
            (vec![], vec![]),
        ] {
            assert_eq!(interleave(&addresses(&resolved)), addresses(&tried));
        }
    }
}
