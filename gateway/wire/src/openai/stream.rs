//! A chat stream on its way through: the vendor's bytes go on, and on the way it is seen what they mean.
//!
//! Frames go on whole, except those that must not: an error becomes a [`Failure`] (the gateway moves on or
//! writes its own), the extra usage chunk goes only to those who asked (semantics S2.6). Until the first
//! content every event is parsed, because until then a stream that is none can still be replaced (S2.1).
//! After it only events that may carry a finish, a usage or an error are: parsing all of them would cost more
//! than everything else that is done to an event.

use super::chunk::Chunk;
use super::failure;
use super::kept::Kept;
use super::prefilter::Prefilter;
use crate::sse::{Cutter, Event};
use bytes::{BufMut, Bytes, BytesMut};
use weir_config::{Failure, FailureClass, UnixSeconds, Usage, VendorRow};

/// A frame longer than this is no longer held until it is complete: it cannot be the usage chunk.
const MAX_HELD: usize = 256 * 1024;

/// One upstream stream, followed from its first byte to its end.
pub struct ChatStream {
    row: &'static VendorRow,
    drop_usage: bool,
    cutter: Cutter,
    /// Boxed: a kilobyte, which would be moved about with the response body.
    prefilter: Box<Prefilter>,
    /// The beginning of a frame that is not complete.
    held: BytesMut,
    /// The frame being read is passed on as it comes.
    piecewise: bool,
    content: bool,
    finished: bool,
    done: bool,
    events: u64,
    output_bytes: u64,
    usage: Option<Usage>,
    failure: Option<Box<Failure>>,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// After a finish reason or `[DONE]`.
    Complete,
    /// In the middle, or with a failure.
    Truncated,
}

/// What there is to do once the upstream has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Forward this first: a last frame whose blank line was missing. It is completed, so that the next frame
    /// is one.
    pub bytes: Bytes,
    /// Whether the answer is whole.
    pub end: StreamEnd,
}

/// What becomes of a frame.
enum Verdict {
    Forward,
    Drop,
    Fail(Failure),
}

impl ChatStream {
    /// A stream from an upstream of `row`. `drop_usage`: the caller did not ask for the usage chunk.
    pub fn new(row: &'static VendorRow, drop_usage: bool) -> Self {
        Self {
            row,
            drop_usage,
            cutter: Cutter::default(),
            prefilter: Box::default(),
            held: BytesMut::new(),
            piecewise: false,
            content: false,
            finished: false,
            done: false,
            events: 0,
            output_bytes: 0,
            usage: None,
            failure: None,
        }
    }

    /// Takes the next bytes and gives those to forward: whole frames, mostly a slice of `chunk`. Nothing once
    /// there is a failure.
    pub fn feed(&mut self, chunk: Bytes, now: UnixSeconds) -> Bytes {
        if self.failure.is_some() {
            return Bytes::new();
        }
        let mut kept = Kept::default();
        let mut from = 0;
        let rest = |from: usize| chunk.get(from..).unwrap_or_default();
        while let Some(length) = self.cutter.cut(rest(from)) {
            let to = from + length;
            let bytes = chunk.get(from..to).unwrap_or_default();
            let begun = (!self.held.is_empty()).then(|| {
                self.held.extend_from_slice(bytes);
                std::mem::take(&mut self.held)
            });
            let frame = begun.as_deref().unwrap_or(bytes);
            let verdict = if std::mem::take(&mut self.piecewise) {
                self.output_bytes += bytes.len() as u64;
                Verdict::Forward
            } else {
                self.frame(frame, now)
            };
            match (verdict, begun) {
                (Verdict::Forward, Some(begun)) => kept.append(&chunk, begun),
                (Verdict::Forward, None) => kept.keep(&chunk, from..to),
                (Verdict::Drop, _) => {}
                (Verdict::Fail(failure), _) => {
                    self.failure = Some(Box::new(failure));
                    return kept.of(&chunk);
                }
            }
            from = to;
        }
        if self.piecewise {
            self.output_bytes += rest(from).len() as u64;
            kept.keep(&chunk, from..chunk.len());
        } else {
            self.held.extend_from_slice(rest(from));
        }
        if self.held.len() > MAX_HELD {
            let begun = std::mem::take(&mut self.held);
            if self.pass_on(&begun, now) {
                kept.append(&chunk, begun);
            }
        }
        kept.of(&chunk)
    }

    /// Whether a frame that is too long to be held may go on as it comes.
    fn pass_on(&mut self, begun: &[u8], now: UnixSeconds) -> bool {
        if !self.content && !begins_like_a_chunk(&Event::of(begun)) {
            self.failure = Some(Box::new(self.not_a_stream(begun, now)));
            return false;
        }
        self.piecewise = true;
        self.content = true;
        self.events += 1;
        self.output_bytes += begun.len() as u64;
        true
    }

