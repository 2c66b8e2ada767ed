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
use crate::{Answer, Chat, Form, Message, Seen, Tokens, Usage, connection};

const PACED: &[u8] = br#""user":"paced""#;
/// Frames of a stream that carry no text: role and finish.
const CHAT_ENDS: usize = 2;
/// The same of Messages: the message's start and delta, the block's start and stop, and the ping.
const MESSAGE_ENDS: usize = 5;

/// Which of its API's two answers a request gets.
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
    /// Frames of a stream, all but the last, which carries nothing (`[DONE]`, `message_stop`).
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

/// One API's answers.
#[derive(Debug)]
struct Answers {
    unary: Arc<[Op]>,
    stream: Arc<[Op]>,
    paced: Arc<[Op]>,
}

/// Rendered answers and a count. A path that ends with `/messages` gets those of Messages, any other those of chat
/// completions.
#[derive(Debug)]
pub struct Prepared {
    mode: Mode,
    chat: Answers,
    messages: Answers,
    models: Arc<[Op]>,
    failure: Arc<[Op]>,
    fail_percent: u64,
    served: AtomicU64,
}

impl Prepared {
    /// Renders the answers for this load.
    pub fn new(load: &Load) -> Self {
        Self {
            mode: load.mode,
            chat: Answers::new(load, CHAT_ENDS, chat),
            messages: Answers::new(load, MESSAGE_ENDS, message),
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
        let answers = if asks_messages(head) { &self.messages } else { &self.chat };
        match stream {
            true if memmem::find(body, PACED).is_some() => answers.paced.clone(),
            true => answers.stream.clone(),
            false => answers.unary.clone(),
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

impl Answers {
    /// `answer` makes one of a text or, without it, of so many deltas; `ends` of a stream's frames are no deltas.
    fn new(load: &Load, ends: usize, answer: fn(Option<&str>, usize) -> Answer) -> Self {
        let envelope = length(&ops(&answer(Some(""), 0)));
        let text = "lorem ipsum ".repeat(load.body_bytes / 12 + 1);
        let text = text.get(..load.body_bytes.saturating_sub(envelope)).unwrap_or_default();
        let stream = |frames: usize, pause| ops(&answer(None, frames.saturating_sub(ends)).every(pause));
        let (frames, pause) = load.paced;
        Self {
            unary: ops(&answer(Some(text), 0)),
            stream: stream(load.events, load.pace),
            paced: stream(frames, pause),
        }
    }
}

fn chat(text: Option<&str>, deltas: usize) -> Answer {
    let chat = Chat::says(text.unwrap_or_default()).usage(Some(Usage::new(250, 150))).model("bench");
    match text {
        Some(_) => chat.form(Form::Unary).answer(),
        None => chat.events(deltas).form(Form::Stream).answer(),
    }
}

fn message(text: Option<&str>, deltas: usize) -> Answer {
    let message = Message::says(text.unwrap_or_default()).usage(Tokens::new(250, 150)).model("bench");
    match text {
        Some(_) => message.form(Form::Unary).answer(),
        None => message.events(deltas).form(Form::Stream).answer(),
    }
}

/// The path of a request's first line, looked at without parsing it.
fn asks_messages(head: &[u8]) -> bool {
    let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    path.split(|byte| *byte == b'?').next().is_some_and(|path| path.ends_with(b"/messages"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(prepared: &Prepared, head: &str, body: &str) -> String {
        let ops = prepared.pick(head.as_bytes(), body.as_bytes());
        let bytes = ops.iter().filter_map(|op| match op {
            Op::Write(bytes) => Some(&bytes[..]),
            _ => None,
        });
        String::from_utf8(bytes.collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn each_api_gets_answers_of_its_own_of_the_same_size() {
        let load = Load {
            mode: Mode::AsAsked,
            events: 20,
            pace: Duration::ZERO,
            paced: (10, Duration::ZERO),
            body_bytes: 700,
            fail_percent: 0,
            fail_status: 503,
        };
        let prepared = Prepared::new(&load);
        let chat = |body: &str| said(&prepared, "POST /v1/chat/completions HTTP/1.1\r\n", body);
        let messages = |body: &str| said(&prepared, "POST /v1/messages?beta=true HTTP/1.1\r\n", body);
        for (text, kind) in [(chat("{}"), "chat.completion"), (messages("{}"), "message")] {
            assert!(
                text.contains("content-length: 700\r\n") && text.contains(&format!("\"{kind}\"")),
                "{text}"
            );
        }
        let stream = r#"{"stream": true}"#;
        assert_eq!(chat(stream).matches("data: ").count(), 21);
        assert_eq!(messages(stream).matches("event: ").count(), 21);
        assert_eq!(messages(r#"{"stream":true,"user":"paced"}"#).matches("event: ").count(), 11);
    }
}
