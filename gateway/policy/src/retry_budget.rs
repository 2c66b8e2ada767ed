//! How many attempts beyond its requests' first ones a route may cause (semantics S1.3).
//!
//! Two promises meet here. Rescue is never rationed: as long as other targets answer, every request reaches them,
//! at any latency and concurrency. A total outage is amplified by `percent` at most. A count alone can't keep
//! both, since many slow rescues in flight look like many failing ones; so:
//! - A token counts while its request runs, and 10 s longer if that fails. The tokens of a request that commits
//!   come back at once, and so do those of a caller who leaves: that is no verdict. So callers who all leave early in
//!   an outage are bounded by the tokens that they hold at a time, not by what they use in ten seconds.
//! - Who finds no token free waits, as long as requests with tokens are still on their way: they will tell.
//! - Rescue that works needs no room: while at least half of the last eight rescued requests committed, the last
//!   of these within 10 s, everybody is granted. Requests count here, not attempts: two dead targets before a
//!   healthy one are a rescue that works.
//! - The same holds of one key's last eight, for that key: another's requests may fail wherever they go, by what is in
//!   them, and that is no outage.
//! - The first to take a token without such proof is the pilot, and reserves its whole way through the targets.
//!   Otherwise all tokens could end in the hands of requests that each lack one more to reach the healthy target.
//! - A share of the tokens is for newcomers, keys of which hardly anything is known: one request of each at a time,
//!   that key's pilot, and after a failure one more. So keys whose requests fail leave to every other a way to its own
//!   proof. Both shares together are what there is, so however many keys fail, the bound is the same.
//! - In an outage (the last eight failed) tokens are spread over time, so that every second somebody may notice
//!   that a target has recovered.
//! - Who has waited through eight failures in a row is refused: waiters would pile up in an outage, and hope is
//!   small. Who waits for its own key's pilot hears that one out.
//!
//! It never waits and wakes nobody: the gateway does, as it is told.

mod keys;
mod memory;
mod proof;
mod share;
mod tokens;

pub use tokens::Tokens;

use crate::seconds::Seconds;
use keys::Keys;
use memory::BUCKETS;
use proof::Proof;
use share::Share;
use std::time::Instant;
use tokens::{Pilot, Waits};

/// Tokens for all that there always are.
const FLOOR: u32 = 10;
/// Newcomers' tokens that there always are: the way of one request through as many targets as are asked by default.
const NEWCOMERS_FLOOR: u32 = 4;
/// Of all tokens the newcomers have one in so many.
const NEWCOMERS_PART: u64 = 5;
/// One route's budget. About 400 bytes, and 100 for each key that has lately asked for rescue.
#[derive(Debug)]
pub struct RetryBudget {
    /// The latest that was heard of.
    now: Instant,
    requests: Seconds<u32, BUCKETS>,
    percent: u32,
    common: Share,
    newcomers: Share,
    /// Requests with tokens that run and don't wait.
    under_way: u32,
    has_pilot: bool,
    /// Of all keys' requests.
    proof: Proof,
    keys: Keys,
}

/// The answer to a request that wants an attempt beyond its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The attempt may start.
    Granted,
    /// Not now; ask again when woken, and now and then: tokens come back by time, too. Somebody is on the way who will
    /// tell. The time is one in which attempts run, and counts against no deadline (semantics S1.4); how long anybody
    /// waits is bounded by who asks.
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

/// What a request may have.
#[derive(Debug, Clone, Copy)]
enum Claim {
    /// One token that is for all.
    One,
    /// So many, as the route's pilot.
    Way(u32),
    /// So many of the newcomers', as its key's pilot.
    OwnWay(u32),
}

impl RetryBudget {
    /// A budget at rest.
    pub fn new(now: Instant) -> Self {
        Self {
            now,
            requests: Seconds::new(now),
            percent: 0,
            common: Share::new(now),
            newcomers: Share::new(now),
            under_way: 0,
            has_pilot: false,
            proof: Proof::default(),
            keys: Keys::new(now),
        }
    }

    /// Counts a request's arrival. `percent` of the last 10 seconds' requests, at least 14, is how many tokens
    /// there are; what is told last holds, so that it may change at a reload.
    pub fn request(&mut self, now: Instant, percent: u32) {
        let _ = self.advance(now);
        self.percent = percent;
        self.requests.record(|second| *second = second.saturating_add(1));
    }

    /// Asks for a token for one more attempt of the request that has `tokens`. `ahead` is how many targets it may
    /// still ask for the first time, with this attempt; 0 for a repeat (`Walk::ahead`).
    pub fn take(&mut self, now: Instant, tokens: &mut Tokens, ahead: u32) -> Take {
        let now = self.advance(now);
        if ahead == 0 {
            self.note_failure(now, tokens);
        }
        if tokens.go_on() {
            return Take::Granted;
        }
        self.halt(tokens);
        if let Some(claim) = self.claim(now, tokens, ahead) {
            self.grant(tokens, claim);
            Take::Granted
        } else if self.is_hopeful(tokens) {
            Take::Wait
        } else {
            Take::Refused
        }
    }

    /// The request was answered: it committed, or a target judged it and the caller gets that 4xx.
    #[must_use = "those that wait need to be woken"]
    pub fn committed(&mut self, now: Instant, tokens: Tokens) -> Wake {
        let now = self.advance(now);
        let worked = |budget: &Self| budget.keys.of(&tokens.key).proof.holds(now);
        let before = worked(self);
        if tokens.are_used() {
            self.note(now, &tokens, true);
        }
        let is_news = !before && worked(self);
        let wake = self.settle(now, tokens, false);
        if is_news { Wake::All } else { wake }
    }

