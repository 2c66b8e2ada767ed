//! S9.1: a connection that the gateway closes while its caller still sends. The kernel would answer what comes to a
//! closed socket with a reset, and the caller lose what it has not read yet.

use crate::frames::{chat_headers, frame};
use crate::harness::{Config, World, streamed};
use crate::raw::{Raw, chat};
use crate::tools::{PATIENCE, eventually, load};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};
use weir_upstream::{At, Chat, Gate, Upstream};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// More than a narrow caller's kernel takes in, and not more than ours does for it.
const LATE: usize = 24 << 10;
/// Less than the gateway waits for a caller who never closes.
const SOON: Duration = Duration::from_millis(900);

/// A stream whose second half comes through the gate.
struct Halved {
    gate: Gate,
    world: Arc<World>,
    _upstream: Upstream,
}

impl Halved {
    fn start() -> Self {
        let (upstream, gate) = (Upstream::start(), Gate::new());
        let late = "x".repeat(LATE);
        upstream.always(Chat::pieces(["first ", &late]).answer().hold_at(At::Event(2), &gate));
        let mut config = Config::over(&[&upstream]);
        config.gateway_mut(|gateway| {
            gateway.listener.removal_delay = Duration::ZERO;
            gateway.listener.drain_timeout = Duration::from_secs(60);
        });
        Self { gate, world: Arc::new(config.start()), _upstream: upstream }
    }

    fn drain(&self) -> JoinHandle<()> {
        let world = Arc::clone(&self.world);
        spawn_blocking(move || world.running().drain(|| false))
    }

    /// Has the second half come, and returns when the gateway has nothing left to say.
    async fn finish(&self) {
        self.gate.open();
        eventually("all is handed out", async || load(&self.world).await.1 == 0).await;
    }
}

/// The next frame's kind, flags and payload.
async fn next(stream: &mut TcpStream) -> (u8, u8, Vec<u8>) {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.expect("all of a frame");
        (head[3], head[4], payload)
    };
    tokio::time::timeout(PATIENCE, read).await.expect("no frame comes")
}

#[tokio::test]
async fn s9_1_an_http2_caller_that_reads_late_and_opens_its_window_loses_nothing() {
    let halved = Halved::start();
    let mut caller = Raw::narrow(halved.world.data).await.stream;
    let (settings, headers) = (frame(SETTINGS, 0, 0, &[]), frame(HEADERS, END_HEADERS, 1, &chat_headers()));
    let body = frame(DATA, END_STREAM, 1, streamed().to_string().as_bytes());
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    caller.write_all(&[preface, settings, headers, body].concat()).await.unwrap();
    halved.gate.reached_by(1).await;
    let drain = halved.drain();
    let mut text = Vec::new();
    loop {
        let (kind, flags, payload) = next(&mut caller).await;
        if kind == DATA {
            text.extend_from_slice(&payload);
        } else if kind == PING && flags & ACK == 0 {
            caller.write_all(&frame(PING, ACK, 0, &payload)).await.unwrap();
            break;
        }
    }
    halved.finish().await;
    let window = |bytes: usize| frame(WINDOW_UPDATE, 0, 0, &(bytes as u32).to_be_bytes());
    caller.write_all(&window(text.len())).await.unwrap();
    loop {
        let (kind, flags, payload) = next(&mut caller).await;
        if kind == DATA {
            text.extend_from_slice(&payload);
            caller.write_all(&window(payload.len().max(1))).await.unwrap();
        }
        if kind == DATA && flags & END_STREAM != 0 {
            break;
        }
    }
    assert!(text.len() > LATE && text.ends_with(b"data: [DONE]\n\n"), "{}", String::from_utf8_lossy(&text));
    // A last GOAWAY may still come.
    caller.read_to_end(&mut Vec::new()).await.expect("the end, and no reset");
    caller.write_all(&window(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(load(&halved.world).await.0, 1, "it is the caller who closes");
    drop(caller);
    tokio::time::timeout(SOON, drain).await.expect("the drain goes on").unwrap();
}

#[tokio::test]
async fn s9_1_an_http1_caller_that_sends_its_next_requests_already_loses_nothing() {
    let halved = Halved::start();
    let mut caller = Raw::narrow(halved.world.data).await;
    let request = chat(&streamed().to_string());
    caller.send(&request).await;
    halved.gate.reached_by(1).await;
    let drain = halved.drain();
    eventually("the drain has begun", async || TcpStream::connect(halved.world.data).await.is_err()).await;
    // More than what the gateway reads ahead.
    caller.send(request.repeat(200)).await;
    halved.finish().await;
    caller.send(&request).await;
    let text = String::from_utf8(caller.rest().await).unwrap();
    assert!(text.len() > LATE && text.ends_with("0\r\n\r\n"), "{text}");
    assert!(text.contains("data: [DONE]\n\n"), "{text}");
    drop(caller);
    tokio::time::timeout(SOON, drain).await.expect("the drain goes on").unwrap();
}
