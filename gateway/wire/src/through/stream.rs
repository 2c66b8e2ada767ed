//! A chat stream on its way through: the vendor's bytes go on, and on the way it is seen what they mean.
//!
//! One machine, with one meaning for every way of cutting the bytes: what it decides hangs on frames and their
//! lengths, never on the pieces they came in. Frames go on whole, except those that must not: an error becomes a
//! [`Failure`] (the gateway moves on or writes its own), the extra usage chunk goes only to those who asked
//! (semantics S2.6), and what is neither chunk nor error nor end goes to nobody: SDKs break on it. Until the first
//! content every event is parsed, because until then a stream that is none can still be replaced (S2.1). After it
//! only events that may carry a finish, a usage or an error are: parsing all of them would cost more than everything
//! else that is done to an event.

mod frame;
mod long;

use super::contents::{Choices, Contents};
use super::output::Output;
use super::prefilter::Prefilter;
use super::speech::cap;
use crate::openai::usage::Tally;
use crate::reading::silence::{MAX_SILENT, MAX_SILENT_BYTES};
use crate::reading::{Ending, StreamEnd};
use crate::sse::{Cutter, Event};
use crate::usage::{Counted, most_tokens};
use bytes::{BufMut, Bytes, BytesMut};
pub(crate) use frame::{DONE, MAX_FOREIGN, is_keep_alive, is_scalar, not_a_stream};
use frame::{Verdict, without_blank_line};
use long::{Long, MAX_HELD};
use std::ops::Range;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// One upstream stream, followed from its first byte to its end.
pub(super) struct ChatStream {
    row: &'static VendorRow,
    drop_usage: bool,
    cutter: Cutter,
    /// Boxed: a kilobyte, which would be moved about with the response body.
    prefilter: Box<Prefilter>,
    /// The beginning of a frame that is not complete.
    held: BytesMut,
    /// The frame being read is a long one.
    long: Option<Box<Long>>,
    /// The frame before ended with a CR, and went nowhere: so does the LF that may follow.
    after_cr: bool,
    dropped: bool,
    chunked: bool,
    content: bool,
    done: bool,
    choices: Choices,
    /// So many choices were asked for.
    expected: u32,
    /// So many tokens a side may have.
    most: u64,
    silent: u32,
    silent_bytes: usize,
    foreign: usize,
    comments: usize,
    text_bytes: u64,
    data_bytes: u64,
    tally: Tally,
    /// What was no chunk has said so, behind all content: the answer broke off, unless it goes on or has finished.
    complaint: Option<Box<Failure>>,
    failure: Option<Box<Failure>>,
}

/// What goes on to the caller of a frame.
enum Onward {
    Nothing,
    All,
    /// This in its place.
    Other(BytesMut),
}

impl ChatStream {
    /// A stream from an upstream of `row`. `drop_usage`: the caller did not ask for the usage chunk.
    pub(super) fn new(row: &'static VendorRow, drop_usage: bool) -> Self {
        Self {
            row,
            drop_usage,
            cutter: Cutter::default(),
            prefilter: Box::default(),
            held: BytesMut::new(),
            long: None,
            after_cr: false,
            dropped: false,
            chunked: false,
            content: false,
            done: false,
            choices: Choices::default(),
            expected: 1,
            most: most_tokens(None),
            silent: 0,
            silent_bytes: 0,
            foreign: 0,
            comments: 0,
            text_bytes: 0,
            data_bytes: 0,
            tally: Tally::default(),
            complaint: None,
            failure: None,
        }
    }

    /// The same where `choices` were asked for, of a model with this window in tokens, if that is known.
    #[must_use]
    pub(super) fn expecting(self, choices: u32, context_window: Option<u64>) -> Self {
        Self { expected: choices, most: most_tokens(context_window), ..self }
    }

    /// Takes the next bytes and gives those to forward: whole frames, mostly a slice of `chunk`. Nothing once
    /// there is a failure or the stream is done.
    pub(super) fn feed(&mut self, chunk: Bytes, now: UnixSeconds) -> Bytes {
        let mut out = Output::default();
        let mut from = 0;
        while from < chunk.len() && !self.is_over() {
            let rest = chunk.get(from..).unwrap_or_default();
            let cut = self.cutter.cut(rest);
            let to = from + cut.unwrap_or(rest.len());
            self.piece(&chunk, from..to, cut.is_some(), &mut out, now);
            from = to;
        }
        out.of(&chunk)
    }

