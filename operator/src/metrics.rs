//! What the operator counts. No object's name is a label: there may be tens of thousands.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;

/// What was written: a part or index of a configuration, a status, an event, a key's Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Written {
    what: &'static str,
    outcome: &'static str,
}

/// Every family.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// From the pass's begin until its configurations are published.
    pub pass_seconds: Histogram,
    /// Calls that write.
    writes: Family<Written, Counter>,
    /// Passes that could not be finished and are made again.
    pub failed_passes: Counter,
    /// Whether this replica holds the Lease.
    pub leading: Gauge,
    /// Statuses that are yet to be written.
    pub statuses_waiting: Gauge,
    /// Findings of severity error in the last pass.
    pub errors_found: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            pass_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            writes: Family::default(),
            failed_passes: Counter::default(),
            leading: Gauge::default(),
            statuses_waiting: Gauge::default(),
            errors_found: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let Self { registry, pass_seconds, writes, failed_passes, leading, statuses_waiting, errors_found } =
            self;
        registry.register(
            "weir_operator_pass_seconds",
            "From the begin of a pass over all objects until its configurations are published",
            pass_seconds.clone(),
        );
        registry.register(
            "weir_operator_writes",
            "Calls to the API server that write, by what and outcome",
            writes.clone(),
        );
        registry.register(
            "weir_operator_failed_passes",
            "Passes that the API server did not let come to their end; they are made again",
            failed_passes.clone(),
        );
        registry.register("weir_operator_leading", "1 if this replica holds the Lease", leading.clone());
        registry.register(
            "weir_operator_statuses_waiting",
            "Statuses yet to be written",
            statuses_waiting.clone(),
        );
        registry.register(
            "weir_operator_errors_found",
            "Findings of severity error in the last pass",
            errors_found.clone(),
        );
    }

    /// Counts a call that writes.
    pub fn wrote<T, E>(&self, what: &'static str, answer: &Result<T, E>) {
        let outcome = if answer.is_ok() { "ok" } else { "failed" };
        self.writes.get_or_create(&Written { what, outcome }).inc();
    }

    /// The text of one scrape, in OpenMetrics.
    ///
    /// # Errors
    /// Never seen: writing to memory does not fail.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