    /// No target answered the request, or it was refused a token.
    #[must_use = "those that wait need to be woken"]
    pub fn failed(&mut self, now: Instant, mut tokens: Tokens) -> Wake {
        let now = self.advance(now);
        self.note_failure(now, &mut tokens);
        self.settle(now, tokens, true)
    }

    /// The caller left: nothing is proven, and nothing is burnt unless rescue had failed before. Callers who don't
    /// wait as long as the target that would have answered takes shall not keep it from those who do.
    #[must_use = "those that wait need to be woken"]
    pub fn abandoned(&mut self, now: Instant, tokens: Tokens) -> Wake {
        let now = self.advance(now);
        let burn = tokens.failed;
        self.settle(now, tokens, burn)
    }

    /// Rescue failed this request. Known as soon as it begins to repeat itself: to wait for its end would see those
    /// that commit first, and take few good ends for many.
    fn note_failure(&mut self, now: Instant, tokens: &mut Tokens) {
        if tokens.are_used() && !std::mem::replace(&mut tokens.failed, true) {
            self.note(now, tokens, false);
        }
    }

    fn note(&mut self, now: Instant, tokens: &Tokens, committed: bool) {
        self.proof.add(now, committed);
        self.keys.note(now, &tokens.key, committed);
    }

    /// What there is for a request that has nothing reserved.
    fn claim(&self, now: Instant, tokens: &Tokens, ahead: u32) -> Option<Claim> {
        let own = self.keys.of(&tokens.key);
        if self.proof.holds(now) || own.proof.holds(now) {
            return Some(Claim::One);
        }
        let (common, newcomers) = self.sizes();
        let way = ahead.clamp(1, FLOOR);
        let mut room = self.common.room(common);
        if self.proof.is_outage(now) {
            // Else all would be burnt at once, and who recovers right after it would stay unnoticed until they
            // count no more.
            room = room.min(self.common.left_this_second(common, way));
        }
        if !self.has_pilot && room >= way {
            return Some(Claim::Way(way));
        }
        let own_way = way.min(NEWCOMERS_FLOOR);
        if own.may_be_piloted(now, own_way, self.newcomers.room(newcomers)) {
            return Some(Claim::OwnWay(own_way));
        }
        (self.has_pilot && room > 0).then_some(Claim::One)
    }

    fn grant(&mut self, tokens: &mut Tokens, claim: Claim) {
        let (share, purse, amount, pilot) = match claim {
            Claim::One => (&mut self.common, &mut tokens.common, 1, Pilot::No),
            Claim::Way(way) => (&mut self.common, &mut tokens.common, way, Pilot::OfRoute),
            Claim::OwnWay(way) => (&mut self.newcomers, &mut tokens.newcomers, way, Pilot::OfKey),
        };
        share.hold(amount);
        purse.add(amount);
        self.has_pilot |= pilot == Pilot::OfRoute;
        if pilot != Pilot::No {
            self.keys.pilot_begins(&tokens.key);
        }
        tokens.pilot = pilot;
        tokens.under_way = true;
        tokens.waits = None;
        self.under_way += 1;
    }

    /// Whether somebody is on the way for whom the request may wait.
    fn is_hopeful(&self, tokens: &mut Tokens) -> bool {
        let own = self.keys.of(&tokens.key);
        let now = Waits { route: self.proof.total, key: own.proof.total };
        let since = *tokens.waits.get_or_insert(now);
        let its_own = own.has_pilot() && since.key == now.key;
        its_own || self.under_way > 0 && !self.proof.all_failed(since.route)
    }

    fn settle(&mut self, now: Instant, mut tokens: Tokens, burn: bool) -> Wake {
        if !tokens.are_used() {
            return Wake::Some(0);
        }
        self.halt(&mut tokens);
        for (share, purse) in [(&mut self.common, tokens.common), (&mut self.newcomers, tokens.newcomers)] {
            share.give_back(purse.total(), if burn { purse.used } else { 0 });
        }
        if self.under_way == 0 || self.proof.holds(now) || self.proof.is_time_to_despair() {
            return Wake::All;
        }
        // Who can't have what came back goes to the end of the line, so that in the end the one who can is asked.
        Wake::Some(self.common.room(self.sizes().0).saturating_add(tokens.newcomers.total()))
    }

    /// The request isn't under way any more: it ended, or can't go on without another token.
    fn halt(&mut self, tokens: &mut Tokens) {
        if std::mem::take(&mut tokens.under_way) {
            self.under_way = self.under_way.saturating_sub(1);
        }
        let pilot = std::mem::take(&mut tokens.pilot);
        self.has_pilot &= pilot != Pilot::OfRoute;
        if pilot != Pilot::No {
            self.keys.pilot_ends(&tokens.key);
        }
    }

    /// Time goes on, and never back: of two that raced for the lock the later counts for both.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        let now = self.now;
        self.requests.advance(now, |_| ());
        self.common.advance(now);
        self.newcomers.advance(now);
        self.keys.tidy(now);
        now
    }

    /// How many tokens there are for all, and how many besides for newcomers.
    fn sizes(&self) -> (u64, u64) {
        // Without the oldest bucket: these are the requests of 9 to 10 seconds, never more.
        let requests: u64 = self.requests.oldest_first().skip(1).map(u64::from).sum();
        let all = (requests * u64::from(self.percent) / 100).max(u64::from(FLOOR + NEWCOMERS_FLOOR));
        let newcomers = (all / NEWCOMERS_PART).max(u64::from(NEWCOMERS_FLOOR));
        (all - newcomers, newcomers)
    }
}

#[cfg(test)]
mod tests;
