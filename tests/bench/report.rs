//! The one table: figure, value, what must hold, what we are after. A ratio is the median of the rounds' own
//! ratios with its extremes; what was not measured says so in its row.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use crate::callgrind::PerRequest;
use crate::load::Sample;
use crate::machine::Memory;
use crate::rounds::{Results, median};
use crate::streams::Streams;
use crate::subjects::Subject;
use crate::{stalled, streams};

/// Features that a measured request does not pass through yet, and workloads without a measurement.
const MISSING: [&str; 4] =
    ["budgets: not built", "cache: not built", "Redis: not built", "W3 and W6 to W15: not built"];

/// What other programs may take of the measured core before the table warns.
const QUIET: f64 = 0.05;

pub struct Report {
    pub machine: String,
    pub seconds_since_1970: u64,
    pub results: Vec<Results>,
    pub memory: Vec<(&'static str, Memory, Memory)>,
    pub streams: Option<Streams>,
    /// Requests that the upstream counted, and that we sent.
    pub upstream_served: u64,
    pub sent: u64,
    pub instructions_supported: bool,
    /// User instructions of a unary request of 1 KB through Weir, where callgrind had to count them.
    pub callgrind: Option<PerRequest>,
}

/// A row. `hold` and `aim` are upper bounds.
pub struct Row {
    figure: String,
    values: Vec<f64>,
    unit: &'static str,
    hold: Option<f64>,
    aim: Option<f64>,
    note: Option<&'static str>,
}

impl Row {
    fn new(figure: impl Into<String>, unit: &'static str, values: Vec<f64>) -> Self {
        Self { figure: figure.into(), values, unit, hold: None, aim: None, note: None }
    }

    fn bounds(mut self, hold: f64, aim: f64) -> Self {
        self.hold = Some(hold);
        self.aim = Some(aim);
        self
    }

    fn hold(mut self, hold: f64) -> Self {
        self.hold = Some(hold);
        self
    }

    fn or_note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    pub fn missed(&self) -> bool {
        median(self.values.clone()).zip(self.hold).is_some_and(|(value, hold)| value > hold)
    }

    fn cells(&self) -> [String; 4] {
        let unit = self.unit;
        let value = match median(self.values.clone()) {
            Some(value) if self.values.len() > 1 => {
                let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
                let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                format!("{value:.2}{unit} ({least:.2} to {most:.2})")
            }
            Some(value) => format!("{value:.2}{unit}"),
            None => self.note.unwrap_or("not measured").to_owned(),
        };
        let bound = |bound: Option<f64>| bound.map_or("-".into(), |bound| format!("{bound}{unit}"));
        let verdict = if self.missed() { " MISSED" } else { "" };
        [self.figure.clone(), value, bound(self.hold) + verdict, bound(self.aim)]
    }

    fn json(&self) -> Value {
        json!({
            "figure": self.figure, "unit": self.unit.trim(), "median": median(self.values.clone()),
            "rounds": self.values, "hold": self.hold, "aim": self.aim, "missed": self.missed(),
        })
    }
}

type Figure = fn(&Sample) -> Option<f64>;

/// HAProxy is the second subject, Weir the third, if there is one.
const HAPROXY: usize = 1;
const WEIR: usize = 2;

impl Report {
    pub fn rows(&self, subjects: &[Subject]) -> Vec<Row> {
        let mut rows = Vec::new();
        for results in &self.results {
            match results.workload.name {
                "W4 stream, unpaced" => {
                    let bounds = Some((1.30, 1.0));
                    cpu(&mut rows, results, subjects, "event", Sample::cpu_per_event, bounds);
                }
                "W1 unary 1 KB" => {
                    let bounds = Some((1.45, 1.2));
                    cpu(&mut rows, results, subjects, "request", Sample::cpu_per_request, bounds);
                    instructions(&mut rows, results, subjects, self.instructions_supported);
                }
                "W5 stream, paced" => {
                    let bounds = Some((1.15, 1.0));
                    cpu(&mut rows, results, subjects, "event", Sample::cpu_per_event, bounds);
                    let bounds = [(1.2, 1.05), (1.4, 1.1)];
                    added(&mut rows, results, subjects, "time to first token", first_token, bounds);
                }
                "W1 at one caller" => {
                    added(&mut rows, results, subjects, "latency", latency, [(1.15, 1.05), (1.3, 1.1)]);
                }
                "W1 open loop" => {
                    added(&mut rows, results, subjects, "latency", latency, [(1.15, 1.05), (1.3, 1.1)]);
                }
                _ => cpu(&mut rows, results, subjects, "request", Sample::cpu_per_request, None),
            }
        }
        if let Some(PerRequest { all, sha256, .. }) = self.callgrind {
            let thousand = |count: f64| vec![count / 1000.0];
            let name = "W1 unary 1 KB: Weir, user instructions by callgrind";
            rows.push(Row::new(name.to_owned(), "k", thousand(all)));
            rows.push(
                Row::new(format!("{name}, but SHA-256"), "k", thousand(all - sha256)).bounds(45.0, 36.0),
            );
        }
        for (name, idle, loaded) in &self.memory {
            let mib = |kib: u64| vec![kib as f64 / 1024.0];
            let idle_row = Row::new(format!("{name}: memory idle (VmRSS)"), " MiB", mib(idle.rss));
            rows.push(if *name == "Weir" { idle_row.bounds(16.0, 9.0) } else { idle_row });
            rows.push(Row::new(format!("{name}: memory idle (Pss)"), " MiB", mib(idle.pss)));
            rows.push(Row::new(format!("{name}: memory after load (VmRSS)"), " MiB", mib(loaded.rss)));
        }
        if let Some(found) = &self.streams {
            streams_rows(&mut rows, found);
        }
        rows
    }