    /// The upstream has ended, in whatever way.
    pub fn end(&mut self, now: UnixSeconds) -> Ending {
        let mut bytes = std::mem::take(&mut self.held);
        let event = Event::of(&bytes);
        let forward = self.failure.is_none()
            && !is_cut(&event)
            && match self.event(event, &bytes, now) {
                Verdict::Forward => true,
                Verdict::Drop => false,
                Verdict::Fail(failure) => {
                    self.failure = Some(Box::new(failure));
                    false
                }
            };
        if !forward {
            bytes.clear();
        }
        if self.piecewise || !bytes.is_empty() {
            let open_line = !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r");
            bytes.put_slice(if open_line { b"\n\n" } else { b"\n" });
        }
        let complete = self.failure.is_none() && self.finished();
        let end = if complete { StreamEnd::Complete } else { StreamEnd::Truncated };
        Ending { bytes: bytes.freeze(), end }
    }

    /// Whether the last bytes forwarded end inside of a frame: nothing may be put in here.
    pub fn mid_frame(&self) -> bool {
        self.piecewise
    }

    /// Whether there was content: text, reasoning, a refusal, a tool call or a finish reason. From here on a
    /// failure cannot be hidden (semantics S2.1).
    pub fn content_seen(&self) -> bool {
        self.content
    }

    /// The last usage that the vendor sent; cumulative where it sends several.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Whether a finish reason or `[DONE]` was seen.
    pub fn finished(&self) -> bool {
        self.finished || self.done
    }

    /// Whether `[DONE]` was seen (Perplexity sends none).
    pub fn done_seen(&self) -> bool {
        self.done
    }

    /// Events so far, `[DONE]` included; comments are none.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Roughly how many bytes of text, reasoning and tool calls were seen, for assuming a usage.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// The failure that was sent inside the stream, or that it is no chat stream. Nothing is forwarded from
    /// here on.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    fn frame(&mut self, frame: &[u8], now: UnixSeconds) -> Verdict {
        if let Some(data) = frame.strip_prefix(b"data:")
            && self.cutter.lines() == 1
        {
            return self.data(data.trim_ascii(), now);
        }
        self.event(Event::of(frame), frame, now)
    }

    fn event(&mut self, event: Event<'_>, frame: &[u8], now: UnixSeconds) -> Verdict {
        if let Some(error) = event.error {
            return Verdict::Fail(failure::in_stream(self.row, error, now));
        }
        match &event.data {
            Some(data) if event.name == b"error" => Verdict::Fail(failure::in_stream(self.row, data, now)),
            Some(data) => self.data(data.trim_ascii(), now),
            None if event.stray.is_some() && !self.content => Verdict::Fail(self.not_a_stream(frame, now)),
            None => Verdict::Forward,
        }
    }

    fn data(&mut self, data: &[u8], now: UnixSeconds) -> Verdict {
        self.events += 1;
        if data == b"[DONE]" {
            self.done = true;
            return Verdict::Forward;
        }
        if data.is_empty() {
            return Verdict::Forward;
        }
        if self.content
            && let Some(bytes) = self.prefilter.text(data)
        {
            self.output_bytes += bytes;
            return Verdict::Forward;
        }
        match Chunk::read(data) {
            Some(chunk) if chunk.failed => Verdict::Fail(failure::in_stream(self.row, data, now)),
            Some(chunk) => self.chunk(chunk),
            None if self.content => Verdict::Forward,
            None => Verdict::Fail(self.not_a_stream(data, now)),
        }
    }

    fn chunk(&mut self, chunk: Chunk) -> Verdict {
        self.content |= chunk.content;
        self.finished |= chunk.finished;
        self.output_bytes += chunk.output_bytes;
        self.usage = chunk.usage.or(self.usage);
        if chunk.only_usage && self.drop_usage { Verdict::Drop } else { Verdict::Forward }
    }

    /// Bytes that are no chat stream: an error body that lacks its status, or anything.
    fn not_a_stream(&self, bytes: &[u8], now: UnixSeconds) -> Failure {
        failure::inside(self.row, bytes, now).unwrap_or_else(|| Failure {
            status: Some(200),
            ..Failure::new(FailureClass::Garbled, "The answer is not a stream of chat completion chunks.")
        })
    }
}

/// Whether the beginning of a frame is that of one with an object.
fn begins_like_a_chunk(event: &Event<'_>) -> bool {
    event.data.as_ref().is_some_and(|data| data.trim_ascii_start().starts_with(b"{"))
}

/// Whether a frame that the stream's end found open was cut off, so that there is more to it than we have.
fn is_cut(event: &Event<'_>) -> bool {
    const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
    let Some(data) = event.data.as_deref().map(<[u8]>::trim_ascii) else {
        return event.stray.is_some_and(|line| FIELDS.iter().any(|field| field.starts_with(line)));
    };
    let object = data.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err();
    object || data.is_empty() || data != b"[DONE]" && b"[DONE]".starts_with(data)
}

#[cfg(test)]
mod tests;
