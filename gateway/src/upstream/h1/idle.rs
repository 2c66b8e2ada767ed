//! Which idle connections a worker keeps, of which site, and for how long. Pure: it is told the time.
//!
//! One bound for all sites together, because it is the process that has so many descriptors and so much memory:
//! above it the connection goes that has been idle longest, whosever it is.

use foldhash::fast::RandomState;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Idle connections are closed after this long: below the usual idle limits of servers (60 s and more).
const IDLE: Duration = Duration::from_secs(50);

/// A site, as far as its connections know it: they are kept while somebody else knows it too.
pub(in crate::upstream) type Owner = Arc<()>;

/// The idle connections of one worker.
#[derive(Debug)]
pub(super) struct Idle<T> {
    /// By the owner's address, which is nobody else's as long as a `Weak` of it is here.
    owners: HashMap<usize, Kept<T>, RandomState>,
    total: usize,
    most: usize,
}

/// One site's, those that came first in front.
#[derive(Debug)]
struct Kept<T> {
    owner: Weak<()>,
    links: VecDeque<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    link: T,
    since: Instant,
    until: Instant,
}

impl<T> Idle<T> {
    /// Keeps `most` at most.
    pub(super) fn new(most: usize) -> Self {
        Self { owners: HashMap::default(), total: 0, most }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.total
    }

    /// The site's connection that was used last, if it has one whose time is not over.
    pub(super) fn take(&mut self, owner: &Owner, now: Instant) -> Option<T> {
        let kept = self.owners.get_mut(&key(Arc::as_ptr(owner)))?;
        while let Some(entry) = kept.links.pop_back() {
            self.total -= 1;
            if now < entry.until {
                return Some(entry.link);
            }
        }
        None
    }

    /// Keeps `link`, but not past `retire`. Gives back the one that has to go for it, which may be itself.
    pub(super) fn put(&mut self, owner: &Weak<()>, link: T, now: Instant, retire: Instant) -> Option<T> {
        let until = retire.min(now + IDLE);
        if until <= now || owner.strong_count() == 0 {
            return Some(link);
        }
        let kept = self
            .owners
            .entry(key(owner.as_ptr()))
            .or_insert_with(|| Kept { owner: Weak::clone(owner), links: VecDeque::new() });
        kept.links.push_back(Entry { link, since: now, until });
        self.total += 1;
        if self.total > self.most { self.pop_oldest() } else { None }
    }

    /// Takes out those whose time is over, whose site is gone, or that are not open any more.
    pub(super) fn sweep(&mut self, now: Instant, mut is_open: impl FnMut(&mut T) -> bool) -> Vec<T> {
        let mut swept = Vec::new();
        self.owners.retain(|_, kept| {
            let lives = kept.owner.strong_count() > 0;
            for mut entry in std::mem::take(&mut kept.links) {
                if lives && now < entry.until && is_open(&mut entry.link) {
                    kept.links.push_back(entry);
                } else {
                    swept.push(entry.link);
                }
            }
            lives
        });
        self.total -= swept.len();
        swept
    }

    /// Takes out the one that has been idle longest, whosever it is.
    pub(super) fn pop_oldest(&mut self) -> Option<T> {
        let oldest = |kept: &&mut Kept<T>| kept.links.front().map(|entry| entry.since);
        let kept = self.owners.values_mut().filter(|kept| !kept.links.is_empty()).min_by_key(oldest)?;
        let entry = kept.links.pop_front()?;
        self.total -= 1;
        Some(entry.link)
    }
}

