//! What all workers have counted, added up, and for how long it is told.
//!
//! A worker's cells are taken away whole and added here, by a scrape and by each new configuration: the worker's lock
//! is held for an exchange of two pointers. A series whose route, tenant, provider or model is configured no more is
//! told for five minutes, so that what it counted last is scraped, and is gone then, be there a newer configuration or
//! not: series are bounded by the configuration, not by all that ever was.

use super::names::Names;
use super::series::{AttemptLabels, Cell, Cells, Histogram, Labels, WorkerSeries};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a series is told that is configured no more: several scrapes, whoever scrapes.
const GRACE: Duration = Duration::from_secs(300);
/// So many of them may wait for that; with more, those that a configuration before this one has dropped go at once.
const MOST_GONE: usize = 1000;

/// The totals of a process.
#[derive(Debug)]
pub(crate) struct Totals {
    /// Each worker's.
    series: Vec<Arc<WorkerSeries>>,
    sums: Mutex<Sums>,
}

/// All workers' cells added up.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) requests: BTreeMap<[Arc<str>; 4], Kept<Cell>>,
    pub(super) attempts: BTreeMap<AttemptLabels, Kept<u64>>,
    pub(super) overhead: Histogram,
}

/// A series.
#[derive(Debug, Default)]
pub(super) struct Kept<T> {
    pub(super) count: T,
    /// Since when it is configured no more.
    gone: Option<Instant>,
}

impl<T> Kept<T> {
    fn is_gone(&self, now: Instant, grace: Duration) -> bool {
        self.gone.is_some_and(|since| now.saturating_duration_since(since) >= grace)
    }
}

impl Totals {
    /// Of all that is counted in `series`.
    pub(crate) fn new(series: Vec<Arc<WorkerSeries>>) -> Self {
        Self { series, sums: Mutex::default() }
    }

    /// Requests that have begun and not ended.
    pub(crate) fn in_flight(&self) -> i64 {
        self.series.iter().map(|series| series.in_flight()).sum()
    }

    /// Lines that the usage log has lost.
    pub(super) fn usage_lines_dropped(&self) -> u64 {
        self.series.iter().map(|series| series.usage_lines_dropped()).sum()
    }

    /// The sums, with all that the workers have counted until `now`, to be told.
    pub(super) fn told(&self, now: Instant) -> MutexGuard<'_, Sums> {
        let mut sums = self.sums();
        sums.let_go(now);
        sums
    }

    /// Does `work` while the sums are being told.
    #[cfg(test)]
    pub(crate) fn while_told<T>(&self, work: impl FnOnce() -> T) -> T {
        let _sums = self.told(crate::clock::now());
        work()
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        self.series.iter().for_each(|series| sums.collect(series));
        sums
    }

    /// A configuration with these `names` is in force: what it does not name will go.
    pub(crate) fn keep(&self, names: &Names<'_>, now: Instant) {
        self.sums().keep(names, now);
    }
}

impl Sums {
    fn collect(&mut self, series: &WorkerSeries) {
        self.add(&series.take());
    }

    fn add(&mut self, cells: &Cells) {
        for (Labels { route, tenant, provider, model }, cell) in &cells.requests {
            let labels = [route, tenant, provider, model].map(Arc::clone);
            if cell.direct > 0 {
                let attempt = (Arc::clone(provider), Arc::clone(model), "ok");
                self.attempts.entry(attempt).or_default().count += cell.direct;
            }
            self.requests.entry(labels).or_default().count.add(cell);
        }
        for (labels, count) in &cells.attempts {
            self.attempts.entry(labels.clone()).or_default().count += count;
        }
        self.overhead.add(&cells.overhead);
    }

    fn keep(&mut self, names: &Names<'_>, now: Instant) {
        let known = |[route, tenant, provider, model]: &[Arc<str>; 4]| {
            names.has_route(route) && names.has_tenant(tenant) && names.has_model(provider, model)
        };
        sweep(&mut self.requests, now, known);
        sweep(&mut self.attempts, now, |(provider, model, _)| names.has_model(provider, model));
    }