    /// What other programs took of the measured core, over all runs.
    fn others(&self) -> f64 {
        let samples = self.results.iter().flat_map(|results| results.rounds.iter().flatten());
        let (shares, count) = samples.fold((0.0, 0.0), |(sum, n), sample| (sum + sample.others, n + 1.0));
        if count > 0.0 { shares / count } else { 0.0 }
    }

    pub fn print(&self, out: &mut impl Write, subjects: &[Subject], rows: &[Row]) -> Result<()> {
        writeln!(out, "{}", self.machine)?;
        for subject in subjects {
            writeln!(out, "{}: {}", subject.name, subject.configuration)?;
        }
        writeln!(out, "upstream served {} requests, {} were sent", self.upstream_served, self.sent)?;
        let others = self.others();
        if others > QUIET {
            let percent = others * 100.0;
            writeln!(
                out,
                "NOT QUIET: other programs took {percent:.0} % of the measured core; trust nothing below"
            )?;
        }
        for results in &self.results {
            let kept = results.rounds.len();
            writeln!(out, "{}: {kept} rounds kept, {} dropped", results.workload.name, results.dropped)?;
        }
        writeln!(out, "{}\n", MISSING.join("; "))?;
        let header = ["figure", "value: median (least to most)", "hold", "aim"].map(str::to_owned);
        let cells: Vec<[String; 4]> = std::iter::once(header).chain(rows.iter().map(Row::cells)).collect();
        let width = |column: usize| {
            cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        for [figure, value, hold, aim] in &cells {
            let [first, second, third] = widths;
            writeln!(out, "{figure:first$}  {value:second$}  {hold:third$}  {aim}")?;
        }
        Ok(())
    }

    pub fn json(&self, subjects: &[Subject], rows: &[Row]) -> Value {
        let names: Vec<_> = subjects
            .iter()
            .map(|subject| json!({"name": subject.name, "configuration": subject.configuration}))
            .collect();
        let rounds: Vec<_> = self
            .results
            .iter()
            .map(|results| {
                json!({
                    "workload": results.workload.name,
                    "connections": results.workload.connections,
                    "dropped": results.dropped,
                    "rounds": results.rounds.iter().map(|round| {
                        subjects.iter().zip(round).map(|(subject, sample)| sample_json(subject, sample)).collect()
                    }).collect::<Vec<Vec<_>>>(),
                })
            })
            .collect();
        json!({
            "machine": self.machine, "secondsSince1970": self.seconds_since_1970, "subjects": names,
            "othersOnMeasuredCore": self.others(), "upstreamServed": self.upstream_served, "sent": self.sent, "missing": MISSING,
            "figures": rows.iter().map(Row::json).collect::<Vec<_>>(), "workloads": rounds,
        })
    }
}

fn cpu(
    rows: &mut Vec<Row>,
    results: &Results,
    subjects: &[Subject],
    what: &str,
    figure: Figure,
    bounds: Option<(f64, f64)>,
) {
    let workload = results.workload.name;
    for (index, subject) in subjects.iter().enumerate() {
        let rate = Row::new(
            format!("{workload}: {}, answers/s", subject.name),
            "",
            results.each(index, |sample| Some(sample.rate())),
        );
        rows.push(rate);
        if index > 0 {
            let title = format!("{workload}: {}, CPU per {what}", subject.name);
            rows.push(Row::new(title, " us", results.each(index, figure)));
        }
    }
    let ratios = results.ratios(WEIR, HAPROXY, |sample, _| figure(sample));
    let row = Row::new(format!("{workload}: Weir / HAProxy, CPU per {what}"), "x", ratios);
    rows.push(match bounds {
        Some((hold, aim)) => row.bounds(hold, aim),
        None => row,
    });
}

fn instructions(rows: &mut Vec<Row>, results: &Results, subjects: &[Subject], supported: bool) {
    let note = if supported { "not measured" } else { "perf: not supported here" };
    for (index, name) in [(HAPROXY, "HAProxy"), (WEIR, "Weir")] {
        let values = results.each(index, Sample::instructions_per_request);
        let values = values.into_iter().map(|count| count / 1000.0).collect();
        let title = format!("{}: {name}, user instructions", results.workload.name);
        let row = Row::new(title, "k", values).or_note(note);
        if index == WEIR {
            rows.push(row.bounds(45.0, 36.0));
        } else if index < subjects.len() {
            rows.push(row);
        }
    }
}

fn streams_rows(rows: &mut Vec<Row>, found: &Streams) {
    let Streams { each, stalled } = found;
    let mib = |kib: u64| vec![kib as f64 / 1024.0];
    let (open, readers, uploads) = (streams::OPEN, stalled::READERS, stalled::UPLOADS);
    let title = format!("Weir: memory for each of {open} open streams (VmRSS)");
    rows.push(Row::new(title, " KiB", each.clone()).bounds(30.0, 16.0));
    let title = format!("Weir: memory with {readers} readers who have stopped (VmRSS)");
    rows.push(Row::new(title, " MiB", mib(stalled.readers)));
    let title = format!("Weir: the same with {uploads} slow large uploads, the most (VmHWM)");
    rows.push(Row::new(title, " MiB", mib(stalled.most)).hold(400.0));
    rows.push(Row::new("Weir: large uploads taken meanwhile", "", vec![stalled.taken as f64]));
    let title = format!("Weir: small requests refused meanwhile, of {}", stalled.asked);
    rows.push(Row::new(title, "", vec![stalled.refused as f64]).hold(0.0));
    rows.push(Row::new("Weir: small requests meanwhile, p99", " ms", vec![stalled.p99]));
}

fn latency(sample: &Sample, quantile: f64) -> f64 {
    sample.latency.value_at_quantile(quantile) as f64 / 1000.0
}

fn first_token(sample: &Sample, quantile: f64) -> f64 {
    sample.first.value_at_quantile(quantile) as f64 / 1000.0
}

fn added(
    rows: &mut Vec<Row>,
    results: &Results,
    subjects: &[Subject],
    what: &str,
    of: fn(&Sample, f64) -> f64,
    bounds: [(f64, f64); 2],
) {
    let workload = results.workload.name;
    for ((name, quantile), (hold, aim)) in [("p50", 0.5), ("p99", 0.99)].into_iter().zip(bounds) {
        let direct = results.each(0, |sample| Some(of(sample, quantile)));
        rows.push(Row::new(format!("{workload}: direct, {what} {name}"), " us", direct));
        let adds = |sample: &Sample, direct: &Sample| Some(of(sample, quantile) - of(direct, quantile));
        for (index, subject) in subjects.iter().enumerate().skip(1) {
            let values =
                results.rounds.iter().filter_map(|round| adds(round.get(index)?, round.first()?)).collect();
            rows.push(Row::new(format!("{workload}: {}, added {what} {name}", subject.name), " us", values));
        }
        let ratios = results.ratios(WEIR, HAPROXY, adds);
        let title = format!("{workload}: Weir / HAProxy, added {what} {name}");
        rows.push(Row::new(title, "x", ratios).bounds(hold, aim));
    }
}

fn sample_json(subject: &Subject, sample: &Sample) -> Value {
    let quantiles = |of: fn(&Sample, f64) -> f64| json!({"p50": of(sample, 0.5), "p99": of(sample, 0.99)});
    json!({
        "subject": subject.name, "completed": sample.completed, "events": sample.events,
        "seconds": sample.elapsed.as_secs_f64(), "cpuSeconds": sample.cpu.map(|cpu| cpu.as_secs_f64()),
        "instructions": sample.instructions, "latencyUs": quantiles(latency), "firstUs": quantiles(first_token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stalled::Stalled;

    fn found(each: f64, most: u64, refused: u64) -> Vec<Row> {
        let stalled = Stalled { readers: 100 << 10, most, taken: 9, asked: 1000, refused, p99: 1.0 };
        let mut rows = Vec::new();
        streams_rows(&mut rows, &Streams { each: vec![each], stalled });
        rows
    }

    #[test]
    fn what_streams_cost_is_missed_beyond_what_must_hold() {
        let missed = |rows: Vec<Row>| rows.iter().filter(|row| row.missed()).count();
        assert_eq!(missed(found(30.0, 400 << 10, 0)), 0);
        for rows in [found(30.1, 0, 0), found(0.0, (400 << 10) + 1, 0), found(0.0, 0, 1)] {
            assert_eq!(missed(rows), 1);
        }
    }
}
