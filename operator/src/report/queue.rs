//! What waits to be written: of each object the latest word only, so that there is never more than there are objects.
//!
//! Pure, and told the time. A pass says everything that it wants said; what it does not say any more is not
//! written any more. An object is written to by one call at a time, so that an old word never follows a new one.

use super::known::Known;
use super::{Offer, Report};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use weir_compile::Kind;
use weir_config::ObjectName;

/// What is soon outdated waits so long for it.
pub(super) const HOLD: Duration = Duration::from_secs(1);
/// What failed is tried again after so long, doubling, jittered.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

type Object = (Kind, ObjectName);

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    slots: BTreeMap<Object, Slot>,
    /// Whoever has an offer and is not being written to, by when it may be.
    due: BTreeSet<(Instant, Object)>,
    pub(super) known: Known,
}

/// What is to be said of one object.
#[derive(Default)]
struct Slot {
    offer: Option<Offer>,
    /// When it may be written, if there is an offer.
    at: Option<Instant>,
    is_flying: bool,
    /// While calls fail. A newer offer does not end it: the API server is as ill for that one.
    backoff: Option<ExponentialBackoff>,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Write this; then tell how it went.
    Write(Offer),
    /// Ask again then.
    At(Instant),
    /// Ask again when there is something new.
    Nothing,
}

/// How a call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Landed {
    /// The object has this version now.
    Written(String),
    /// The object is gone, or another has its name.
    Gone,
    /// It is to be tried again, and not before so long.
    Failed(Duration),
}

impl Queue {
    /// Makes `report` what waits, in place of what did.
    pub(super) fn take(&mut self, report: Report, now: Instant) {
        for (uid, version) in &report.caught_up {
            self.known.forget(uid, version);
        }
        let mut before = std::mem::take(&mut self.slots);
        self.due.clear();
        for offer in report.offers {
            let mut slot = before.remove(&offer.object).unwrap_or_default();
            slot.replace(offer, now);
            self.put(slot);
        }
        let flying = before.into_iter().filter(|(_, slot)| slot.is_flying);
        self.slots.extend(flying.map(|(object, slot)| (object, Slot { offer: None, at: None, ..slot })));
    }

    fn put(&mut self, slot: Slot) {
        let Some(object) = slot.offer.as_ref().map(|offer| offer.object.clone()) else { return };
        if let Some(at) = slot.at.filter(|_| !slot.is_flying) {
            self.due.insert((at, object.clone()));
        }
        self.slots.insert(object, slot);
    }

    /// What to do at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        loop {
            let Some((at, object)) = self.due.pop_first() else { return Next::Nothing };
            if now < at {
                self.due.insert((at, object));
                return Next::At(at);
            }
            let Some(slot) = self.slots.get_mut(&object) else { continue };
            let Some(offer) = slot.offer.take() else { continue };
            if self.known.written_after(&offer.uid, &offer.version) == Some(&offer.status) {
                self.slots.remove(&object);
                continue;
            }
            slot.at = None;
            slot.is_flying = true;
            self.known.sent(offer.uid.clone(), offer.status.clone());
            return Next::Write(offer);
        }
    }

    /// Takes note of how the call for `offer` went.
    pub(super) fn landed(&mut self, offer: Offer, how: Landed, now: Instant) {
        let Some(mut slot) = self.slots.remove(&offer.object) else { return };
        slot.is_flying = false;
        let version = if let Landed::Written(version) = &how { Some(version.clone()) } else { None };
        self.known.landed(&offer.uid, version);
        if let Landed::Failed(not_before) = how {
            let backoff = slot.backoff.get_or_insert_with(backoff);
            slot.at = Some(now + backoff.next().unwrap_or(RETRY.1).max(not_before));
            slot.offer.get_or_insert(offer);
        } else {
            slot.backoff = None;
        }
        self.put(slot);
    }

    /// How many statuses are yet to be written.
    pub(super) fn waiting(&self) -> usize {
        self.slots.values().filter(|slot| slot.offer.is_some()).count()
    }
}

impl Slot {
    fn replace(&mut self, offer: Offer, now: Instant) {
        let wanted = if offer.may_wait { now + HOLD } else { now };
        self.at = match self.at {
            Some(at) if self.backoff.is_some() => Some(at),
            // Whoever goes on waiting has not begun to wait just now.
            Some(at) => Some(at.min(wanted)),
            None => Some(wanted),
        };
        self.offer = Some(offer);
    }
}

fn backoff() -> ExponentialBackoff {
    let (first, most) = RETRY;
    let doubling = ExponentialBuilder::default().with_min_delay(first).with_max_delay(most);
    doubling.without_max_times().with_jitter().build()
}

#[cfg(test)]
mod tests;