    /// The upstream has ended, in whatever way.
    pub(super) fn end(&mut self, now: UnixSeconds) -> Ending {
        let mut bytes = match self.long.take() {
            Some(long) => self.end_long(*long, now),
            None if self.is_over() => BytesMut::new(),
            None => self.end_held(now),
        };
        if !self.is_over() && !self.chunked && self.foreign > 0 {
            self.fail(not_a_stream(self.row, b"", now));
        }
        let complete = self.failure.is_none() && self.is_finished();
        // What the caller is told next must not stand behind half a line end.
        if !complete && std::mem::take(&mut self.after_cr) && !self.dropped && bytes.is_empty() {
            bytes.put_u8(b'\n');
        }
        let end = if complete { StreamEnd::Complete } else { StreamEnd::Truncated };
        Ending { bytes: bytes.freeze(), end }
    }

    /// Whether the last bytes forwarded end inside of a frame: nothing may be put in here.
    pub(super) fn mid_frame(&self) -> bool {
        self.long.as_ref().is_some_and(|long| long.passes())
    }

    /// How many bytes of memory the beginning of a frame takes that is not complete: those that go nowhere yet, and
    /// what is kept of a long one beside them.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity() + self.long.as_ref().map_or(0, |long| long.kept_bytes())
    }

    /// Whether there was content: text, reasoning, a refusal, a tool call or a finish reason.
    pub(super) fn content_seen(&self) -> bool {
        self.content
    }

    /// Whether the stream is the caller's from here on: there was content, or more without any than is held. A
    /// failure can no longer be hidden (semantics S2.1).
    pub(super) fn is_committed(&self) -> bool {
        self.content || self.silent > MAX_SILENT || self.silent_bytes > MAX_SILENT_BYTES
    }

    /// Bytes have gone on that were not held: it is the caller's, with content or without.
    fn commit(&mut self) {
        if !self.content {
            self.silent = MAX_SILENT + 1;
        }
    }

    /// Whether nothing more is read: it has failed, or `[DONE]` came.
    pub(super) fn is_over(&self) -> bool {
        self.done || self.failure.is_some()
    }

    /// What the vendor has counted so far: of each count the largest that the model has room for.
    pub(super) fn usage(&self) -> Option<Counted> {
        self.tally.counted()
    }

    /// Whether the answer is whole: `[DONE]` was seen, or a finish reason for every choice that was asked for.
    pub(super) fn is_finished(&self) -> bool {
        self.done || self.choices.all_finished(self.expected)
    }

    /// How much was said and counted so far: it changes whenever something is added to the answer.
    pub(super) fn progress(&self) -> (u64, Option<Counted>) {
        (self.text_bytes.saturating_add(self.data_bytes), self.usage())
    }

    /// Whether `[DONE]` was seen (Perplexity sends none).
    pub(super) fn done_seen(&self) -> bool {
        self.done
    }

    /// Roughly how many bytes of text, reasoning and tool calls were seen, for assuming a usage. Images and the
    /// like count as a constant each.
    pub(super) fn output_bytes(&self) -> u64 {
        self.text_bytes + cap(self.data_bytes)
    }

    /// The failure that was sent inside the stream, or that it is no chat stream. Nothing is forwarded from
    /// here on.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(Box::new(failure));
    }

    /// The bytes of `chunk` in `range` belong to the frame being read, and it ends with them or not.
    fn piece(&mut self, chunk: &Bytes, range: Range<usize>, ends: bool, out: &mut Output, now: UnixSeconds) {
        let bytes = chunk.get(range.clone()).unwrap_or_default();
        let (bytes, range, ends) = match self.done_line(bytes) {
            Some(line) => (line, range.start..range.start + line.len(), true),
            None => (bytes, range, ends),
        };
        // Not counted, because it may come by itself as well: the LF after the CR of a blank line.
        let length = self.held.len() + bytes.len() - usize::from(ends && bytes.ends_with(b"\r\n"));
        if self.long.is_some() || length > MAX_HELD {
            return self.long_piece(chunk, range, ends, out, now);
        }
        if !ends {
            return self.held.extend_from_slice(bytes);
        }
        if self.held.is_empty() {
            let verdict = self.frame(bytes, now);
            return match self.apply(verdict, bytes) {
                Onward::Nothing => {}
                Onward::All => out.keep(chunk, range),
                Onward::Other(last) => out.append(chunk, last),
            };
        }
        let mut frame = std::mem::take(&mut self.held);
        frame.extend_from_slice(bytes);
        self.whole_frame(frame, chunk, out, now);
    }

    /// All of a frame that was held, or came late, is at hand.
    fn whole_frame(&mut self, frame: BytesMut, chunk: &Bytes, out: &mut Output, now: UnixSeconds) {
        let verdict = self.frame(&frame, now);
        match self.apply(verdict, &frame) {
            Onward::Nothing => {}
            Onward::All => out.append(chunk, frame),
            Onward::Other(last) => out.append(chunk, last),
        }
    }

    /// What of `bytes` completes a frame whose first line is the end of the stream, the blank line counted in if it is
    /// there: some servers never send it.
    fn done_line<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        const LINES: [&[u8]; 4] =
            [b"data: [DONE]\n", b"data: [DONE]\r\n", b"data:[DONE]\n", b"data:[DONE]\r\n"];
        // One look tells nearly all frames: those that begin here with an object.
        if self.long.is_some() || self.held.is_empty() && bytes.get(6) == Some(&b'{') {
            return None;
        }
        let rest = LINES.into_iter().find_map(|line| {
            let rest = bytes.strip_prefix(line.strip_prefix(&*self.held)?)?;
            let end = if line.ends_with(b"\r\n") { b"\r\n".as_slice() } else { b"\n" };
            Some(rest.strip_prefix(end).unwrap_or(rest))
        })?;
        bytes.get(..bytes.len() - rest.len())
    }

    /// Notes what becomes of `frame`, and says what of it goes on.
    fn apply(&mut self, verdict: Verdict, frame: &[u8]) -> Onward {
        if let Verdict::Fail(failure) = verdict {
            self.fail(failure);
            return Onward::Nothing;
        }
        self.after_cr = frame.ends_with(b"\r");
        self.dropped = matches!(verdict, Verdict::Drop);
        self.done = matches!(verdict, Verdict::Done);
        match () {
            () if self.done => done(frame),
            () if self.dropped => Onward::Nothing,
            () => Onward::All,
        }
    }

    /// The last frame, which the end of the stream found open: completed, or nothing if it was cut off.
    fn end_held(&mut self, now: UnixSeconds) -> BytesMut {
        let mut bytes = std::mem::take(&mut self.held);
        let event = Event::of(&bytes);
        if bytes.is_empty() || frame::is_cut(&event) {
            return BytesMut::new();
        }
        let verdict = self.event(event, &bytes, now);
        match self.apply(verdict, &bytes) {
            Onward::Nothing => return BytesMut::new(),
            Onward::Other(last) => return last,
            Onward::All => {}
        }
        bytes.extend_from_slice(if bytes.ends_with(b"\n") { b"\n" } else { b"\n\n" });
        bytes
    }

    /// Adds up what was said.
    fn hear(&mut self, contents: &mut Contents) {
        let (text, data) = contents.take_heard();
        self.text_bytes += text;
        self.data_bytes += data;
        self.prefilter.runs = contents.runs();
    }
}

/// What goes on of the last frame. Its blank line is completed: an LF that belongs to its CR may come too late. And its
/// word is put right: SDKs read no other than `[DONE]`, without a blank before it.
fn done(frame: &[u8]) -> Onward {
    let line = without_blank_line(frame);
    let end: &[u8] = match frame.get(line.len()..).unwrap_or_default() {
        [b'\r', b'\n', ..] => b"\r\n\r\n",
        [b'\r', ..] => b"\r\r",
        _ => b"\n\n",
    };
    let is_read = Event::of(line).data.is_some_and(|data| data.starts_with(frame::DONE));
    if is_read && frame.ends_with(end) {
        return Onward::All;
    }
    let line = if is_read { line } else { b"data: [DONE]" };
    Onward::Other([line, end].concat().as_slice().into())
}

#[cfg(test)]
mod cuts;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod odd;
#[cfg(test)]
mod padded;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod split;
#[cfg(test)]
mod tests;
