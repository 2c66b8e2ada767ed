//! How many attempts beyond its requests' first ones a route may cause (semantics S1.3).
//!
//! Two promises meet here. Rescue is never rationed: as long as other targets answer, every request reaches them,
//! at any latency and concurrency. A total outage is amplified by `percent` at most. A count alone can't keep
//! both, since many slow rescues in flight look like many failing ones; so:
//! - A token counts while its request runs, and 10 s longer if that fails. The tokens of a request that commits
//!   come back at once.
//! - Who finds no token free waits, as long as requests with tokens are still on their way: they will tell.
//! - Rescue that works needs no room: while at least half of the last eight rescued requests committed, the last
//!   of these within 10 s, everybody is granted. Requests count here, not attempts: two dead targets before a
//!   healthy one are a rescue that works.
//! - The first to take a token without such proof is the pilot, and reserves its whole way through the targets.
//!   Otherwise all tokens could end in the hands of requests that each lack one more to reach the healthy target.
//! - In an outage (the last eight failed) tokens are spread over time, so that every second somebody may notice
//!   that a target has recovered.
//! - Who has waited through eight failures in a row is refused: waiters would pile up in an outage, and hope is
//!   small.
//!
//! It never waits and wakes nobody: the gateway does, as it is told.

mod proof;

use crate::seconds::Seconds;
use proof::Proof;
use std::time::{Duration, Instant};

/// Tokens there always are.
const FLOOR: u32 = 10;
/// How long a request counts, and a burnt token, and a proof.
const MEMORY: Duration = Duration::from_secs(10);
/// One more than `MEMORY`, so that a burnt token counts for at least so long.
const BUCKETS: usize = 11;

/// One route's budget. About 250 bytes.
#[derive(Debug)]
pub struct RetryBudget {
    ring: Seconds<Second, BUCKETS>,
    percent: u32,
    /// Tokens of requests that still run.
    held: u32,
    /// Requests with tokens that run and don't wait.
    under_way: u32,
    has_pilot: bool,
    proof: Proof,
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    requests: u32,
    burnt: u32,
}

/// One request's tokens. Give them back through `committed`, `failed` or `abandoned`, whatever happens to the
/// request: lost ones count for ever.
#[derive(Debug, Default)]
#[must_use = "tokens that are not given back count for ever"]
pub struct Tokens {
    used: u32,
    reserved: u32,
    under_way: bool,
    pilot: bool,
    /// Rescue has failed it, as the proof knows.
    failed: bool,
    /// Since it waits: how many rescued requests had ended when it began to.
    waits_since: Option<u64>,
}

/// The answer to a request that wants an attempt beyond its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The attempt may start.
    Granted,
    /// Not now; ask again when woken, or give up at the deadline.
    Wait,
    /// The budget is spent, and nobody is on the way who could prove that rescue works, or too many have failed
    /// while this one waited: give up.
    Refused,
}

/// How many of those that wait should ask again, the longest waiting first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// So many; mostly 0.
    Some(u32),
    /// Everybody.
    All,
}

impl RetryBudget {
    /// A budget at rest.
    pub fn new(now: Instant) -> Self {
        Self {
            ring: Seconds::new(now),
            percent: 0,
            held: 0,
            under_way: 0,
            has_pilot: false,
            proof: Proof::default(),
        }
    }

    /// Counts a request's arrival. `percent` of the last 10 seconds' requests, at least 10, is how many tokens
    /// there are; what is told last holds, so that it may change at a reload.
    pub fn request(&mut self, now: Instant, percent: u32) {
        self.advance(now);
        self.percent = percent;
        self.ring.record(|second| second.requests = second.requests.saturating_add(1));
    }

    /// Asks for a token for one more attempt of the request that has `tokens`. `ahead` is how many targets it may
    /// still ask for the first time, with this attempt; 0 for a repeat (`Walk::ahead`).
    pub fn take(&mut self, now: Instant, tokens: &mut Tokens, ahead: u32) -> Take {
        self.advance(now);
        if ahead == 0 {
            self.note_failure(now, tokens);
        }
        if let Some(rest) = tokens.reserved.checked_sub(1) {
            tokens.reserved = rest;
            tokens.used += 1;
            return Take::Granted;
        }
        self.halt(tokens);
        let way = ahead.clamp(1, FLOOR);
        let room = self.room().min(self.pace(now, way));
        if self.proof.holds(now) || (self.has_pilot && room > 0) {
            self.grant(tokens, 1);
        } else if !self.has_pilot && room >= way {
            self.has_pilot = true;
            tokens.pilot = true;
            self.grant(tokens, way);
        } else {
            let since = *tokens.waits_since.get_or_insert(self.proof.total);
            let hopeful = self.under_way > 0 && !self.proof.all_failed(since);
            return if hopeful { Take::Wait } else { Take::Refused };
        }
        Take::Granted
    }

