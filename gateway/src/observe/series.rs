//! The cells that requests are counted in: a set per worker, so that no two threads write one; taken away and summed
//! when scraped (`totals`).
//!
//! A request that its first attempt answers costs one look-up: everything with the labels (route, tenant, provider,
//! model) stands in one cell. Other attempts cost two more each.
//! Labels are configured names only, and what a configuration before left is taken away with the next: the number of
//! cells is bounded by the configuration.

use super::{AttemptFinished, Charge, Outcome, RequestFinished};
use crate::label::Chosen;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_config::{NanoUsd, Usage};

/// Upper bounds in seconds of request and first-token histograms: LLM answers take from 10 ms to minutes.
pub(super) const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Upper bounds in seconds of the overhead histogram.
pub(super) const OVERHEAD_SECONDS: [f64; 14] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
];

/// A histogram's cells; one more than there are bounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    pub(super) counts: [u64; 15],
    pub(super) sum: Duration,
}

impl Histogram {
    fn record(&mut self, bounds: &[f64; 14], value: Duration) {
        let seconds = value.as_secs_f64();
        let cell = bounds.iter().position(|bound| seconds <= *bound).unwrap_or(bounds.len());
        if let Some(count) = self.counts.get_mut(cell) {
            *count += 1;
        }
        self.sum += value;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }
}

/// The labels of a cell; what did not come to be known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Labels {
    pub(super) route: Arc<str>,
    pub(super) tenant: Arc<str>,
    pub(super) provider: Arc<str>,
    pub(super) model: Arc<str>,
}

/// Everything counted under one set of labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) codes: Vec<(u16, u64)>,
    pub(super) seconds: Histogram,
    pub(super) first_token: Histogram,
    pub(super) usage: Usage,
    pub(super) cost: NanoUsd,
    /// Attempts that were the first and answered.
    pub(super) direct: u64,
    pub(super) rescued: u64,
    pub(super) unpriced: u64,
    pub(super) assumed: u64,
}

impl Cell {
    pub(super) fn add(&mut self, other: &Self) {
        other.codes.iter().for_each(|(code, count)| self.count(*code, *count));
        self.seconds.add(&other.seconds);
        self.first_token.add(&other.first_token);
        self.usage = self.usage.plus(&other.usage);
        self.cost += other.cost;
        self.direct += other.direct;
        self.rescued += other.rescued;
        self.unpriced += other.unpriced;
        self.assumed += other.assumed;
    }

    fn count(&mut self, code: u16, more: u64) {
        match self.codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += more,
            None => self.codes.push((code, more)),
        }
    }

    fn request_finished(&mut self, event: &RequestFinished, took: Duration) {
        self.count(event.outcome.map_or(0, |outcome| outcome.status), 1);
        self.seconds.record(&SECONDS, took);
        if let Some(first_token) = event.first_token {
            self.first_token.record(&SECONDS, first_token);
        }
        self.direct += u64::from(event.is_direct());
        self.rescued += u64::from(event.outcome == Some(Outcome::OK) && event.attempts.len() > 1);
    }

    fn charged(&mut self, charge: &Charge) {
        self.usage = self.usage.plus(&charge.usage);
        self.assumed += u64::from(charge.assumed);
        self.unpriced += u64::from(charge.cost.is_none());
        self.cost += charge.cost.unwrap_or_default();
    }
}

/// (provider, model, outcome): the labels of an attempt.
pub(super) type AttemptLabels = (Arc<str>, Arc<str>, &'static str);

/// What one worker has counted.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) requests: HashMap<Labels, Cell, RandomState>,
    pub(super) attempts: HashMap<AttemptLabels, u64, RandomState>,
    pub(super) overhead: Histogram,
}

/// One worker's cells. The lock is taken by that worker once per request, and by whoever takes the cells away.
#[derive(Debug)]
pub(crate) struct WorkerSeries {
    cells: Mutex<Cells>,
    in_flight: AtomicI64,
    log_dropped: AtomicU64,
    unknown: Arc<str>,
}

impl Default for WorkerSeries {
    fn default() -> Self {
        Self {
            cells: Mutex::default(),
            in_flight: AtomicI64::new(0),
            log_dropped: AtomicU64::new(0),
            unknown: Arc::from(""),
        }
    }
}

impl WorkerSeries {
    pub(crate) fn request_began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Requests that have begun and not ended.
    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn usage_lines_lost(&self, lines: u64) {
        self.log_dropped.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn usage_lines_dropped(&self) -> u64 {
        self.log_dropped.load(Ordering::Relaxed)
    }

    pub(super) fn request_finished(&self, event: &RequestFinished, took: Duration) {
        let labels = self.labels(event, event.chosen());
        let mut cells = self.cells();
        // Those of a request answered at once are its cell's own.
        for attempt in event.attempts.iter().filter(|_| !event.is_direct()) {
            self.attempt_finished(&mut cells, event, attempt);
        }
        if !event.stream && event.outcome == Some(Outcome::OK) {
            cells.overhead.record(&OVERHEAD_SECONDS, event.overhead(took));
        }
        let cell = cells.requests.entry(labels).or_default();
        cell.request_finished(event, took);
        if let ([AttemptFinished { charge: Some(charge), .. }], true) =
            (event.attempts.as_slice(), event.is_direct())
        {
            cell.charged(charge);
        }
    }

    /// What an attempt has used counts with whom it asked.
    fn attempt_finished(&self, cells: &mut Cells, event: &RequestFinished, attempt: &AttemptFinished) {
        let AttemptFinished { chosen, outcome, charge, .. } = attempt;
        let labels = (Arc::clone(&chosen.provider.text), Arc::clone(&chosen.model.counted), *outcome);
        *cells.attempts.entry(labels).or_default() += 1;
        if let Some(charge) = charge {
            cells.requests.entry(self.labels(event, Some(chosen))).or_default().charged(charge);
        }
    }

    fn labels(&self, event: &RequestFinished, chosen: Option<&Chosen>) -> Labels {
        let text = |label: Option<&Arc<str>>| Arc::clone(label.unwrap_or(&self.unknown));
        Labels {
            route: text(event.route.as_ref().map(|route| &route.text)),
            tenant: text(event.key.as_ref().map(|key| &key.tenant.text)),
            provider: text(chosen.map(|chosen| &chosen.provider.text)),
            model: text(chosen.map(|chosen| &chosen.model.counted)),
        }
    }

    /// Takes everything away that was counted so far.
    pub(super) fn take(&self) -> Cells {
        // Made before the lock is taken, with room for what most likely comes again.
        let (requests, attempts) = {
            let cells = self.cells();
            (cells.requests.len(), cells.attempts.len())
        };
        let mut taken = Cells {
            requests: HashMap::with_capacity_and_hasher(requests, RandomState::default()),
            attempts: HashMap::with_capacity_and_hasher(attempts, RandomState::default()),
            overhead: Histogram::default(),
        };
        std::mem::swap(&mut *self.cells(), &mut taken);
        taken
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
