//! What Weir still serves when ten times as much is asked as it can, and how soon it is itself again.
//!
//! Requests are due at ten times the rate that closed load reaches, whether or not earlier ones are answered; callers
//! that are refused take the next one at once, which is the worst that they can do. Every figure is a ratio to the
//! capacity found in the same run.

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
/// What must hold.
const GOODPUT: f64 = 0.9;
const RECOVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    served: AtomicU64,
    refused: AtomicU64,
    counting: AtomicBool,
    over: AtomicBool,
}

/// Runs it and prints it; whether what must hold does.
pub async fn run(weir: &Subject, period: Duration, out: &mut impl Write) -> Result<bool> {
    let request: Arc<[u8]> = load::request(weir, ASK).into();
    let closed = load::run(weir, ASK, Arrivals::Closed, 32, period, false).await?;
    let capacity = closed.rate();
    let cores = closed.cpu.unwrap_or_default().as_secs_f64() / closed.elapsed.as_secs_f64();
    writeln!(out, "capacity: {capacity:.0} a second, {:.0} % of a core (32 callers, closed)", cores * 100.0)?;
    let mut holds = true;
    for connections in CONNECTIONS {
        let rush = rush(weir, &request, connections, capacity, period).await?;
        let recovered = recovery(weir, &request).await?;
        let share = rush.served / capacity;
        holds &= share >= GOODPUT && recovered <= RECOVERY;
        writeln!(
            out,
            "{connections} connections, {TIMES} times the capacity: goodput {share:.2}, refused {:.0} a second, \
             p50 {:.0} ms, p99 {:.0} ms, {:.0} % of a core, itself again after {} ms",
            rush.refused,
            rush.latency.value_at_quantile(0.5) as f64 / 1e3,
            rush.latency.value_at_quantile(0.99) as f64 / 1e3,
            rush.cores * 100.0,
            recovered.as_millis(),
        )?;
    }
    writeln!(
        out,
        "must hold: goodput {GOODPUT}, recovery {RECOVERY:?}: {}",
        if holds { "yes" } else { "NO" }
    )?;
    Ok(holds)
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
    weir: &Subject,
    request: &Arc<[u8]>,
    connections: usize,
    capacity: f64,
    period: Duration,
) -> Result<Rush> {
    let seen = Arc::new(Seen::default());
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(weir.address).await?);
    }
    let rate = (capacity * f64::from(TIMES)) as u32;
    let settle = SETTLE.max(period);
    let clock = Clock::start(Arrivals::Constant(rate), settle + period + SETTLE);
    let mut callers = JoinSet::new();
    for connection in open {
        callers.spawn(call(connection, Arc::clone(request), Arc::clone(&seen), clock.clone()));
    }
    sleep(settle).await;
    let pid = weir.process.as_ref().context("Weir is a process")?.pid();
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
async fn recovery(weir: &Subject, request: &[u8]) -> Result<Duration> {
    let over = Instant::now();
    let mut connection = Connection::open(weir.address).await?;
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
