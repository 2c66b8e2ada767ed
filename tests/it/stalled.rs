//! S9.5: what a reader that stalls makes us hold of its stream: what such readers cost the gateway, a process of its
//! own, beside what as many cost it whose streams are open and silent.

use crate::harness::{Config, streamed};
use crate::quiet::alone;
use crate::raw::{Raw, chat};
use crate::tools::H2;
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use weir_upstream::{Answer, At, Upstream};

const READERS: usize = 200;
/// Those before them: what the first ones need is needed once.
const FIRST: usize = 20;
/// What the gateway may hold of a stream that nobody reads.
const PROMISED: usize = 32 << 10;
/// All that such a reader may cost it, in a debug build, whose tasks are large: it is half as much or a little more.
const MOST: usize = 96 << 10;

/// The upstream's port, for the process that is the gateway.
const UPSTREAM: &str = "WEIR_TEST_GATEWAY_OVER";

/// A gateway in a process of its own.
struct Alone {
    data: SocketAddr,
    process: Child,
}

impl Alone {
    async fn over(upstream: &Upstream) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "stalled::the_gateway_that_is_measured"]);
        command.env(UPSTREAM, upstream.port().to_string()).kill_on_drop(true);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let data = loop {
            let line = lines.next_line().await.unwrap().expect("it ended before it listened");
            if let Some((_, address)) = line.split_once("it listens on ") {
                break address.parse().unwrap();
            }
        };
        Self { data, process }
    }

    /// Bytes of memory that it uses.
    fn used(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<usize>().unwrap() * 1024
    }

    /// Returns when it uses no more than it did a while ago.
    async fn settled(&self) -> usize {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = self.used();
            if now <= before + (64 << 10) {
                return now;
            }
            before = now;
        }
    }
}

/// Is the gateway for another test that has started it, until that closes its standard input.
#[tokio::test]
async fn the_gateway_that_is_measured() {
    let Some(port) = std::env::var_os(UPSTREAM) else { return };
    let mut config = Config::new();
    config.add("p1", port.to_str().unwrap().parse().unwrap());
    let world = config.start();
    println!("it listens on {}", world.data);
    std::io::stdout().flush().unwrap();
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    ended.await.unwrap().unwrap();
}

/// Frames of some hundred bytes: as fast as they are taken, or one and nothing more.
fn upstream(is_silent: bool) -> Upstream {
    let upstream = Upstream::start();
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(500)}}]});
    let frame = format!("data: {chunk}\n\n");
    upstream.always(match is_silent {
        true => Answer::events([frame]).hang_at(At::Event(1)),
        false => Answer::endless(frame.repeat(20), Duration::ZERO),
    });
    upstream
}

/// What each reader costs the gateway; `open` makes one.
async fn each<T>(is_silent: bool, open: impl AsyncFn(SocketAddr) -> T) -> usize {
    let upstream = upstream(is_silent);
    let gateway = Alone::over(&upstream).await;
    let (mut readers, mut before) = (Vec::new(), 0);
    for n in 0..READERS + FIRST {
        if n == FIRST {
            before = gateway.settled().await;
        }
        readers.push(open(gateway.data).await);
    }
    gateway.settled().await.saturating_sub(before) / READERS
}

/// What of it is held because they do not read.
async fn held<T>(open: impl AsyncFn(SocketAddr) -> T) -> usize {
    let _alone = alone().await;
    let (silent, stalled) = (each(true, &open).await, each(false, &open).await);
    println!("{stalled} bytes for each that stalls, {silent} for each whose stream is silent");
    assert!(stalled <= MOST, "{stalled} bytes for each reader");
    stalled.saturating_sub(silent)
}

#[tokio::test]
async fn s9_5_a_stalled_reader_of_http1_makes_us_hold_little() {
    let held = held(async |data| {
        let mut reader = Raw::narrow(data).await;
        reader.send(chat(&streamed().to_string())).await;
        reader.read_past("200 OK").await;
        reader
    })
    .await;
    assert!(held <= PROMISED, "{held} bytes are held for each reader");
}

#[tokio::test]
async fn s9_5_a_stalled_reader_of_http2_makes_us_hold_little() {
    let held = held(async |data| {
        let mut reader = H2::narrow(data, 64 << 10).await;
        let body = reader.open(&streamed()).await.into_body();
        (reader, body)
    })
    .await;
    assert!(held <= PROMISED, "{held} bytes are held for each reader");
}
