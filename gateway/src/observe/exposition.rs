//! `/metrics`: the totals as prometheus-client's text. The families' names and labels are frozen: dashboards hang on
//! them.

use super::log::Log;
use super::series::{Cell, Histogram, OVERHEAD_SECONDS, SECONDS};
use super::totals::{Sums, Totals};
use crate::clock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use weir_config::TokenClass;

/// What a scrape reads.
#[derive(Debug)]
pub(crate) struct Exposition {
    pub(crate) totals: Arc<Totals>,
    /// The process's log, which counts what it lost.
    pub(crate) log: Option<Log>,
    /// None before the first snapshot.
    pub(crate) in_force: Option<InForce>,
}

/// The snapshot in force.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) generation: u64,
    pub(crate) hash: String,
    /// `namespace/name`.
    pub(crate) gateway: String,
    /// When it was applied, in seconds since 1970.
    pub(crate) applied_at: i64,
}

impl Exposition {
    /// The text of one scrape, in OpenMetrics.
    pub(crate) fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let sums = self.totals.told(clock::now());
        sums.encode_requests(&mut encoder)?;
        sums.encode_tokens(&mut encoder)?;
        sums.encode_attempts(&mut encoder)?;
        drop(sums);
        let in_flight = self.totals.in_flight();
        gauge(&mut encoder, "weir_inflight_requests", "Requests that have begun and not ended", in_flight)?;
        let dropped = self.totals.usage_lines_dropped();
        let help = "Usage log lines lost: the sink was slower than traffic, or failed";
        counter(&mut encoder, "weir_usage_log_dropped", help, dropped)?;
        let dropped = self.log.as_ref().map_or(0, Log::dropped);
        let help = "Log lines lost: nobody read them fast enough";
        counter(&mut encoder, "weir_log_dropped", help, dropped)?;
        self.in_force.as_ref().map_or(Ok(()), |in_force| in_force.encode(&mut encoder))
    }
}

impl InForce {
    fn encode(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let generation = i64::try_from(self.generation).unwrap_or(i64::MAX);
        gauge(
            encoder,
            "weir_config_generation",
            "Number of the snapshot in force: as published, else counted here",
            generation,
        )?;
        let help = "When the last snapshot was applied, in seconds since 1970";
        gauge(encoder, "weir_config_last_success_timestamp_seconds", help, self.applied_at)?;
        let labels = [("hash", self.hash.as_str()), ("gateway", self.gateway.as_str())];
        let mut family = encoder.encode_descriptor(
            "weir_config_info",
            "The snapshot in force",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(1i64).encode(family.encode_family(&labels)?)
    }
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: i64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

type Named<'a> = (&'static str, &'a str);

impl Sums {
    fn cells(&self) -> impl Iterator<Item = (&[Arc<str>; 4], &Cell)> {
        self.requests.iter().map(|(labels, kept)| (labels, &kept.count))
    }

    fn encode_requests(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "weir_requests",
            "Requests by how they ended",
            None,
            MetricType::Counter,
        )?;
        for ([route, tenant, provider, model], cell) in self.cells() {
            for (code, count) in &cell.codes {
                let code = code.to_string();
                let labels: [Named<'_>; 6] = [
                    ("route", route),
                    ("tenant", tenant),
                    ("provider", provider),
                    ("model", model),
                    ("code", &code),
                    ("cache", "off"),
                ];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "From a request's arrival to the end of its answer";
        self.histograms(encoder, "weir_request", help, |cell| &cell.seconds)?;
        let help = "From a stream's arrival to the first content sent on";
        self.histograms(encoder, "weir_first_token", help, |cell| &cell.first_token)?;
        let help = "Time of unary requests that was not spent waiting for an upstream";
        let family =
            encoder.encode_descriptor("weir_overhead", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        encode_histogram(family, &OVERHEAD_SECONDS, &self.overhead)?;
        let rescued = self.cells().map(|(_, cell)| cell.rescued).sum();
        counter(encoder, "weir_rescued", "Requests that a later attempt answered", rescued)
    }

    /// Histograms by (route, provider, model): tenants would multiply their buckets.
    fn histograms(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        of: impl Fn(&Cell) -> &Histogram,
    ) -> fmt::Result {
        let mut sums: BTreeMap<[&str; 3], Histogram> = BTreeMap::new();
        for ([route, _, provider, model], cell) in self.cells() {
            sums.entry([route, provider, model]).or_default().add(of(cell));
        }
        let mut family =
            encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for ([route, provider, model], sum) in &sums {
            let labels: [Named<'_>; 3] = [("route", route), ("provider", provider), ("model", model)];
            encode_histogram(family.encode_family(&labels)?, &SECONDS, sum)?;
        }
        Ok(())
    }

    fn encode_tokens(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut family =
            encoder.encode_descriptor("weir_tokens", "Tokens by class", None, MetricType::Counter)?;
        for ([route, tenant, provider, model], cell) in self.cells() {
            for class in TokenClass::ALL {
                let labels: [Named<'_>; 5] = [
                    ("class", class.name()),
                    ("route", route),
                    ("tenant", tenant),
                    ("provider", provider),
                    ("model", model),
                ];
                ConstCounter::new(cell.usage.of(class)).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "What the tokens cost at the configured prices, in US dollars";
        let mut family = encoder.encode_descriptor("weir_cost_usd", help, None, MetricType::Counter)?;
        for ([route, tenant, provider, model], cell) in self.cells() {
            let labels: [Named<'_>; 4] =
                [("route", route), ("tenant", tenant), ("provider", provider), ("model", model)];
            // The one place where money becomes a float: Prometheus knows nothing else.
            let usd = cell.cost.0 as f64 / 1e9;
            ConstCounter::new(usd).encode(family.encode_family(&labels)?)?;
        }
        let unpriced = self.cells().map(|(_, cell)| cell.unpriced).sum();
        counter(
            encoder,
            "weir_unpriced_requests",
            "Attempts that used tokens whose price is not known",
            unpriced,
        )?;
        let assumed = self.cells().map(|(_, cell)| cell.assumed).sum();
        counter(
            encoder,
            "weir_usage_assumed",
            "Attempts whose usage the upstream did not tell, or not all of it",
            assumed,
        )
    }

    fn encode_attempts(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "weir_attempts",
            "Attempts by how they ended",
            None,
            MetricType::Counter,
        )?;
        for ((provider, model, outcome), kept) in &self.attempts {
            let labels: [Named<'_>; 3] = [("provider", provider), ("model", model), ("outcome", outcome)];
            ConstCounter::new(kept.count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn encode_histogram(
    mut encoder: MetricEncoder<'_>,
    bounds: &[f64; 14],
    histogram: &Histogram,
) -> fmt::Result {
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(histogram.counts).collect();
    let count = histogram.counts.iter().sum();
    encoder.encode_histogram::<NoLabelSet>(histogram.sum.as_secs_f64(), count, &buckets, None)
}
