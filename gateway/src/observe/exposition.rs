//! `/metrics`: the totals as prometheus-client's text. The families' names and labels are frozen: dashboards hang on
//! them.

use super::log::Log;
use super::series::{Cell, Histogram, OVERHEAD_SECONDS, SECONDS};
use super::totals::Sums;
use crate::app::Gateway;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// What a scrape reads.
pub(crate) struct Exposition(pub(crate) Arc<Gateway>);

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposition")
    }
}

impl Exposition {
    /// The text of one scrape, in OpenMetrics.
    pub(crate) fn text(gateway: &Arc<Gateway>) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Self(Arc::clone(gateway))));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let workers = &self.0.workers;
        let sums = self.0.totals.told(workers, Instant::now());
        sums.encode_requests(&mut encoder)?;
        sums.encode_tokens(&mut encoder)?;
        sums.encode_attempts(&mut encoder)?;
        drop(sums);
        let in_flight: i64 = workers.iter().map(|worker| worker.series.in_flight()).sum();
        gauge(&mut encoder, "weir_inflight_requests", "Requests that have begun and not ended", in_flight)?;
        let dropped: u64 = workers.iter().map(|worker| worker.series.usage_lines_dropped()).sum();
        let help = "Usage log lines lost: the sink was slower than traffic, or failed";
        counter(&mut encoder, "weir_usage_log_dropped", help, dropped)?;
        let dropped = self.0.log.as_ref().map_or(0, Log::dropped);
        let help = "Log lines lost: nobody read them fast enough";
        counter(&mut encoder, "weir_log_dropped", help, dropped)?;
        self.encode_config(&mut encoder)
    }
}

impl Exposition {
    fn encode_config(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let Some(live) = self.0.live.load_full() else { return Ok(()) };
        let generation = i64::try_from(live.revision.generation).unwrap_or(i64::MAX);
        gauge(
            encoder,
            "weir_config_generation",
            "Number of the snapshot in force: as published, else counted here",
            generation,
        )?;
        let help = "When the last snapshot was applied, in seconds since 1970";
        let applied = self.0.applied_at.load(std::sync::atomic::Ordering::Relaxed);
        gauge(encoder, "weir_config_last_success_timestamp_seconds", help, applied)?;
        let labels = [("hash", live.revision.hash.to_string()), ("gateway", live.gateway.name.to_string())];
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
            let usage = &cell.usage;
            let classes = [
                ("input", usage.input),
                ("cache_read", usage.cache_read),
                ("output", usage.output),
                ("reasoning", usage.reasoning),
            ];
            for (class, tokens) in classes {
                let labels: [Named<'_>; 5] = [
                    ("class", class),
                    ("route", route),
                    ("tenant", tenant),
                    ("provider", provider),
                    ("model", model),
                ];
                ConstCounter::new(tokens).encode(family.encode_family(&labels)?)?;
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
        counter(encoder, "weir_unpriced_requests", "Requests whose price is not known", unpriced)?;
        let assumed = self.cells().map(|(_, cell)| cell.assumed).sum();
        counter(encoder, "weir_usage_assumed", "Requests whose usage the upstream did not tell", assumed)
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