    /// Drops what has been configured no more for long enough.
    fn let_go(&mut self, now: Instant) {
        self.requests.retain(|_, kept| !kept.is_gone(now, GRACE));
        self.attempts.retain(|_, kept| !kept.is_gone(now, GRACE));
    }
}

fn sweep<K: Ord, T>(all: &mut BTreeMap<K, Kept<T>>, now: Instant, known: impl Fn(&K) -> bool) {
    let waiting = all.values().filter(|kept| kept.gone.is_some()).count();
    let grace = if waiting > MOST_GONE { Duration::ZERO } else { GRACE };
    all.retain(|labels, kept| {
        if known(labels) {
            kept.gone = None;
            return true;
        }
        let late = kept.is_gone(now, grace);
        kept.gone.get_or_insert(now);
        !late
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn counted(model: &str) -> Cells {
        let label = |text: &str| Arc::<str>::from(text);
        let mut cells = Cells::default();
        let labels = Labels {
            route: label("ns/route"),
            tenant: label("tenant"),
            provider: label("ns/p"),
            model: label(model),
        };
        cells.requests.insert(labels, Cell { direct: 1, ..Cell::default() });
        cells.attempts.insert((label("ns/p"), label(model), "timeout"), 1);
        cells
    }

    fn names(model: &str) -> Names<'_> {
        Names {
            routes: BTreeSet::from(["ns/route".to_owned()]),
            tenants: BTreeSet::from(["tenant"]),
            models: BTreeSet::from([("ns/p".to_owned(), model)]),
        }
    }

    #[test]
    fn s9_14_what_is_configured_no_more_is_told_for_a_while_and_then_gone() {
        let (mut sums, start) = (Sums::default(), Instant::now());
        sums.add(&counted("old"));
        sums.keep(&names("new"), start);
        sums.add(&counted("old")); // a request that ran still
        sums.keep(&names("new"), start + GRACE - Duration::from_secs(1));
        assert_eq!((sums.requests.len(), sums.attempts.len()), (1, 2), "the next scrapes show it");
        assert_eq!(sums.requests.values().next().map(|kept| kept.count.direct), Some(2));
        sums.keep(&names("new"), start + GRACE);
        assert_eq!((sums.requests.len(), sums.attempts.len()), (0, 0));
        sums.add(&counted("new"));
        sums.keep(&names("old"), start + GRACE);
        sums.keep(&names("new"), start + GRACE); // it came back in time
        sums.keep(&names("new"), start + 3 * GRACE);
        assert_eq!((sums.requests.len(), sums.attempts.len()), (1, 2));
    }

    #[test]
    fn s9_14_what_is_configured_no_more_goes_without_another_configuration_too() {
        let (mut sums, start) = (Sums::default(), Instant::now());
        sums.add(&counted("old"));
        sums.add(&counted("new"));
        sums.keep(&names("new"), start);
        sums.let_go(start + GRACE - Duration::from_secs(1));
        assert_eq!((sums.requests.len(), sums.attempts.len()), (2, 4), "scrapes show it for a while");
        sums.let_go(start + GRACE);
        assert_eq!((sums.requests.len(), sums.attempts.len()), (1, 2));
        assert!(sums.requests.keys().all(|[.., model]| &**model == "new"));
    }

    #[test]
    fn s9_14_ten_thousand_configurations_of_new_names_leave_some_thousand_series() {
        let (mut sums, now) = (Sums::default(), Instant::now());
        for n in 0..10_000 {
            let model = format!("model-{n}");
            sums.add(&counted(&model));
            sums.keep(&names(&model), now);
            assert!(sums.requests.len() <= MOST_GONE + 2, "{}", sums.requests.len());
            assert!(sums.attempts.len() <= MOST_GONE + 4, "{}", sums.attempts.len());
        }
        assert!(sums.requests.keys().any(|[.., model]| &**model == "model-9999"));
    }
}
