//! When requests of an open-loop load are due, and the thread that says so.
//!
//! The runtime's timer is a millisecond wide, and watching the clock would take the core from the upstream.
//! So a thread of its own sleeps, as exactly as the kernel lets it. What it oversleeps counts as latency, for
//! every subject alike, because latency begins when a request was due.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

/// When requests start.
#[derive(Debug, Clone, Copy)]
pub enum Arrivals {
    /// When the caller's last answer is there.
    Closed,
    /// So many in a second, at equal distances.
    Constant(u32),
    /// So many in a second, at random.
    Poisson(u32),
}

/// Where callers learn when their next request is due.
#[derive(Clone)]
pub struct Clock(Option<Arc<Mutex<mpsc::UnboundedReceiver<Instant>>>>);

impl Clock {
    /// Begins now and ends after `period`. Closed load never ends by itself.
    pub fn start(arrivals: Arrivals, period: Duration) -> Self {
        let schedule = match arrivals {
            Arrivals::Closed => return Self(None),
            Arrivals::Constant(rate) => schedule(rate, period, |_| 1.0),
            // The same seed: each run has the same arrivals.
            Arrivals::Poisson(rate) => schedule(rate, period, |dice| -dice.fraction().ln()),
        };
        let (send, receive) = mpsc::unbounded_channel();
        let start = Instant::now();
        thread::spawn(move || {
            // Without it the kernel adds up to 50 us to each sleep; that is bearable where it is refused.
            let _ = fs::write("/proc/thread-self/timerslack_ns", "1");
            for after in schedule {
                let due = start + after;
                while let Some(left) =
                    due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
                {
                    thread::park_timeout(left);
                }
                if send.send(due).is_err() {
                    return; // nobody waits any more
                }
            }
        });
        Self(Some(Arc::new(Mutex::new(receive))))
    }

    /// When the next request was due: now, or at last. `None` after the last one.
    pub async fn next(&self) -> Option<Instant> {
        match &self.0 {
            None => Some(Instant::now()),
            Some(dues) => dues.lock().await.recv().await,
        }
    }
}

fn schedule(rate: u32, period: Duration, mut gap: impl FnMut(&mut Dice) -> f64) -> Vec<Duration> {
    let mut dice = Dice::new(1);
    let mut at = 0.0;
    let mut due = Vec::new();
    while at < period.as_secs_f64() {
        due.push(Duration::from_secs_f64(at));
        at += gap(&mut dice) / f64::from(rate.max(1));
    }
    due
}

/// xorshift64*: all the chance that a bench needs.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Above 0, at most 1.
    fn fraction(&mut self) -> f64 {
        ((self.roll() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_the_rate_that_was_asked_for() {
        let constant = schedule(1000, Duration::from_secs(2), |_| 1.0);
        assert!((1999..=2001).contains(&constant.len()), "{}", constant.len());
        let random = schedule(1000, Duration::from_secs(20), |dice| -dice.fraction().ln());
        assert!((19_400..20_600).contains(&random.len()), "{}", random.len());
        assert!(random.is_sorted());
    }
}
