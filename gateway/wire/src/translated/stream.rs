//! A stream that is read frame by frame and written anew, from its first byte to its end.

use super::decoder::Decoder;
use super::writer::{Answering, Writer};
use crate::hub::Event;
use crate::json::write;
use crate::reading::silence::Silence;
use crate::reading::{Ending, StreamEnd};
use crate::sse::{self, Frames};
use crate::usage::Counted;
use bytes::Bytes;
use weir_config::{Failure, FailureClass, UnixSeconds};

/// The largest frame that is translated (semantics S2.5).
const MAX_FRAME: usize = 1 << 20;

/// One stream.
pub(super) struct Stream {
    decoder: Decoder,
    writer: Writer,
    answering: Answering,
    frames: Frames,
    /// What the frame being read says. Kept for its room.
    events: Vec<Event>,
    begun: bool,
    content: bool,
    silence: Silence,
    usage: Option<Counted>,
    said_bytes: u64,
    /// The writer has said its last.
    written: bool,
    failure: Option<Box<Failure>>,
}

impl Stream {
    /// A stream that `decoder` reads, for a caller who is told it as `answering` says.
    pub(super) fn new(decoder: Decoder, answering: Answering) -> Self {
        Self {
            decoder,
            writer: answering.writer(),
            answering,
            frames: Frames::default(),
            events: Vec::new(),
            begun: false,
            content: false,
            silence: Silence::default(),
            usage: None,
            said_bytes: 0,
            written: false,
            failure: None,
        }
    }

    /// Takes the next bytes and gives those for the caller: whole frames. Nothing once there is a failure or the stream
    /// is over.
    pub(super) fn feed(&mut self, mut bytes: &[u8], now: UnixSeconds) -> Bytes {
        let mut out = write::Writer::default();
        while !bytes.is_empty() && !self.is_over() {
            match self.frames.next(&mut bytes, MAX_FRAME) {
                Ok(Some(frame)) => self.frame(&frame, now, &mut out),
                Ok(None) => {}
                Err(_) => self.fail(too_large()),
            }
        }
        out.bytes()
    }

    /// The upstream has ended, in whatever way. After a finish reason the answer is whole, however that was.
    pub(super) fn end(&mut self, now: UnixSeconds) -> Ending {
        let mut out = write::Writer::default();
        if !self.is_over() {
            let last = self.frames.take();
            self.last(&last, now, &mut out);
        }
        if !self.is_over()
            && let Err(failure) = self.decoder.end(now)
        {
            self.fail(failure);
        }
        let is_complete = self.failure.is_none() && self.is_finished();
        if is_complete {
            self.write_end(&mut out);
        }
        let end = if is_complete { StreamEnd::Complete } else { StreamEnd::Truncated };
        Ending { bytes: out.bytes(), end }
    }

    /// The frame that the end found open. One that was cut off amid its JSON says nothing.
    fn last(&mut self, frame: &[u8], now: UnixSeconds, out: &mut write::Writer) {
        let event = sse::Event::of(frame);
        let data = event.data.as_deref().map(<[u8]>::trim_ascii).unwrap_or_default();
        let is_cut = data.starts_with(b"{") && !data.ends_with(b"}");
        if !frame.is_empty() && !is_cut {
            self.frame(frame, now, out);
        }
    }

    /// Reads a frame that is at hand whole, and writes what it says.
    fn frame(&mut self, frame: &[u8], now: UnixSeconds, out: &mut write::Writer) {
        let mut events = std::mem::take(&mut self.events);
        if let Err(failure) = self.decoder.frame(&sse::Event::of(frame), now, &mut events) {
            self.fail(failure);
        }
        self.begun |= !events.is_empty();
        for event in events.drain(..) {
            self.note(&event);
            self.writer.event(event, out);
        }
        self.events = events;
        if self.begun && !self.content {
            self.silence.add(frame.len());
        }
        if self.failure.is_none() && self.decoder.is_done() {
            self.write_end(out);
        }
    }

    fn note(&mut self, event: &Event) {
        let said = event.said_bytes();
        self.said_bytes += said;
        self.content |= match event {
            Event::Call { .. } | Event::Redacted(_) | Event::Finish(_) => true,
            _ => said > 0,
        };
        if let Event::Usage(counted) = event {
            self.usage = Some(*counted);
        }
    }

    fn write_end(&mut self, out: &mut write::Writer) {
        if !std::mem::replace(&mut self.written, true) {
            self.writer.end(self.answering.estimate(self.said_bytes), out);
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(Box::new(failure));
    }

    pub(super) fn is_committed(&self) -> bool {
        self.content || self.silence.is_broken()
    }

    pub(super) fn content_seen(&self) -> bool {
        self.content
    }

    pub(super) fn is_over(&self) -> bool {
        self.failure.is_some() || self.decoder.is_done()
    }

    pub(super) fn done_seen(&self) -> bool {
        self.decoder.is_done()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.decoder.is_done() || self.decoder.is_finished()
    }

    pub(super) fn usage(&self) -> Option<Counted> {
        self.usage
    }

    pub(super) fn output_bytes(&self) -> u64 {
        self.said_bytes
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.frames.held_bytes() + self.writer.held_bytes()
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }
}

fn too_large() -> Failure {
    let text = "An event of the upstream's stream is larger than 1 MiB, the most that is translated.";
    Failure { status: Some(200), ..Failure::new(FailureClass::Garbled, text) }
}
