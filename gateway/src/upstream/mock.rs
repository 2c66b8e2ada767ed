//! The vendor Mock: answers from inside the gateway with the bytes a real upstream would send, so that a
//! quickstart, a load test and an example take the same path as traffic. It knows no account and costs nothing.

use super::head::Head;
use crate::clock;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::coop;
use tokio::time::Sleep;
use weir_config::{Mock, MockReply};
use weir_wire::openai::{Gist, GistReader};

const LOREM: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut \
     labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut \
     aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum \
     dolore eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia \
     deserunt mollit anim id est laborum.";

/// An echo says at most so many bytes of what the user said: what the Mock holds fits into what every stream counts.
const ECHO: usize = 16 << 10;
/// So much of a request is read at once: others have their turn in between.
const TURN: usize = 64 << 10;

/// A body that comes in timed pieces, each made when it is taken.
#[derive(Debug)]
pub(crate) struct MockBody {
    pieces: Pieces,
    /// Before each piece but the first.
    pause: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What is still to come.
enum Pieces {
    Whole(Bytes),
    Events(Box<Reply>, Next),
    Nothing,
}

/// Which event of a stream is next; a word by where it begins.
#[derive(Debug, Clone, Copy)]
enum Next {
    Role,
    Word(usize),
    Usage,
    Done,
}

impl fmt::Debug for Pieces {
    /// Without what is said: it is the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(_) => f.write_str("Whole"),
            Self::Events(_, next) => f.debug_tuple("Events").field(next).finish(),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl Pieces {
    /// The next piece, made now.
    fn take(&mut self) -> Option<Bytes> {
        let (piece, rest) = match std::mem::replace(self, Self::Nothing) {
            Self::Whole(piece) => (piece, Self::Nothing),
            Self::Events(reply, next) => {
                let (event, next) = reply.event_at(next);
                (event, next.map_or(Self::Nothing, |next| Self::Events(reply, next)))
            }
            Self::Nothing => return None,
        };
        *self = rest;
        Some(piece)
    }
}

impl MockBody {
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // A body that is always ready must not keep its worker from others.
        let turn = ready!(coop::poll_proceed(cx));
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        turn.made_progress();
        let piece = self.pieces.take();
        if let (Some(pause), false) = (self.pause, matches!(self.pieces, Pieces::Nothing)) {
            self.timer = Some(Box::pin(tokio::time::sleep_until((clock::now() + pause).into())));
        }
        Poll::Ready(piece)
    }
}

/// Answers `body`, after the latency that `mock` says. `random` decides whether this one fails.
pub(super) async fn answer(mock: &Mock, body: &[Bytes], stream: bool, random: u64) -> (Head, MockBody) {
    if random % 100 < u64::from(mock.error_percent) {
        pause(mock.latency).await;
        return failed(mock.error_status);
    }
    // The caller's JSON was checked; what is no chat at all is answered as an empty one.
    let Gist { model, said, words } = read(body).await;
    let text = match mock.reply {
        MockReply::Lorem => Cow::Borrowed(LOREM),
        MockReply::Echo => Cow::Owned(said),
    };
    let reply = Reply::new(model, text, words, random);
    if stream {
        pause(mock.first_byte).await;
        let pause = mock.tokens_per_second.map(|rate| Duration::from_secs(1) / rate.max(1));
        return answered(true, Pieces::Events(Box::new(reply), Next::Role), pause);
    }
    pause(mock.latency).await;
    answered(false, Pieces::Whole(reply.whole()), None)
}

/// Where it lies: a request may have megabytes, and no attempt copies it.
async fn read(body: &[Bytes]) -> Gist {
    let mut reader = GistReader::new(ECHO);
    for part in body.iter().flat_map(|piece| piece.chunks(TURN)) {
        reader.feed(part);
        if part.len() == TURN {
            tokio::task::yield_now().await;
        }
    }
    reader.end()
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn answered(claims_events: bool, pieces: Pieces, pause: Option<Duration>) -> (Head, MockBody) {
    (Head::new(StatusCode::OK, claims_events), MockBody { pieces, pause, timer: None })
}

fn failed(status: u16) -> (Head, MockBody) {
    let error = json!({"error": {
        "message": format!("The mock provider was told to fail with {status}."),
        "type": "mock_error", "param": null, "code": null,
    }});
    let (mut head, body) = answered(false, Pieces::Whole(Bytes::from(error.to_string())), None);
    head.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (head, body)
}

/// One reply, in either of its forms.
struct Reply {
    id: String,
    /// Seconds since 1970.
    created: u64,
    model: String,
    text: Cow<'static, str>,
    usage: serde_json::Value,
}

impl Reply {
    /// Says `text` to a prompt of so many words.
    fn new(model: String, text: Cow<'static, str>, prompt: u64, random: u64) -> Self {
        let completion = text.split_inclusive(' ').count() as u64;
        let usage = json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
        });
        let created = clock::since_1970(clock::wall()).as_secs();
        Self { id: format!("chatcmpl-mock-{random:016x}"), created, model, text, usage }
    }

    fn whole(&self) -> Bytes {
        let choice = json!({
            "index": 0, "logprobs": null, "finish_reason": "stop",
            "message": {"role": "assistant", "content": self.text, "refusal": null},
        });
        let body = json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [choice], "usage": self.usage,
        });
        Bytes::from(body.to_string())
    }

    /// An event of the stream, and which one follows.
    fn event_at(&self, next: Next) -> (Bytes, Option<Next>) {
        match next {
            Next::Role => {
                (self.chunk(json!({"role": "assistant", "content": ""}), None), Some(Next::Word(0)))
            }
            Next::Word(at) => match self.text.get(at..).and_then(|rest| rest.split_inclusive(' ').next()) {
                Some(word) => (self.chunk(json!({"content": word}), None), Some(Next::Word(at + word.len()))),
                None => (self.chunk(json!({}), Some("stop")), Some(Next::Usage)),
            },
            Next::Usage => (self.event(json!([]), self.usage.clone()), Some(Next::Done)),
            Next::Done => (Bytes::from_static(b"data: [DONE]\n\n"), None),
        }
    }

    fn chunk(&self, delta: serde_json::Value, finish_reason: Option<&str>) -> Bytes {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        self.event(json!([choice]), serde_json::Value::Null)
    }

    fn event(&self, choices: serde_json::Value, usage: serde_json::Value) -> Bytes {
        let chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": choices, "usage": usage,
        });
        Bytes::from(format!("data: {chunk}\n\n"))
    }
}

#[cfg(test)]
mod tests;
