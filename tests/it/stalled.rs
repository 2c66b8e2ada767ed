//! S9.5: what a reader that stalls makes us hold. Measured in a process of its own.

use crate::harness::{World, streamed};
use crate::raw::{Raw, chat};
use crate::tools::{H2, over};
use serde_json::json;
use std::time::Duration;
use weir_upstream::{Answer, Upstream};

const READERS: usize = 200;
/// What the gateway, the upstream in the same process, and the callers hold for each.
const MOST: usize = 150 << 10;

/// Bytes of memory that this process uses.
fn used() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

/// Frames of some hundred bytes, as fast as they are taken.
fn world() -> (Upstream, World) {
    let upstream = Upstream::start();
    let frame = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(500)}}]});
    upstream.always(Answer::endless(format!("data: {frame}\n\n").repeat(20), Duration::ZERO));
    let world = over(&upstream, |_| {});
    (upstream, world)
}

/// Returns when the process uses no more than it did a while ago.
async fn settled() -> usize {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = used();
        if now <= before + (256 << 10) {
            return now;
        }
        before = now;
    }
}

async fn http1_readers_stall() {
    let (_upstream, world) = world();
    let mut readers = Vec::new();
    let mut before = 0;
    for n in 0..READERS + 20 {
        if n == 20 {
            before = settled().await; // what the first ones need is needed once
        }
        let mut reader = Raw::narrow(world.data).await;
        reader.send(chat(&streamed().to_string())).await;
        reader.read_past("200 OK").await;
        readers.push(reader);
    }
    let each = (settled().await - before) / READERS;
    assert!(each < MOST, "{each} bytes for each reader");
    println!("{each} bytes for each reader");
}

async fn http2_readers_stall() {
    let (_upstream, world) = world();
    let mut readers = Vec::new();
    let mut before = 0;
    for n in 0..READERS + 20 {
        if n == 20 {
            before = settled().await;
        }
        let mut reader = H2::narrow(&world, 64 << 10).await;
        let body = reader.open(&streamed()).await.into_body();
        readers.push((reader, body));
    }
    let each = (settled().await - before) / READERS;
    println!("{each} bytes for each reader");
    // The client of the test keeps its window full beside that, and the tasks of both sides are large in a debug build.
    assert!(each < MOST + (96 << 10), "{each} bytes for each reader");
}

async fn in_its_own_process(test: &str) {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--nocapture", &format!("stalled::{test}")]).env("WEIR_TEST_ALONE", "1");
    let output = child.output().await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn is_alone() -> bool {
    std::env::var_os("WEIR_TEST_ALONE").is_some()
}

#[tokio::test]
async fn s9_5_a_stalled_reader_of_http1_makes_us_hold_little() {
    if is_alone() {
        return http1_readers_stall().await;
    }
    in_its_own_process("s9_5_a_stalled_reader_of_http1_makes_us_hold_little").await;
}

#[tokio::test]
async fn s9_5_a_stalled_reader_of_http2_makes_us_hold_little() {
    if is_alone() {
        return http2_readers_stall().await;
    }
    in_its_own_process("s9_5_a_stalled_reader_of_http2_makes_us_hold_little").await;
}
