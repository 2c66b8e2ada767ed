//! `Answer`: what goes back for one request, as a value. It decides the bytes and the moments, not which
//! request gets it (that is `script`) nor what an API's answers look like (that is `chat`, and `message`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Chat, Gate, Message, Seen};

/// A place in an answer, where something other than the next byte can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Before the first byte of the status line.
    Start,
    /// After so many bytes of status line and headers.
    Head(usize),
    /// After so many bytes of the body, counted before transfer encoding. 0 is: headers sent, body not begun.
    Byte(usize),
    /// After so many events of a stream (the role chunk or `message_start` is the first). A body that is no stream is one event.
    Event(usize),
    /// After the last byte of the body. A chunked body still lacks its last chunk here: closing truncates it.
    End,
    /// After everything. Closing here is what a server does to an idle connection in the pool.
    After,
}

/// What happens at a place.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Wait(Duration),
    Hold(Gate),
    Reset,
    Close,
    Hang,
}

/// How the body is cut into writes. Each write of a chunked body is a chunk of its own, except in `Joined`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writes {
    /// Headers, then one write for each event.
    PerEvent,
    /// Headers and all events in one write (one chunk for each event), as far as no pause parts them.
    Joined,
    /// Writes of so many bytes of the body, wherever that cuts frames and UTF-8 sequences.
    Size(usize),
    /// Writes of these sizes in turn, over and over.
    Sizes(Vec<usize>),
}

/// How the client learns where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `content-length`.
    Length,
    /// `transfer-encoding: chunked`.
    Chunked,
    /// Neither: the end of the connection.
    UntilClose,
}

#[derive(Clone)]
pub(crate) enum Body {
    Bytes(Bytes),
    Events(Vec<Bytes>),
    Chat(Box<Chat>),
    Message(Box<Message>),
    /// One frame again and again, until the client leaves.
    Endless {
        frame: Bytes,
        every: Duration,
    },
    /// Bytes in place of a whole HTTP response; the connection closes after them.
    Raw(Bytes),
    By(Arc<dyn Fn(&Seen) -> Answer + Send + Sync>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Events(events) => write!(f, "Events({})", events.len()),
            Self::Chat(chat) => chat.fmt(f),
            Self::Message(message) => message.fmt(f),
            Self::Endless { .. } => f.write_str("Endless"),
            Self::Raw(bytes) => write!(f, "Raw({})", bytes.len()),
            Self::By(_) => f.write_str("By(..)"),
        }
    }
}

/// What goes back for a request. A value: clone it, change it, give it to several upstreams.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) framing: Option<Framing>,
    pub(crate) writes: Option<Writes>,
    pub(crate) every: Duration,
    pub(crate) steps: Vec<(At, Step)>,
}

impl Answer {
    pub(crate) fn with(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            framing: None,
            writes: None,
            every: Duration::ZERO,
            steps: Vec::new(),
        }
    }

    /// A chat completion with this text, unary or as a stream: as the request asks. Shaped further by [`Chat`].
    pub fn says(text: impl Into<String>) -> Self {
        Chat::says(text).answer()
    }

    /// Any status with any body; no content type unless a header adds one.
    pub fn bytes(status: u16, body: impl Into<Bytes>) -> Self {
        Self::with(status, Body::Bytes(body.into()))
    }

    /// A status with a JSON body, given as text (so that it may as well be broken JSON).
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::bytes(status, body).header("content-type", "application/json")
    }

    /// A 200 event stream of these frames, each with its own line ends, `[DONE]` only if it is among them.
    pub fn events<T: Into<Bytes>>(frames: impl IntoIterator<Item = T>) -> Self {
        Self::with(200, Body::Events(frames.into_iter().map(Into::into).collect()))
            .header("content-type", "text/event-stream")
    }

    /// These bytes in place of a whole HTTP response, and then a close.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::with(200, Body::Raw(bytes.into()))
    }

    /// Decides with each request in hand.
    pub fn by(decide: impl Fn(&Seen) -> Self + Send + Sync + 'static) -> Self {
        Self::with(200, Body::By(Arc::new(decide)))
    }

    /// OpenAI's `GET /models` with these ids.
    pub fn models<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let data: Vec<_> = ids
            .into_iter()
            .map(|id| serde_json::json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "weir"}))
            .collect();
        Self::json(200, serde_json::json!({"object": "list", "data": data}).to_string())
    }

    /// Another status, the rest unchanged.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header. `content-type`, `content-length` and `transfer-encoding` given here replace the default.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// How the end of the body is marked; by default streams are chunked and all else has a length.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    /// How the body is cut into writes; by default streams are written per event and all else in one write.
    pub fn writes(mut self, writes: Writes) -> Self {
        self.writes = Some(writes);
        self
    }

    /// A pause between two events.
    pub fn every(mut self, pause: Duration) -> Self {
        self.every = pause;
        self
    }

    /// A pause at a place: `At::Start` delays the headers, `At::Byte(0)` the body.
    pub fn wait_at(self, at: At, pause: Duration) -> Self {
        self.step(at, Step::Wait(pause))
    }

    /// Stops at a place until a test opens the gate.
    pub fn hold_at(self, at: At, gate: &Gate) -> Self {
        self.step(at, Step::Hold(gate.clone()))
    }

    /// Resets the connection (RST) at a place.
    pub fn reset_at(self, at: At) -> Self {
        self.step(at, Step::Reset)
    }

    /// Closes the connection in order (FIN) at a place.
    pub fn close_at(self, at: At) -> Self {
        self.step(at, Step::Close)
    }

    /// Falls silent at a place, with the connection open, until the client leaves.
    pub fn hang_at(self, at: At) -> Self {
        self.step(at, Step::Hang)
    }

    fn step(mut self, at: At, step: Step) -> Self {
        self.steps.push((at, step));
        self
    }
}