fn key(owner: *const ()) -> usize {
    owner.addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAR: Duration = Duration::from_secs(3600);

    fn put(idle: &mut Idle<u32>, owner: &Owner, link: u32, now: Instant) -> Option<u32> {
        idle.put(&Arc::downgrade(owner), link, now, now + FAR)
    }

    #[test]
    fn s10_18_the_connection_used_last_is_used_next_and_no_other_accounts() {
        let (now, [one, other]) = (Instant::now(), [Owner::default(), Owner::default()]);
        let mut idle = Idle::new(9);
        for link in [1, 2] {
            assert_eq!(put(&mut idle, &one, link, now), None);
        }
        assert_eq!(idle.take(&other, now), None);
        assert_eq!([(); 3].map(|()| idle.take(&one, now)), [Some(2), Some(1), None]);
        assert_eq!(idle.len(), 0);
    }

    #[test]
    fn s10_18_above_the_bound_the_oldest_goes_whosever_it_is() {
        let (now, [one, other]) = (Instant::now(), [Owner::default(), Owner::default()]);
        let at = |second| now + Duration::from_secs(second);
        let mut idle = Idle::new(3);
        for (second, owner, link) in [(0, &one, 1), (1, &other, 2), (2, &one, 3)] {
            assert_eq!(put(&mut idle, owner, link, at(second)), None);
        }
        assert_eq!(put(&mut idle, &other, 4, at(3)), Some(1));
        assert_eq!(put(&mut idle, &other, 5, at(4)), Some(2));
        assert_eq!(put(&mut idle, &other, 6, at(5)), Some(3));
        assert_eq!((idle.take(&one, at(5)), idle.take(&other, at(5)), idle.len()), (None, Some(6), 2));
        assert_eq!(put(&mut Idle::new(0), &one, 7, now), Some(7), "a worker that may keep none");
    }

    #[test]
    fn s10_18_a_connection_is_kept_for_50_s_and_never_past_its_life() {
        let (now, owner) = (Instant::now(), Owner::default());
        let mut idle = Idle::new(9);
        put(&mut idle, &owner, 1, now);
        let weak = Arc::downgrade(&owner);
        assert_eq!(idle.put(&weak, 2, now, now + Duration::from_secs(3)), None);
        assert_eq!(idle.put(&weak, 3, now, now), Some(3), "its life is over");
        assert_eq!(idle.sweep(now + Duration::from_secs(2), |_| true), [0u32; 0]);
        assert_eq!(idle.take(&owner, now + Duration::from_secs(3)), Some(1), "2 is past its life");
        assert_eq!(idle.len(), 0);
        put(&mut idle, &owner, 4, now);
        assert_eq!(idle.sweep(now + IDLE - Duration::from_millis(1), |_| true), [0u32; 0]);
        assert_eq!((idle.sweep(now + IDLE, |_| true), idle.len()), (vec![4], 0));
    }

    #[test]
    fn s10_18_what_the_upstream_closed_and_what_is_nobodys_is_swept() {
        let (now, [one, gone]) = (Instant::now(), [Owner::default(), Owner::default()]);
        let mut idle = Idle::new(9);
        for (owner, link) in [(&one, 1), (&one, 2), (&one, 3), (&gone, 4)] {
            put(&mut idle, owner, link, now);
        }
        let late = Arc::downgrade(&gone);
        drop(gone);
        let mut swept = idle.sweep(now, |link| *link != 2);
        swept.sort_unstable();
        assert_eq!((swept, idle.len()), (vec![2, 4], 2));
        assert_eq!(idle.put(&late, 5, now, now + FAR), Some(5), "an answer that outlived its account");
        assert_eq!(idle.take(&one, now), Some(3));
    }

    proptest! {
        #[test]
        fn s10_18_the_count_is_right_and_never_above_the_bound(
            steps in prop::collection::vec((0..4u8, 0..3usize, 0..40u64), 0..200),
            most in 0..6usize,
        ) {
            let owners = [(); 3].map(|()| Owner::default());
            let (mut now, mut idle, mut open) = (Instant::now(), Idle::new(most), 0usize);
            for (number, (what, owner, seconds)) in steps.into_iter().enumerate() {
                match what {
                    0 => now += Duration::from_secs(seconds),
                    1 => open -= usize::from(idle.take(&owners[owner], now).is_some()),
                    2 => open -= idle.sweep(now, |link| *link % 3 != 0).len(),
                    _ => {
                        let evicted = put(&mut idle, &owners[owner], number as u32, now);
                        open += usize::from(evicted.is_none());
                    }
                }
                let held: usize = idle.owners.values().map(|kept| kept.links.len()).sum();
                prop_assert!(held == idle.len() && held <= most && held <= open);
                open = held; // `take` drops those whose time is over
            }
        }
    }
}
