//! What an open stream costs Weir in memory: what its process has while many of them get an event a second, less what
//! it had before. Each round is a process of its own, for memory that was freed is not always given back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_upstream::{Answer, Upstream};

use crate::client::Expect;
use crate::load::{self, Ask};
use crate::machine;
use crate::stalled::{self, Stalled};
use crate::subjects::{self, Subject};

/// The figure hardly varies.
const ROUNDS: usize = 3;
/// So many are open.
pub const OPEN: usize = 1000;
/// Each gets an event so often.
const PACE: Duration = Duration::from_secs(1);
/// So long its memory is looked at, and so often.
const PERIOD: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);
/// What the first ones need is needed once: so many are opened and closed before anything counts.
const FIRST: usize = 20;
/// What must come of the events that are due, or it was not measured what is said.
const ARRIVE: f64 = 0.9;
/// Stands once in each event and nowhere else.
const MARK: u8 = b'~';

/// A stream is asked for, by so much.
pub const ASK: Ask = Ask { body_bytes: 1024, expect: Expect::Frames(0), paced: false };

/// So long is what an answer begins with, its status included.
pub const STATUS: usize = b"HTTP/1.1 200".len();

/// What streams cost of Weir's memory.
#[derive(Debug)]
pub struct Streams {
    /// KiB for each that is open, in each round.
    pub each: Vec<f64>,
    pub stalled: Stalled,
}

impl Streams {
    pub async fn measure(weir: &Path, folder: &Path, rounds: usize) -> Result<Self> {
        // Beside the folder of the Weir that runs already: it would follow what is written there.
        let folder = folder.join("streams");
        let each = each(weir, &folder, rounds.min(ROUNDS)).await?;
        Ok(Self { each, stalled: stalled::measure(weir, &folder).await? })
    }
}

/// KiB for each open stream, in each of so many rounds.
async fn each(weir: &Path, folder: &Path, rounds: usize) -> Result<Vec<f64>> {
    let upstream = Upstream::start();
    upstream.always(Answer::endless(event(&char::from(MARK).to_string()), PACE));
    let mut each = Vec::new();
    for _ in 0..rounds {
        each.push(one_round(weir, folder, &upstream).await?);
    }
    Ok(each)
}

async fn one_round(weir: &Path, folder: &Path, upstream: &Upstream) -> Result<f64> {
    let weir = subjects::weir(weir, address(upstream), folder, &[])?;
    let request = load::request(&weir, ASK);
    for _ in 0..FIRST {
        open(weir.address, &request, None).await?;
    }
    let before = settled(&weir).await?;
    let marks = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..OPEN {
        let stream = open(weir.address, &request, None).await?;
        readers.spawn(read(stream, Arc::clone(&marks)));
    }
    sleep(PACE * 2).await;
    let (began, came, mut most) = (Instant::now(), marks.load(Relaxed), 0);
    while began.elapsed() < PERIOD {
        most = most.max(rss(&weir)?);
        sleep(LOOK).await;
    }
    let due = OPEN as f64 * began.elapsed().as_secs_f64() / PACE.as_secs_f64();
    let came = marks.load(Relaxed) - came;
    if let Some(ended) = readers.try_join_next() {
        bail!("a stream ended: {:?}", ended?);
    }
    ensure!(came as f64 >= due * ARRIVE, "{came} events came, {due:.0} were due: the machine is too slow");
    Ok(most.saturating_sub(before) as f64 / OPEN as f64)
}

/// An event with this text in it, as vendors send them.
pub fn event(text: &str) -> String {
    format!(
        r#"data: {{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[{{"index":0,"delta":{{"content":"{text}"}},"logprobs":null,"finish_reason":null}}]}}"#
    ) + "\n\n"
}

pub fn address(upstream: &Upstream) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], upstream.port()))
}

/// A stream that has begun, of which all but the status is to be read yet. `narrow`: so little its caller's side takes
/// in before it is read from.
pub async fn open(address: SocketAddr, request: &[u8], narrow: Option<u32>) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = narrow {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.write_all(request).await?;
    let mut status = [0; STATUS];
    stream.read_exact(&mut status).await.context("a stream does not begin")?;
    ensure!(&status == b"HTTP/1.1 200", "a stream begins with {}", String::from_utf8_lossy(&status));
    Ok(stream)
}

/// Reads a stream and counts its events; returns when it has ended.
async fn read(mut stream: TcpStream, marks: Arc<AtomicU64>) -> Result<()> {
    let mut piece = [0; 4 << 10];
    loop {
        let n = stream.read(&mut piece).await?;
        let marked = piece.iter().take(n).filter(|byte| **byte == MARK).count();
        marks.fetch_add(marked as u64, Relaxed);
        if n == 0 {
            return Ok(());
        }
    }
}

/// KiB that the process has when it has had no more for a while.
pub async fn settled(weir: &Subject) -> Result<u64> {
    let mut before = 0;
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = rss(weir)?;
        if now <= before + 256 {
            return Ok(now);
        }
        before = now;
    }
}

fn rss(weir: &Subject) -> Result<u64> {
    Ok(machine::memory(pid(weir)?)?.rss)
}

pub fn pid(weir: &Subject) -> Result<u32> {
    Ok(weir.process.as_ref().context("Weir is a process")?.pid())
}
