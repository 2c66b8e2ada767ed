//! Messages on its way through: the vendor's bytes go on, frame by frame, and on the way it is seen what they mean.

use crate::anthropic::{self, MessagesWatch};
use crate::reading::silence::Silence;
use crate::reading::{AnswerFacts, Ending, StreamEnd};
use crate::sse::{self, Frame, Frames};
use crate::usage::Counted;
use bytes::Bytes;
use std::ops::Range;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// A frame larger than this passes as it comes (semantics S2.5): no error and no count is as long.
const MAX_HELD: usize = 256 << 10;

/// One stream.
pub(super) struct MessagesStream {
    watch: MessagesWatch,
    frames: Frames,
    /// The frame being read passes as it comes.
    passes: bool,
    /// Bytes have gone on that were not read: it is the caller's, with content or without.
    passed: bool,
    silence: Silence,
    failure: Option<Box<Failure>>,
}

/// What of a chunk goes on.
#[derive(Default)]
struct Onward {
    /// A frame that began in a chunk before.
    joined: Bytes,
    here: Range<usize>,
    /// The beginning of one that passes as it comes.
    begun: Bytes,
}

impl MessagesStream {
    /// A stream from an upstream of `row`, of a model with this window in tokens, if that is known.
    pub(super) fn new(row: &'static VendorRow, context_window: Option<u64>) -> Self {
        Self {
            watch: MessagesWatch::new(row, context_window),
            frames: Frames::default(),
            passes: false,
            passed: false,
            silence: Silence::default(),
            failure: None,
        }
    }

    /// Takes the next bytes and gives those to forward: whole frames, mostly `chunk` itself. Nothing once there is a
    /// failure or the stream is over.
    pub(super) fn feed(&mut self, chunk: Bytes, now: UnixSeconds) -> Bytes {
        let mut onward = Onward::default();
        let mut rest: &[u8] = &chunk;
        if self.passes {
            let (length, ends) = self.frames.pass(rest);
            rest = rest.get(length..).unwrap_or_default();
            onward.here.end = length;
            self.passes = !ends;
        }
        while !rest.is_empty() && !self.is_over() {
            match self.frames.next(&mut rest, MAX_HELD) {
                Ok(Some(frame)) if self.reads(&frame, now) => {
                    let at = chunk.len() - rest.len();
                    if let Frame::Joined(bytes) = frame {
                        (onward.joined, onward.here) = (bytes.freeze(), at..at);
                    }
                    onward.here.end = at;
                }
                Ok(_) => {}
                Err(_) => {
                    (self.passes, self.passed) = (true, true);
                    onward.begun = self.frames.take();
                }
            }
        }
        onward.of(&chunk)
    }

    /// The upstream has ended, in whatever way.
    pub(super) fn end(&mut self, now: UnixSeconds) -> Ending {
        let last = if self.is_over() { Bytes::new() } else { self.frames.take() };
        let data = sse::Event::of(&last).data.map(|data| data.trim_ascii().ends_with(b"}"));
        let goes_on = data == Some(true) && self.reads(&last, now);
        let is_complete = self.failure.is_none() && self.is_finished();
        let end = if is_complete { StreamEnd::Complete } else { StreamEnd::Truncated };
        let bytes = match () {
            () if goes_on => [&last[..], b"\n\n"].concat().into(),
            // What the caller is told next must not stand behind half a frame.
            () if std::mem::take(&mut self.passes) => Bytes::from_static(b"\n\n"),
            () => Bytes::new(),
        };
        Ending { bytes, end }
    }

    /// Reads a frame, and says whether it goes on.
    fn reads(&mut self, frame: &[u8], now: UnixSeconds) -> bool {
        if self.watch.only_adds(frame) {
            return true;
        }
        if let Err(failure) = self.watch.frame(&sse::Event::of(frame), now) {
            self.failure = Some(Box::new(failure));
            return false;
        }
        if self.watch.has_begun() && !self.watch.content_seen() {
            self.silence.add(frame.len());
        }
        true
    }

    pub(super) fn mid_frame(&self) -> bool {
        self.passes
    }

    pub(super) fn is_committed(&self) -> bool {
        self.content_seen() || self.passed || self.silence.is_broken()
    }

    pub(super) fn content_seen(&self) -> bool {
        self.watch.content_seen()
    }

    pub(super) fn is_over(&self) -> bool {
        self.failure.is_some() || self.watch.is_done()
    }

    pub(super) fn done_seen(&self) -> bool {
        self.watch.is_done()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.watch.is_done() || self.watch.is_finished()
    }

    pub(super) fn usage(&self) -> Option<Counted> {
        self.watch.usage()
    }

    pub(super) fn output_bytes(&self) -> u64 {
        self.watch.output_bytes()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.frames.held_bytes()
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }
}

impl Onward {
    /// All of it; of `chunk` a slice, where that is all.
    fn of(self, chunk: &Bytes) -> Bytes {
        let here = chunk.get(self.here.clone()).map(|_| chunk.slice(self.here)).unwrap_or_default();
        if self.joined.is_empty() && self.begun.is_empty() {
            return here;
        }
        [self.joined, here, self.begun].concat().into()
    }
}

/// Judges a unary answer that is here whole.
pub(super) fn whole(
    row: &'static VendorRow,
    body: &Bytes,
    context_window: Option<u64>,
    now: UnixSeconds,
) -> Result<AnswerFacts, Failure> {
    let mut events = Vec::new();
    anthropic::read_whole(row, context_window, body, now, &mut events)?;
    Ok(AnswerFacts::of(&events))
}

/// A unary answer that is too large to be held, of which no more is read than whether it begins as one.
#[derive(Debug, Default)]
pub(super) struct LargeMessage {
    begins: Option<bool>,
    /// What came last ends as an object does.
    ends: bool,
    fed: u64,
}

impl LargeMessage {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.fed += bytes.len() as u64;
        let last = bytes.trim_ascii_end().last();
        self.ends = last.map_or(self.ends, |last| *last == b'}');
        self.begins = self.begins.or_else(|| bytes.trim_ascii_start().first().map(|first| *first == b'{'));
    }

    pub(super) fn begins(&self) -> Option<bool> {
        self.begins
    }

    /// Whether it is whole only its connection tells.
    pub(super) fn end(&self) -> Ending {
        let end = if self.ends { StreamEnd::Complete } else { StreamEnd::Truncated };
        Ending { bytes: Bytes::new(), end }
    }

    /// As many as came: nobody has read what they say.
    pub(super) fn output_bytes(&self) -> u64 {
        self.fed
    }
}
