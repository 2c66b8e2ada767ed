//! Rounds: every subject under every load, in a new random order each time, so that whatever else the machine
//! does hits all alike. Only ratios within a round are a result.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::arrivals::{Arrivals, Dice};
use crate::client::Expect;
use crate::load::{self, Ask, Sample};
use crate::subjects::Subject;

/// Frames of a paced stream: short ones, since each tells only one time to its first token.
pub const PACED_EVENTS: usize = 20;

/// Some 20 of them are open at any moment, which leaves every core idle most of the time.
const STREAMS_PER_SECOND: u32 = 200;

/// How far a direct run may be off the median of all before its round is dropped.
const TOLERANCE: f64 = 0.20;

#[derive(Debug, Clone, Copy)]
pub struct Workload {
    pub name: &'static str,
    pub ask: Ask,
    pub arrivals: Arrivals,
    pub connections: usize,
    /// Whether CPU is what counts: then it runs the full time, and instructions are counted too.
    pub for_cpu: bool,
}

/// All samples of one workload: `rounds[n]` has one for each subject, in the subjects' order.
#[derive(Debug)]
pub struct Results {
    pub workload: Workload,
    pub rounds: Vec<Vec<Sample>>,
    pub dropped: usize,
}

/// What is run unless arguments say otherwise.
pub fn workloads(events: usize, open_rate: Option<u32>, poisson: bool) -> Vec<Workload> {
    let unary = |body_bytes| Ask { body_bytes, expect: Expect::Json, paced: false };
    let stream = Ask { body_bytes: 1024, expect: Expect::Frames(events), paced: false };
    let paced = Ask { expect: Expect::Frames(PACED_EVENTS), paced: true, ..stream };
    let closed = |name, ask, connections, for_cpu| Workload {
        name,
        ask,
        arrivals: Arrivals::Closed,
        connections,
        for_cpu,
    };
    let mut workloads = vec![
        closed("W1 unary 1 KB", unary(1024), 32, true),
        closed("W2 unary 10 KB", unary(10 * 1024), 32, true),
        closed("W4 stream, unpaced", stream, 32, true),
        closed("W1 at one caller", unary(1024), 1, false),
        // Callers that start together would stay in step for ever, and wait for each other in the one upstream.
        Workload {
            arrivals: Arrivals::Poisson(STREAMS_PER_SECOND),
            ..closed("W5 stream, paced", paced, 64, true)
        },
    ];
    if let Some(rate) = open_rate {
        let arrivals = if poisson { Arrivals::Poisson(rate) } else { Arrivals::Constant(rate) };
        let ask = unary(1024);
        workloads.push(Workload { name: "W1 open loop", ask, arrivals, connections: 64, for_cpu: false });
    }
    workloads
}

pub struct Plan {
    pub rounds: usize,
    pub period: Duration,
    pub seed: u64,
    pub instructions: bool,
}

pub async fn run(
    subjects: &[Subject],
    workloads: Vec<Workload>,
    plan: &Plan,
    mut progress: impl FnMut(usize, &str) -> Result<()>,
) -> Result<Vec<Results>> {
    let mut dice = Dice::new(plan.seed);
    let mut results: Vec<Results> =
        workloads.into_iter().map(|workload| Results { workload, rounds: Vec::new(), dropped: 0 }).collect();
    for round in 0..plan.rounds {
        for result in &mut results {
            progress(round, result.workload.name)?;
            let samples = one_round(subjects, &result.workload, plan, &mut dice).await;
            result.rounds.push(samples.with_context(|| format!("in {}", result.workload.name))?);
        }
    }
    Ok(results)
}

async fn one_round(
    subjects: &[Subject],
    workload: &Workload,
    plan: &Plan,
    dice: &mut Dice,
) -> Result<Vec<Sample>> {
    let mut order: Vec<(u64, usize)> = (0..subjects.len()).map(|index| (dice.roll(), index)).collect();
    order.sort_unstable();
    let mut samples = Vec::new();
    for (_, index) in order {
        let Some(subject) = subjects.get(index) else { continue };
        // Direct runs only tell whether the machine was quiet, which takes less than a CPU ratio.
        let full = workload.for_cpu && subject.process.is_some();
        let period = if full { plan.period } else { (plan.period / 3).max(Duration::from_millis(200)) };
        let instructions = full && plan.instructions;
        let sample =
            load::run(subject, workload.ask, workload.arrivals, workload.connections, period, instructions);
        samples.push((index, sample.await?));
    }
    samples.sort_unstable_by_key(|(index, _)| *index);
    Ok(samples.into_iter().map(|(_, sample)| sample).collect())
}

impl Results {
    /// Drops rounds in which the machine was disturbed. The direct subject is the first.
    pub fn drop_noisy(&mut self) {
        let rates: Vec<f64> =
            self.rounds.iter().filter_map(|round| round.first()).map(Sample::rate).collect();
        let Some(usual) = median(rates) else { return };
        let before = self.rounds.len();
        self.rounds.retain(|round| {
            round.first().is_some_and(|direct| (direct.rate() / usual - 1.0).abs() <= TOLERANCE)
        });
        self.dropped = before - self.rounds.len();
    }

    /// A figure of one subject in each round that was kept.
    pub fn each(&self, subject: usize, figure: impl Fn(&Sample) -> Option<f64>) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| figure(round.get(subject)?)).collect()
    }

    /// The ratio of a figure in each round; `figure` may look at the direct run too.
    pub fn ratios(
        &self,
        over: usize,
        under: usize,
        figure: impl Fn(&Sample, &Sample) -> Option<f64>,
    ) -> Vec<f64> {
        let ratio = |round: &Vec<Sample>| {
            let direct = round.first()?;
            // An added latency can be below zero on a busy machine, and then there is no ratio.
            let reference = figure(round.get(under)?, direct).filter(|reference| *reference > 0.0)?;
            Some(figure(round.get(over)?, direct)? / reference)
        };
        self.rounds.iter().filter_map(ratio).collect()
    }
}

impl Sample {
    /// Requests in a second.
    pub fn rate(&self) -> f64 {
        self.completed as f64 / self.elapsed.as_secs_f64()
    }

    pub fn cpu_per_request(&self) -> Option<f64> {
        per(self.cpu?.as_secs_f64() * 1e6, self.completed)
    }

    pub fn cpu_per_event(&self) -> Option<f64> {
        per(self.cpu?.as_secs_f64() * 1e6, self.events)
    }

    pub fn instructions_per_request(&self) -> Option<f64> {
        per(self.instructions? as f64, self.completed)
    }
}

fn per(total: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| total / count as f64)
}

pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some((upper + lower) / 2.0)
}
