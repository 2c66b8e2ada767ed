//! The same fake for load: answers are rendered once, nothing is remembered but their number.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::render::{Op, render};
use crate::unreliable::mix;
use crate::{Answer, Chat, Form, Seen, Usage, connection};

const PACED: &[u8] = br#""user":"paced""#;

/// Which of the two answers a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As its `"stream"` says.
    AsAsked,
    /// Always the unary one.
    Unary,
    /// Always the stream.
    Sse,
}

/// What to prepare.
#[derive(Debug, Clone)]
pub struct Load {
    /// Which answer a request gets.
    pub mode: Mode,
    /// Frames of a stream, role and finish chunk included, `[DONE]` not.
    pub events: usize,
    /// The pause between two frames.
    pub pace: Duration,
    /// Frames of a stream whose request has `"user":"paced"`, and the pause between two of them: one upstream
    /// then serves bursts and paced streams through the same gateway.
    pub paced: (usize, Duration),
    /// The length of a unary body, as near as the envelope allows.
    pub body_bytes: usize,
    /// How many of a hundred requests get `fail_status`.
    pub fail_percent: u8,
    /// The status of those.
    pub fail_status: u16,
}

/// Rendered answers and a count.
#[derive(Debug)]
pub struct Prepared {
    mode: Mode,
    unary: Arc<[Op]>,
    stream: Arc<[Op]>,
    paced: Arc<[Op]>,
    models: Arc<[Op]>,
    failure: Arc<[Op]>,
    fail_percent: u64,
    served: AtomicU64,
}

impl Prepared {
    /// Renders the answers for this load.
    pub fn new(load: &Load) -> Self {
        let empty = Chat::says("").usage(Some(Usage::new(250, 150))).model("bench").form(Form::Unary);
        let envelope = length(&ops(&empty.clone().answer()));
        let text = "lorem ipsum ".repeat(load.body_bytes / 12 + 1);
        let text = text.get(..load.body_bytes.saturating_sub(envelope)).unwrap_or_default();
        let unary = Chat::says(text).usage(Some(Usage::new(250, 150))).model("bench").form(Form::Unary);
        // Role and finish are frames too.
        let stream = |frames: usize, pause| {
            ops(&empty.clone().events(frames.saturating_sub(2)).form(Form::Stream).answer().every(pause))
        };
        let (frames, pause) = load.paced;
        Self {
            mode: load.mode,
            unary: ops(&unary.answer()),
            stream: stream(load.events, load.pace),
            paced: stream(frames, pause),
            models: ops(&Answer::models(["bench"])),
            failure: ops(&Answer::server_error(load.fail_status)),
            fail_percent: load.fail_percent.into(),
            served: AtomicU64::new(0),
        }
    }

    pub(crate) fn pick(&self, head: &[u8], body: &[u8]) -> Arc<[Op]> {
        if head.starts_with(b"GET /_count") {
            let served = self.served.load(Ordering::Relaxed);
            return ops(&Answer::bytes(200, served.to_string()));
        }
        if head.starts_with(b"GET ") {
            return self.models.clone();
        }
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        if self.fail_percent > 0 && mix(1, number) % 100 < self.fail_percent {
            return self.failure.clone();
        }
        let stream = match self.mode {
            Mode::AsAsked => asks_stream(body),
            Mode::Unary => false,
            Mode::Sse => true,
        };
        match stream {
            true if memmem::find(body, PACED).is_some() => self.paced.clone(),
            true => self.stream.clone(),
            false => self.unary.clone(),
        }
    }

    /// Serves on this address, one of several such threads on the same port (`SO_REUSEPORT`).
    pub async fn serve(self: Arc<Self>, address: SocketAddr) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    stream.set_nodelay(true)?;
                    connections.spawn(connection::prepared(stream, self.clone()));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// The fast way to see it: the key is searched for, with the one blank that encoders may write.
fn asks_stream(body: &[u8]) -> bool {
    let Some(at) = memmem::find(body, b"\"stream\":") else { return false };
    body.get(at + 9..).unwrap_or_default().trim_ascii_start().starts_with(b"true")
}

fn ops(answer: &Answer) -> Arc<[Op]> {
    let nobody = Seen {
        number: 0,
        connection: 0,
        at: Instant::now(),
        method: String::new(),
        path: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
    };
    render(answer, &nobody).into()
}

/// Bytes of the body alone.
fn length(ops: &[Op]) -> usize {
    ops.iter()
        .map(|op| match op {
            Op::Write(bytes) => bytes.len() - memmem::find(bytes, b"\r\n\r\n").map_or(0, |head| head + 4),
            _ => 0,
        })
        .sum()
}
