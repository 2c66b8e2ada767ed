//! What Weir still serves when ten times as much is asked as it can, and how soon it is itself again.
//!
//! Requests are due at ten times the rate that closed load reaches, whether or not earlier ones are answered; callers
//! that are refused take the next one at once, which is the worst that they can do. Every figure is a ratio to the
//! capacity found in the same run.
//!
//! An answer costs more where thousands of connections take turns, whoever gives it: each turn finds its connection's
//! memory out of the caches, the kernel's too. How much more is the machine's, so HAProxy is rushed beside.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::arrivals::{Arrivals, Clock};
use crate::client::{Connection, Expect};
use crate::load::{self, Ask};
use crate::machine;
use crate::subjects::Subject;

/// Connections of the rush; each holds at most one request.
const CONNECTIONS: [usize; 3] = [500, 2000, 6000];
const TIMES: u32 = 10;
const ASK: Ask = Ask { body_bytes: 1024, expect: Expect::Json, paced: false };
/// A rush comes to its balance in this time, or in as much as is measured.
const SETTLE: Duration = Duration::from_secs(2);
/// It is itself again with so many answers in a row, none slower than this.
const CALM: (u32, Duration) = (100, Duration::from_millis(50));
/// What must hold; where the machine leaves HAProxy less, so much.
const GOODPUT: f64 = 0.9;
const RECOVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    served: AtomicU64,
    refused: AtomicU64,
    counting: AtomicBool,
    over: AtomicBool,
}

/// Rushes both and prints what comes of it; whether what must hold of Weir does.
pub async fn run(weir: &Subject, haproxy: &Subject, period: Duration, out: &mut impl Write) -> Result<bool> {
    let beside = rushes(haproxy, period, out).await?;
    let ours = rushes(weir, period, out).await?;
    let goodput = ours.iter().zip(&beside).all(|(ours, beside)| ours.goodput >= GOODPUT.min(beside.goodput));
    let recovery = ours.iter().all(|ours| ours.recovered <= RECOVERY);
    let holds = goodput && recovery;
    let told = if holds { "yes" } else { "NO" };
    writeln!(out, "must hold: goodput {GOODPUT} or HAProxy's, recovery {RECOVERY:?}: {told}")?;
    Ok(holds)
}

/// What came of one rush.
struct Outcome {
    /// Of the capacity.
    goodput: f64,
    recovered: Duration,
}

/// A rush on each number of connections.
async fn rushes(subject: &Subject, period: Duration, out: &mut impl Write) -> Result<Vec<Outcome>> {
    let request: Arc<[u8]> = load::request(subject, ASK).into();
    let closed = load::run(subject, ASK, Arrivals::Closed, 32, period, false).await?;
    let (name, capacity) = (subject.name, closed.rate());
    writeln!(out, "{name}: {capacity:.0} a second (32 callers, closed)")?;
    let mut outcomes = Vec::new();
    for connections in CONNECTIONS {
        let rush = rush(subject, &request, connections, capacity, period).await?;
        let recovered = recovery(subject, &request).await?;
        let goodput = rush.served / capacity;
        let quantile = |quantile| rush.latency.value_at_quantile(quantile) as f64 / 1e3;
        writeln!(
            out,
            "{name}, {connections} connections: goodput {goodput:.2}, refused {:.0} a second, p50 {:.0} ms, \
             p99 {:.0} ms, {:.0} % of its core, itself again after {} ms",
            rush.refused,
            quantile(0.5),
            quantile(0.99),
            rush.cores * 100.0,
            recovered.as_millis(),
        )?;
        outcomes.push(Outcome { goodput, recovered });
    }
    Ok(outcomes)
}

struct Rush {
    /// A second.
    served: f64,
    refused: f64,
    /// Of answers, in microseconds from when they were sent.
    latency: Histogram<u64>,
    cores: f64,
}

async fn rush(
    subject: &Subject,
    request: &Arc<[u8]>,
    connections: usize,
    capacity: f64,
    period: Duration,
) -> Result<Rush> {
    let seen = Arc::new(Seen::default());
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(subject.address).await?);
    }
    let rate = (capacity * f64::from(TIMES)) as u32;
    let settle = SETTLE.max(period);
    let clock = Clock::start(Arrivals::Constant(rate), settle + period + SETTLE);
    let mut callers = JoinSet::new();
    for connection in open {
        callers.spawn(call(connection, Arc::clone(request), Arc::clone(&seen), clock.clone()));
    }
    sleep(settle).await;
    let pid = subject.process.as_ref().context("what is rushed is a process")?.pid();
    let (began, cpu) = (Instant::now(), machine::cpu(pid)?);
    let (served, refused) = (seen.served.load(Relaxed), seen.refused.load(Relaxed));
    seen.counting.store(true, Relaxed);
    sleep(period).await;
    let elapsed = began.elapsed().as_secs_f64();
    let served = (seen.served.load(Relaxed) - served) as f64 / elapsed;
    let refused = (seen.refused.load(Relaxed) - refused) as f64 / elapsed;
    let cores = (machine::cpu(pid)? - cpu).as_secs_f64() / elapsed;
    seen.over.store(true, Relaxed);
    let mut latency = Histogram::new(3)?;
    while let Some(caller) = callers.join_next().await {
        latency.add(caller??)?;
    }
    Ok(Rush { served, refused, latency, cores })
}

async fn call(
    mut connection: Connection,
    request: Arc<[u8]>,
    seen: Arc<Seen>,
    clock: Clock,
) -> Result<Histogram<u64>> {
    let mut latency = Histogram::new(3)?;
    while !seen.over.load(Relaxed) && clock.next().await.is_some() {
        let sent = Instant::now();
        match connection.status(&request).await? {
            200 => {
                seen.served.fetch_add(1, Relaxed);
                if seen.counting.load(Relaxed) {
                    latency.record(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX))?;
                }
            }
            status => {
                ensure!(status == 503, "status {status}");
                seen.refused.fetch_add(1, Relaxed);
            }
        }
    }
    Ok(latency)
}

/// How long after a rush the first of many quick answers in a row came.
async fn recovery(subject: &Subject, request: &[u8]) -> Result<Duration> {
    let over = Instant::now();
    let mut connection = Connection::open(subject.address).await?;
    let (answers, quick) = CALM;
    let (mut since, mut row) = (over, 0);
    while row < answers {
        let sent = Instant::now();
        let status = connection.status(request).await?;
        if status == 200 && sent.elapsed() <= quick {
            row += 1;
        } else {
            (since, row) = (Instant::now(), 0);
        }
        ensure!(over.elapsed() < Duration::from_secs(60), "it does not come to itself again");
    }
    Ok(since - over)
}
