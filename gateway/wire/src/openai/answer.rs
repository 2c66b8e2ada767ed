//! Answers of accounts that speak chat completions, told as [`Event`]s.
//!
//! What a frame is (a chunk, an error, a keep-alive, the end) is judged just as where answers pass through
//! ([`Contents`]), so that a stream fails on the same bytes whatever its caller speaks. What a chunk says is read by a
//! walk over it ([`reader`]), however its vendor puts it: wire.md section 4 lists what was seen.

mod calls;
mod finish;
mod reader;
#[cfg(test)]
pub(crate) mod recorded;
#[cfg(test)]
mod styles;
#[cfg(test)]
mod tests;

use crate::failure;
use crate::hub::{Event, Finish, Reason};
use crate::reading::AnswerFacts;
use crate::sse;
use crate::through::contents::{Contents, Form};
use crate::through::{self, DONE, MAX_FOREIGN, is_keep_alive, is_scalar, not_a_stream};
use crate::usage::most_tokens;
use bytes::Bytes;
use reader::Reader;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// A stream of chunks, read frame by frame.
pub(crate) struct ChatDecoder {
    row: &'static VendorRow,
    reader: Reader,
    /// A chunk has come.
    chunked: bool,
    /// Content has come.
    content: bool,
    done: bool,
    /// So many bytes of what is no chunk came before the first one.
    foreign: usize,
    /// What was no chunk has said so, behind all content: the answer broke off, unless it goes on or has finished.
    complaint: Option<Box<Failure>>,
}

impl ChatDecoder {
    /// A stream from an upstream of `row`, of a model with this window in tokens, if that is known.
    pub(crate) fn new(row: &'static VendorRow, context_window: Option<u64>) -> Self {
        Self {
            row,
            reader: Reader::new(Form::Chunk, most_tokens(context_window)),
            chunked: false,
            content: false,
            done: false,
            foreign: 0,
            complaint: None,
        }
    }

    /// What one frame says. Behind `[DONE]` nothing is read.
    ///
    /// # Errors
    /// The failure that it tells of, or that it is none of what a frame may be.
    pub(crate) fn frame(
        &mut self,
        frame: &sse::Event<'_>,
        now: UnixSeconds,
        out: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if let Some(error) = frame.error {
            return Err(failure::in_stream(self.row, error, now));
        }
        match &frame.data {
            Some(data) if frame.name == b"error" => Err(failure::in_stream(self.row, data, now)),
            Some(data) => self.data(data.trim_ascii(), frame.name, now, out),
            None => match frame.stray {
                Some(line) if !self.chunked => self.foreign(line, now),
                _ => Ok(()),
            },
        }
    }

    fn data(
        &mut self,
        data: &[u8],
        name: &[u8],
        now: UnixSeconds,
        out: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        if data == DONE || data.eq_ignore_ascii_case(DONE) && self.is_finished() {
            self.done = true;
            // What came last was no chunk and had something to say, and nothing has finished: no end of an answer.
            let broke = self.complaint.take().filter(|_| !self.is_finished());
            return broke.map_or_else(|| self.reader.end(), |failure| Err(*failure));
        }
        if data.is_empty() {
            return Ok(());
        }
        let contents = Contents::of(Form::Chunk, data);
        if let Some(failure) = contents.failure(self.row, data, now) {
            return Err(failure);
        }
        if !contents.is_whole() || !contents.claims() {
            let is_text = name.is_empty() && !contents.is_whole() && !is_scalar(data) && !is_keep_alive(data);
            // As where it passes through: what is torn says something that would be lost.
            let is_garbage = is_text && (self.content || data.starts_with(b"{"));
            return if is_garbage { Err(not_a_stream(self.row, data, now)) } else { self.foreign(data, now) };
        }
        self.chunked = true;
        self.complaint = None;
        self.content |= contents.has_content();
        self.reader.read(&Bytes::copy_from_slice(data), contents.tally(), out);
        if self.is_finished() { self.reader.end() } else { Ok(()) }
    }

    /// What is neither chunk nor end: an error without its key, a keep-alive of another dialect, or the beginning of
    /// what is no chat stream at all.
    fn foreign(&mut self, bytes: &[u8], now: UnixSeconds) -> Result<(), Failure> {
        if let Some(failure) = failure::inside(self.row, bytes, now) {
            return Err(failure);
        }
        if self.content {
            self.complaint = failure::complaint(self.row, bytes, now).map(Box::new).or(self.complaint.take());
        }
        self.foreign += bytes.len().max(1);
        let is_garbage = !self.chunked && self.foreign > MAX_FOREIGN;
        if is_garbage { Err(not_a_stream(self.row, bytes, now)) } else { Ok(()) }
    }

    /// The upstream has ended: whether it is whole is for [`ChatDecoder::is_done`] and [`ChatDecoder::is_finished`].
    ///
    /// # Errors
    /// It was no chat stream, or a call in it is none.
    pub(crate) fn end(&self, now: UnixSeconds) -> Result<(), Failure> {
        if !self.chunked && self.foreign > 0 {
            return Err(not_a_stream(self.row, b"", now));
        }
        self.reader.end()
    }

    /// Whether `[DONE]` was seen. In other letters it counts only where nothing else can be to come.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether a finish reason was seen.
    pub(crate) fn is_finished(&self) -> bool {
        self.reader.is_finished()
    }
}

/// What the body of a unary answer says.
///
/// # Errors
/// As where it passes through: an error inside, or no chat completion.
pub(crate) fn whole(
    row: &'static VendorRow,
    context_window: Option<u64>,
    body: &Bytes,
    now: UnixSeconds,
    out: &mut Vec<Event>,
) -> Result<AnswerFacts, Failure> {
    let facts = through::answer(row, body, context_window, now)?;
    let mut reader = Reader::new(Form::Answer, most_tokens(context_window));
    let has_choice = reader.read_answer(body, out);
    if !has_choice {
        // A prompt that was blocked has no choice.
        let (native, stop_sequence, explanation) = (None, None, None);
        out.push(Event::Finish(Finish { reason: Reason::Filter, native, stop_sequence, explanation }));
    }
    out.extend(facts.usage.map(Event::Usage));
    reader.end().map(|()| facts)
}
