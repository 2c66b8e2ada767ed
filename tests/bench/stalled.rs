//! What callers who take nothing make Weir hold: two thousand have stopped reading their streams, eight send large
//! bodies slowly and begin anew when they are refused, and small requests must pass all the while.
//!
//! Weir thinks that it may have what a pod may by default: its budget is half of what its control group allows, and a
//! file of our own says what that is. So this wants no root, and no limit ends what is to be measured.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use weir_upstream::{Answer, Chat, Form, Rule, Upstream};

use crate::client::{Connection, Expect};
use crate::load::{self, Ask};
use crate::machine;
use crate::streams::{self, STATUS, address, event, open, pid, settled};
use crate::subjects::{self, Subject};

/// So many have stopped reading, and so little their side takes in.
pub const READERS: usize = 2000;
const NARROW: u32 = 4 << 10;
/// So many send bodies of the largest size that is taken, a piece so often: each takes ten seconds.
pub const UPLOADS: usize = 8;
const LARGE: Ask = Ask { body_bytes: 32 << 20, expect: Expect::Json, paced: false };
const PIECE: usize = 64 << 10;
const EVERY: Duration = Duration::from_millis(20);
/// A small request so often.
const SMALL: Ask = Ask { body_bytes: 1024, expect: Expect::Json, paced: false };
const ASKED: Duration = Duration::from_millis(10);
/// So long; after a minute those who do not read would be sent away.
const PERIOD: Duration = Duration::from_secs(30);
/// A pod's memory by default.
const LIMIT: u64 = 512 << 20;

/// What was seen of it. Memory is in KiB.
#[derive(Debug)]
pub struct Stalled {
    /// With readers alone.
    pub readers: u64,
    /// The most, at any moment.
    pub most: u64,
    /// Large bodies that came whole.
    pub taken: u64,
    /// Small requests, and how many of them were refused.
    pub asked: u64,
    pub refused: u64,
    /// Milliseconds that 99 of 100 of them took at most.
    pub p99: f64,
}

/// Large bodies that were taken and refused.
#[derive(Debug, Default)]
struct Uploads {
    taken: AtomicU64,
    refused: AtomicU64,
}

pub async fn measure(weir: &Path, folder: &Path) -> Result<Stalled> {
    let upstream = upstream();
    let weir = limited(weir, &upstream, folder)?;
    let request = load::request(&weir, streams::ASK);
    let mut stalled = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        stalled.push(open(weir.address, &request, Some(NARROW)).await?);
    }
    let readers = settled(&weir).await?;
    let (uploads, body) = (Arc::new(Uploads::default()), Arc::<[u8]>::from(load::request(&weir, LARGE)));
    let mut uploaders = JoinSet::new();
    for _ in 0..UPLOADS {
        uploaders.spawn(upload(weir.address, Arc::clone(&body), Arc::clone(&uploads)));
    }
    let (latency, refused) = ask_small(&weir).await?;
    if let Some(ended) = uploaders.try_join_next() {
        ended?.context("an upload failed")?;
        bail!("an upload ended");
    }
    let ended = upstream.cancelled().len();
    ensure!(ended == 0, "{ended} of {READERS} streams were ended by Weir");
    let taken = uploads.taken.load(Relaxed);
    ensure!(
        uploads.refused.load(Relaxed) > 0,
        "{taken} bodies taken, none refused: the budget was not spent"
    );
    let most = machine::memory(pid(&weir)?)?.most;
    let p99 = latency.value_at_quantile(0.99) as f64 / 1e3;
    Ok(Stalled { readers, most, taken, asked: latency.len(), refused, p99 })
}

/// Streams as fast as they are taken, without an end; short answers to all else.
fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.always(Chat::says("ok").form(Form::Unary).answer());
    let frames = event(&"x".repeat(500)).repeat(20);
    let streams = Answer::endless(frames, Duration::ZERO);
    // Large bodies are not looked through, for that would keep the core from all others.
    upstream.script(Rule::when(|seen| seen.body.len() < PIECE && seen.stream(), streams));
    upstream
}

/// Weir where control groups seem to allow no more than `LIMIT`.
fn limited(weir: &Path, upstream: &Upstream, folder: &Path) -> Result<Subject> {
    let groups = "/sys/fs/cgroup";
    let script = format!("mount -t tmpfs none {groups} && echo {LIMIT} > {groups}/memory.max && exec \"$@\"");
    let under = ["unshare", "--mount", "--map-root-user", "sh", "-c", &script, "sh"];
    subjects::weir(weir, address(upstream), folder, &under).context(
        "a limit needs a namespace of mounts (unshare, of Debian's util-linux): is it forbidden here?",
    )
}

/// Sends one body after another, whatever becomes of it. Who is refused begins anew.
async fn upload(address: SocketAddr, request: Arc<[u8]>, uploads: Arc<Uploads>) -> Result<()> {
    loop {
        let status = send_slowly(TcpStream::connect(address).await?, &request).await?;
        match &status {
            b"HTTP/1.1 200" => uploads.taken.fetch_add(1, Relaxed),
            b"HTTP/1.1 503" => uploads.refused.fetch_add(1, Relaxed),
            other => bail!("an upload is answered with {}", String::from_utf8_lossy(other)),
        };
    }
}

/// Sends a request piece by piece until it is answered, and returns how the answer begins.
async fn send_slowly(mut stream: TcpStream, request: &[u8]) -> Result<[u8; STATUS]> {
    let mut status = [0; STATUS];
    let (mut answer, mut body) = stream.split();
    let send = async {
        for piece in request.chunks(PIECE) {
            body.write_all(piece).await?;
            sleep(EVERY).await;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        biased;
        read = answer.read_exact(&mut status) => drop(read.context("an upload is not answered")?),
        Err(error) = send => return Err(error.context("an upload is cut off")),
    }
    Ok(status)
}

/// Asks small requests for a while; how many microseconds they took, and how many were refused.
async fn ask_small(weir: &Subject) -> Result<(Histogram<u64>, u64)> {
    let request = load::request(weir, SMALL);
    let mut connection = Connection::open(weir.address).await?;
    let (mut latency, mut refused) = (Histogram::new(3)?, 0);
    let began = Instant::now();
    while began.elapsed() < PERIOD {
        let asked = Instant::now();
        let status = connection.status(&request).await?;
        latency.record(u64::try_from(asked.elapsed().as_micros())?)?;
        refused += u64::from(status != 200);
        sleep_until((asked + ASKED).into()).await;
    }
    Ok((latency, refused))
}
