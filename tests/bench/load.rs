//! Load on one subject: closed (each caller waits for its answer) and open (requests start when they are due,
//! whether or not earlier ones are done). Latency is always from the moment a request was due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::arrivals::{Arrivals, Clock};
use crate::client::{Connection, Expect};
use crate::machine::{self, Instructions};
use crate::subjects::Subject;

/// Connections are made and pools filled before anything counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// What is asked, and how an answer must look.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub body_bytes: usize,
    pub expect: Expect,
    /// Whether the upstream shall pause between events.
    pub paced: bool,
}

/// What one run has shown.
#[derive(Debug)]
pub struct Sample {
    pub completed: u64,
    pub events: u64,
    pub elapsed: Duration,
    pub cpu: Option<Duration>,
    pub instructions: Option<u64>,
    /// The share of the measured core that went to programs that have no business there.
    pub others: f64,
    /// Nanoseconds from when a request was due to its last byte.
    pub latency: Histogram<u64>,
    /// Nanoseconds from when it was sent to the first byte of the body, of a stream to its first content.
    pub first: Histogram<u64>,
    /// Everything that was sent, before and after the counted time too.
    pub sent: u64,
}

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    completed: AtomicU64,
    newlines: AtomicU64,
    counting: AtomicBool,
    stop: AtomicBool,
}

pub async fn run(
    subject: &Subject,
    ask: Ask,
    arrivals: Arrivals,
    connections: usize,
    period: Duration,
    with_instructions: bool,
) -> Result<Sample> {
    let shared = Arc::new(Shared::default());
    let request: Arc<[u8]> = request(subject, ask).into();
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(subject.address_for(ask.paced)).await?);
    }
    let clock = Clock::start(arrivals, WARM_UP + period);
    let mut callers = JoinSet::new();
    for connection in open {
        callers.spawn(call(connection, request.clone(), ask.expect, shared.clone(), clock.clone()));
    }
    sleep(WARM_UP).await;
    let pid = subject.process.as_ref().map(|process| process.pid());
    let instructions = match pid {
        Some(pid) if with_instructions => Some(Instructions::start(pid, period)?),
        _ => None,
    };
    shared.counting.store(true, Relaxed);
    let before = Snapshot::take(&shared, pid)?;
    sleep(period).await;
    let after = Snapshot::take(&shared, pid)?;
    shared.counting.store(false, Relaxed);
    shared.stop.store(true, Relaxed);

    let elapsed = after.at - before.at;
    let cpu = after.cpu.zip(before.cpu).map(|(after, before)| after - before);
    let others = (after.busy - before.busy).saturating_sub(cpu.unwrap_or_default());
    let mut sample = Sample {
        completed: after.completed - before.completed,
        events: (after.newlines - before.newlines) / 2,
        elapsed,
        cpu,
        others: others.as_secs_f64() / elapsed.as_secs_f64(),
        instructions: instructions.map(Instructions::finish).transpose()?,
        latency: histogram()?,
        first: histogram()?,
        sent: 0,
    };
    while let Some(caller) = callers.join_next().await {
        let (latency, first) = caller?.with_context(|| format!("{} failed", subject.name))?;
        sample.latency.add(latency)?;
        sample.first.add(first)?;
    }
    sample.sent = shared.sent.load(Relaxed);
    Ok(sample)
}

struct Snapshot {
    at: Instant,
    completed: u64,
    newlines: u64,
    cpu: Option<Duration>,
    busy: Duration,
}

impl Snapshot {
    fn take(shared: &Shared, pid: Option<u32>) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            completed: shared.completed.load(Relaxed),
            newlines: shared.newlines.load(Relaxed),
            cpu: pid.map(machine::cpu).transpose()?,
            busy: machine::core_busy()?,
        })
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(3)?)
}

/// One connection: request after request, until told to stop.
async fn call(
    mut connection: Connection,
    request: Arc<[u8]>,
    expect: Expect,
    shared: Arc<Shared>,
    clock: Clock,
) -> Result<(Histogram<u64>, Histogram<u64>)> {
    let (mut latency, mut first) = (histogram()?, histogram()?);
    while !shared.stop.load(Relaxed) {
        let Some(due) = clock.next().await else { break };
        let begun = Instant::now();
        shared.sent.fetch_add(1, Relaxed);
        // A frame is one line and one empty line: half the line ends are frames, however they arrive.
        let arrived = |bytes: &[u8]| {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            shared.newlines.fetch_add(lines as u64, Relaxed);
        };
        let times = connection.exchange(&request, expect, arrived).await?;
        shared.completed.fetch_add(1, Relaxed);
        if shared.counting.load(Relaxed) {
            latency.record(nanoseconds(times.end - due))?;
            first.record(nanoseconds(times.first - begun))?;
        }
    }
    Ok((latency, first))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The bytes of the request, made once. The prompt fills the body up to its size.
pub fn request(subject: &Subject, ask: Ask) -> Vec<u8> {
    let stream = match ask.expect {
        Expect::Json => "",
        Expect::Frames(_) if ask.paced => r#","stream":true,"user":"paced""#,
        Expect::Frames(_) => r#","stream":true"#,
    };
    let open = format!(
        r#"{{"model":"{}"{stream},"max_tokens":256,"temperature":0.7,"messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":""#,
        subject.model
    );
    let close = r#""}]}"#;
    let text = "The quick brown fox jumps over the lazy dog. ";
    let room = ask.body_bytes.saturating_sub(open.len() + close.len());
    let prompt: String = text.chars().cycle().take(room).collect();
    let body = [&open, &prompt, close].concat();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\naccept: application/json\r\nuser-agent: weir-bench\r\n\
         content-length: {}\r\n\r\n",
        subject.address,
        subject.key,
        body.len()
    );
    [head, body].concat().into_bytes()
}
