//! HTTP/2 as no client library would send it: its own frames, and when.

use crate::harness::{KEY, World, streamed, unary};
use crate::tools::{H2, PATIENCE, SHORT, body_of, eventually, h2_chat, load, over};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a chat request, without Huffman's code or tables of anything.
pub fn chat_headers() -> Vec<u8> {
    // POST and http stand in the static table, as do the names of authority (1) and path (4).
    let mut block = vec![0x83, 0x86];
    for (name, value) in [(1, "weir"), (4, "/v1/chat/completions")] {
        block.extend_from_slice(&[name, value.len() as u8]);
        block.extend_from_slice(value.as_bytes());
    }
    let (name, value) = ("authorization", format!("Bearer {KEY}"));
    block.extend_from_slice(&[0, name.len() as u8]);
    block.extend_from_slice(name.as_bytes());
    block.push(value.len() as u8);
    block.extend_from_slice(value.as_bytes());
    block
}

/// A connection.
struct Frames(TcpStream);

impl Frames {
    /// Sends the preface in pieces of `size` bytes.
    async fn connect(world: &World, size: usize) -> Self {
        let mut stream = TcpStream::connect(world.data).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat();
        for (n, piece) in preface.chunks(size).enumerate() {
            stream.write_all(piece).await.unwrap();
            // That the first ones come one by one is what is tested.
            tokio::time::sleep(Duration::from_millis(if n < 4 { 30 } else { 0 })).await;
        }
        Self(stream)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next frame; `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        next_frame(&mut self.0).await
    }

    /// Asks for a sign of life, and fails on a word of farewell.
    async fn ping(&mut self) {
        self.send(&frame(PING, 0, 0, b"anybody?")).await;
        loop {
            let frame = self.next().await.expect("the connection has ended");
            assert_ne!(frame.kind, GOAWAY, "{:?}", String::from_utf8_lossy(&frame.payload));
            if frame.kind == PING && frame.flags == ACK {
                return;
            }
        }
    }
}

async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    };
    tokio::time::timeout(PATIENCE, read).await.expect("no frame comes")
}

/// So many requests, each cancelled at once.
fn cancels(count: u32, first: u32) -> Vec<u8> {
    let cancel = 8_u32.to_be_bytes();
    let request = |stream| {
        let headers = frame(HEADERS, END_HEADERS | END_STREAM, stream, &chat_headers());
        [headers, frame(RST_STREAM, 0, stream, &cancel)].concat()
    };
    (0..count).flat_map(|n| request(first + 2 * n)).collect()
}

#[tokio::test]
async fn s10_16_a_preface_in_pieces_is_understood() {
    let upstream = Upstream::start();
    let world = over(&upstream, |_| {});
    for size in [1, 2, 3, 4, 5, 24] {
        let mut caller = Frames::connect(&world, size).await;
        let body = unary().to_string();
        caller.send(&frame(HEADERS, END_HEADERS, 1, &chat_headers())).await;
        caller.send(&frame(DATA, END_STREAM, 1, body.as_bytes())).await;
        let text = loop {
            let frame = caller.next().await.expect("the connection has ended");
            if frame.kind == DATA && frame.stream == 1 {
                break frame.payload;
            }
        };
        assert!(String::from_utf8_lossy(&text).contains("chat.completion"), "{size}");
    }
}

#[tokio::test]
async fn s9_7_many_quick_cancels_leave_the_other_streams_of_a_connection_alone() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.always(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let world = over(&upstream, |_| {});
    let mut proxy = Frames::connect(&world, 100).await;
    proxy.send(&frame(HEADERS, END_HEADERS, 1, &chat_headers())).await;
    proxy.send(&frame(DATA, END_STREAM, 1, streamed().to_string().as_bytes())).await;
    gate.reached_by(1).await;
    proxy.send(&cancels(200, 3)).await;
    proxy.ping().await;
    for n in 0..5 {
        proxy.send(&cancels(200, 403 + n * 400)).await;
        proxy.ping().await;
    }
    gate.open();
    let mut text = Vec::new();
    loop {
        let frame = proxy.next().await.expect("the connection has ended");
        if frame.stream == 1 {
            assert!(frame.kind == DATA || frame.kind == HEADERS, "{}", frame.kind);
            text.extend_from_slice(if frame.kind == DATA { &frame.payload } else { b"" });
            if frame.flags & END_STREAM != 0 {
                break;
            }
        }
    }
    assert!(String::from_utf8_lossy(&text).ends_with("data: [DONE]\n\n"));
    eventually("nothing is left of the cancelled", async || load(&world).await.1 == 0).await;
}

/// Opens a chat on stream 1 that may be sent nothing; then lets it send `bytes` every so often, and gives the bytes that
/// come until it is reset. `None`: it goes on for `at_most`.
async fn taking(world: &World, body: &str, bytes: u32, every: Duration, at_most: Duration) -> Option<usize> {
    let mut caller = Frames::connect(world, 100).await;
    caller.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    caller.send(&frame(HEADERS, END_HEADERS, 1, &chat_headers())).await;
    caller.send(&frame(DATA, END_STREAM, 1, body.as_bytes())).await;
    let (mut reads, mut writes) = caller.0.into_split();
    let lets = async {
        loop {
            writes.write_all(&frame(WINDOW_UPDATE, 0, 1, &bytes.to_be_bytes())).await.unwrap();
            tokio::time::sleep(every).await; // the pace is what is tested
        }
    };
    let mut taken = 0;
    let ends = async {
        loop {
            let frame = next_frame(&mut reads).await.expect("the connection has ended");
            taken += if frame.kind == DATA { frame.payload.len() } else { 0 };
            if frame.kind == RST_STREAM {
                return;
            }
        }
    };
    let ended = tokio::select! {
        () = lets => unreachable!(),
        () = ends => true,
        () = tokio::time::sleep(at_most) => false,
    };
    assert!(taken > 0, "nothing came");
    ended.then_some(taken)
}

/// Of many streams each would hold its answer for as long as its caller likes.
#[tokio::test]
async fn s9_4_streams_whose_caller_takes_a_byte_now_and_then_are_given_up() {
    let upstream = Upstream::start();
    upstream.then(Answer::huge(3));
    let event = serde_json::json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(8 << 10)}}]});
    upstream.then(Answer::endless(format!("data: {event}\n\n"), Duration::ZERO));
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    for body in [unary(), streamed()] {
        let taken = taking(&world, &body.to_string(), 1, SHORT / 10, SHORT * 20).await;
        assert!(taken.is_some_and(|taken| taken < 100), "{taken:?} bytes: {body}");
    }
    eventually("nothing is left of them", async || load(&world).await.1 == 0).await;
}

/// Small events ask no pace of who takes each of them.
#[tokio::test]
async fn s9_4_a_stream_of_small_events_lasts_as_long_as_each_is_taken() {
    let upstream = Upstream::start();
    let event = serde_json::json!({"choices": [{"index": 0, "delta": {"content": "x"}}]});
    upstream.always(Answer::endless(format!("data: {event}\n\n"), SHORT / 10));
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    assert_eq!(taking(&world, &streamed().to_string(), 4 << 10, SHORT / 3, SHORT * 6).await, None);
}

/// A chat's headers with `bytes` more, in as many frames as that takes.
fn large_headers(stream: u32, bytes: usize) -> Vec<u8> {
    let mut block = chat_headers();
    block.extend_from_slice(&[0, 8]);
    block.extend_from_slice(b"x-filler");
    block.push(127);
    let mut left = bytes - 127;
    while left >= 128 {
        block.push((left % 128) as u8 | 128);
        left /= 128;
    }
    block.push(left as u8);
    block.resize(block.len() + bytes, b'f');
    let (pieces, last) = (block.chunks(16 << 10), block.len().div_ceil(16 << 10) - 1);
    let kind = |n| if n == 0 { HEADERS } else { CONTINUATION };
    let flags = |n| if n == last { END_HEADERS } else { 0 };
    pieces.enumerate().flat_map(|(n, piece)| frame(kind(n), flags(n), stream, piece)).collect()
}

#[tokio::test]
async fn s9_3_large_heads_of_http2_count_while_their_bodies_come() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let mut caller = Frames::connect(&world, 100).await;
    for n in 0..60 {
        caller.send(&large_headers(1 + 2 * n, 60 << 10)).await;
        caller.ping().await;
    }
    eventually("some are turned away", async || (10..=17).contains(&load(&world).await.1)).await;
    drop(caller);
    eventually("all is given back", async || world.post(body_of(600 << 10)).await.status == 200).await;
}

#[tokio::test]
async fn s9_7_a_flood_of_cancels_ends_its_connection_and_no_other() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.workers = std::num::NonZeroUsize::new(1));
    let mut other = H2::to(&world).await;
    let mut flood = Frames::connect(&world, 100).await;
    let mut first = 1;
    let farewell = loop {
        if flood.0.write_all(&cancels(20_000, first)).await.is_err() {
            break true;
        }
        first += 40_000;
        assert_eq!(other.open(&unary()).await.status(), 200, "others are served");
        if first > 2_000_000 {
            break false;
        }
    };
    let rest = async {
        while let Some(frame) = flood.next().await {
            if frame.kind == GOAWAY {
                return true;
            }
        }
        farewell
    };
    assert!(rest.await, "a million cancels went through");
    eventually("nothing is left of it", async || load(&world).await == (1, 0)).await;
    assert_eq!(other.open(&unary()).await.status(), 200);
}

#[tokio::test]
async fn s9_6_the_refusal_of_a_large_body_reaches_its_http2_caller() {
    let upstream = Upstream::start();
    let world = over(&upstream, |_| {});
    for size in [10 << 10, 100 << 10, 1 << 20, 5 << 20] {
        let mut h2 = H2::to(&world).await;
        let body = Bytes::from(body_of(size));
        let as_nobody = |path: &str| {
            let request = http::Request::post(format!("http://weir{path}"));
            request.header("x-api-key", "nobody").body(Full::new(body.clone())).unwrap()
        };
        let mut unknown = h2_chat(&serde_json::json!({"model": "none", "x": "x".repeat(size)}));
        unknown.headers_mut().insert("x-more", "1".parse().unwrap());
        for (request, status) in
            [(as_nobody("/v1/chat/completions"), 401), (as_nobody("/v1/embeddings"), 404), (unknown, 404)]
        {
            h2.send.ready().await.unwrap();
            let answer = h2.send.send_request(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{size}");
            let text = answer.into_body().collect().await.unwrap().to_bytes();
            let error: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert!(error["error"]["code"].is_string(), "{size}: {error}");
        }
        assert_eq!(h2.open(&unary()).await.status(), 200, "the connection goes on");
    }
}