    /// The request was answered: it committed, or a target judged it and the caller gets that 4xx.
    #[must_use = "those that wait need to be woken"]
    pub fn committed(&mut self, now: Instant, tokens: Tokens) -> Wake {
        if tokens.used > 0 {
            self.proof.add(now, true);
        }
        self.settle(now, tokens, 0)
    }

    /// No target answered the request, or it was refused a token.
    #[must_use = "those that wait need to be woken"]
    pub fn failed(&mut self, now: Instant, mut tokens: Tokens) -> Wake {
        self.note_failure(now, &mut tokens);
        let burnt = tokens.used;
        self.settle(now, tokens, burnt)
    }

    /// The caller left: nothing is proven, but the attempts were made.
    #[must_use = "those that wait need to be woken"]
    pub fn abandoned(&mut self, now: Instant, tokens: Tokens) -> Wake {
        let burnt = tokens.used;
        self.settle(now, tokens, burnt)
    }

    /// Rescue failed this request. Known as soon as it begins to repeat itself: to wait for its end would see those
    /// that commit first, and take few good ends for many.
    fn note_failure(&mut self, now: Instant, tokens: &mut Tokens) {
        if tokens.used > 0 && !std::mem::replace(&mut tokens.failed, true) {
            self.proof.add(now, false);
        }
    }

    fn settle(&mut self, now: Instant, mut tokens: Tokens, burnt: u32) -> Wake {
        self.advance(now);
        if tokens.used == 0 {
            return Wake::Some(0);
        }
        self.halt(&mut tokens);
        self.held = self.held.saturating_sub(tokens.used + tokens.reserved);
        self.ring.record(|second| second.burnt = second.burnt.saturating_add(burnt));
        let news = self.under_way == 0 || self.proof.holds(now) || self.proof.is_time_to_despair();
        if news { Wake::All } else { Wake::Some(self.room()) }
    }

    fn grant(&mut self, tokens: &mut Tokens, amount: u32) {
        self.held = self.held.saturating_add(amount);
        tokens.used += 1;
        tokens.reserved = amount - 1;
        tokens.under_way = true;
        tokens.waits_since = None;
        self.under_way += 1;
    }

    /// The request isn't under way any more: it ended, or can't go on without another token.
    fn halt(&mut self, tokens: &mut Tokens) {
        if std::mem::take(&mut tokens.under_way) {
            self.under_way = self.under_way.saturating_sub(1);
        }
        if std::mem::take(&mut tokens.pilot) {
            self.has_pilot = false;
        }
    }

    fn advance(&mut self, now: Instant) {
        self.ring.advance(now, |_| ());
    }

    /// How many tokens may be taken this second. In an outage they are spread over time: otherwise all would be
    /// burnt at once, and who recovers right after it would stay unnoticed until they count no more.
    fn pace(&self, now: Instant, way: u32) -> u32 {
        if !self.proof.is_outage(now) {
            return u32::MAX;
        }
        let burnt = self.ring.oldest_first().last().map_or(0, |second| second.burnt);
        let share = self.capacity().div_ceil(MEMORY.as_secs());
        u32::try_from(share).unwrap_or(u32::MAX).max(way).saturating_sub(burnt.saturating_add(self.held))
    }

    /// Tokens that are free.
    fn room(&self) -> u32 {
        let burnt: u64 = self.ring.oldest_first().map(|second| u64::from(second.burnt)).sum();
        u32::try_from(self.capacity().saturating_sub(burnt + u64::from(self.held))).unwrap_or(u32::MAX)
    }

    fn capacity(&self) -> u64 {
        // Without the oldest bucket: these are the requests of 9 to 10 seconds, never more.
        let requests: u64 = self.ring.oldest_first().skip(1).map(|second| u64::from(second.requests)).sum();
        (requests * u64::from(self.percent) / 100).max(u64::from(FLOOR))
    }
}

#[cfg(test)]
mod tests;
