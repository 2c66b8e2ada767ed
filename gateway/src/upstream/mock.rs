//! The vendor Mock: answers from inside the gateway with the bytes a real upstream would send, so that a
//! quickstart, a load test and an example take the same path as traffic. It knows no account and costs nothing.

use super::client::{Answer, AnswerBody};
use super::head::Head;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, Sleep};
use weir_config::{Mock, MockReply};

const LOREM: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut \
     labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut \
     aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum \
     dolore eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia \
     deserunt mollit anim id est laborum.";

/// What the Mock reads of a request; anything else is nothing to it.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    model: String,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: serde_json::Value,
}

impl Message {
    /// The text of a message whose content is a string or a list of parts.
    fn text(&self) -> String {
        match &self.content {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(parts) => {
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        }
    }
}

/// A body that comes in timed pieces.
#[derive(Debug)]
pub(crate) struct MockBody {
    pieces: VecDeque<Bytes>,
    /// Before each piece but the first.
    pause: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl MockBody {
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(timer) = &mut self.timer {
            std::task::ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        let piece = self.pieces.pop_front();
        if let (Some(pause), false) = (self.pause, self.pieces.is_empty()) {
            self.timer = Some(Box::pin(tokio::time::sleep_until(Instant::now() + pause)));
        }
        Poll::Ready(piece)
    }
}

/// Answers `body`, after the latency that `mock` says. `random` decides whether this one fails.
pub(super) async fn answer(mock: &Mock, body: &[u8], stream: bool, random: u64) -> Answer {
    // The caller's JSON was checked; what is no chat at all is answered as an empty one.
    let asked: Asked = serde_json::from_slice(body).unwrap_or_default();
    if random % 100 < u64::from(mock.error_percent) {
        pause(mock.latency).await;
        return failed(mock.error_status);
    }
    let text = match mock.reply {
        MockReply::Lorem => LOREM.to_owned(),
        MockReply::Echo => asked
            .messages
            .iter()
            .rev()
            .find(|message| message.role == "user")
            .map(Message::text)
            .unwrap_or_default(),
    };
    let reply = Reply::new(&asked, &text, random);
    if stream {
        pause(mock.first_byte).await;
        let pause = mock.tokens_per_second.map(|rate| Duration::from_secs(1) / rate.max(1));
        return answered(true, reply.events(), pause);
    }
    pause(mock.latency).await;
    answered(false, VecDeque::from([reply.whole()]), None)
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn answered(claims_events: bool, pieces: VecDeque<Bytes>, pause: Option<Duration>) -> Answer {
    let head = Head::inside(StatusCode::OK, claims_events);
    Answer { head, body: AnswerBody::Mock(MockBody { pieces, pause, timer: None }) }
}

fn failed(status: u16) -> Answer {
    let error = json!({"error": {
        "message": format!("The mock provider was told to fail with {status}."),
        "type": "mock_error", "param": null, "code": null,
    }});
    let mut answer = answered(false, VecDeque::from([Bytes::from(error.to_string())]), None);
    answer.head.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// One reply, in either of its forms.
struct Reply<'a> {
    id: String,
    /// Seconds since 1970.
    created: u64,
    model: &'a str,
    words: Vec<&'a str>,
    text: &'a str,
    usage: serde_json::Value,
}

impl<'a> Reply<'a> {
    fn new(asked: &'a Asked, text: &'a str, random: u64) -> Self {
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let prompt: usize =
            asked.messages.iter().map(|message| message.text().split_whitespace().count() + 4).sum();
        let completion = words.len();
        let usage = json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
        });
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { id: format!("chatcmpl-mock-{random:016x}"), created, model: &asked.model, words, text, usage }
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

    fn events(&self) -> VecDeque<Bytes> {
        let mut events = VecDeque::with_capacity(self.words.len() + 4);
        events.push_back(self.chunk(json!({"role": "assistant", "content": ""}), None));
        events.extend(self.words.iter().map(|word| self.chunk(json!({"content": word}), None)));
        events.push_back(self.chunk(json!({}), Some("stop")));
        events.push_back(self.event(json!([]), self.usage.clone()));
        events.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
        events
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
