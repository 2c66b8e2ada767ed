//! Both sides speak one API: bodies pass through, and only what routing, money and failover need is read of them.
//!
//! What is read is OpenAI's chat completions, as OpenAI and some thirty others speak them.

mod answer;
pub(crate) mod contents;
mod output;
mod part;
mod prefilter;
mod runs;
mod speech;
mod stream;

use answer::LongAnswer;
pub(crate) use answer::answer;
use stream::ChatStream;
pub(crate) use stream::{DONE, MAX_FOREIGN, is_keep_alive, is_scalar, not_a_stream};

use crate::asked::Facts;
use crate::openai;
use crate::reading::{AnswerFacts, Ending, StreamEnd};
use crate::usage::Counted;
use crate::words::Words;
use bytes::Bytes;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// One answer on its way through.
pub struct Through {
    row: &'static VendorRow,
    context_window: Option<u64>,
    form: Form,
}

enum Form {
    /// Boxed: it would be moved about with the response body.
    Stream(Box<ChatStream>),
    /// `None` until it is fed: nearly all answers are judged whole.
    Unary(Option<Box<Large>>),
}

/// A unary answer that is too large to be held.
#[derive(Default)]
struct Large {
    answer: LongAnswer,
    failure: Option<Failure>,
}

impl Through {
    /// An answer to the request of these `facts`.
    pub(crate) fn new(facts: &Facts, row: &'static VendorRow, context_window: Option<u64>) -> Self {
        let form = if facts.stream {
            let stream = ChatStream::new(row, !facts.includes_usage);
            Form::Stream(Box::new(stream.expecting(facts.choices, context_window)))
        } else {
            Form::Unary(None)
        };
        Self { row, context_window, form }
    }

    pub(crate) fn whole(&self, body: &[u8], now: UnixSeconds) -> Result<AnswerFacts, Failure> {
        answer(self.row, body, self.context_window, now)
    }

    #[inline]
    pub(crate) fn feed(&mut self, bytes: Bytes, now: UnixSeconds) -> Bytes {
        match &mut self.form {
            Form::Stream(stream) => stream.feed(bytes, now),
            Form::Unary(large) => large.get_or_insert_default().feed(self.row, bytes, now),
        }
    }

    pub(crate) fn end(&mut self, now: UnixSeconds) -> Ending {
        match &mut self.form {
            Form::Stream(stream) => stream.end(now),
            Form::Unary(large) => large.get_or_insert_default().end(self.row, now),
        }
    }

    pub(crate) fn begins(&self) -> Option<bool> {
        self.large().and_then(|large| large.answer.begins())
    }

    #[inline]
    pub(crate) fn is_committed(&self) -> bool {
        match &self.form {
            Form::Stream(stream) => stream.is_committed(),
            Form::Unary(_) => self.begins() == Some(true),
        }
    }

    #[inline]
    pub(crate) fn content_seen(&self) -> bool {
        self.stream().is_none_or(ChatStream::content_seen)
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        match &self.form {
            Form::Stream(stream) => stream.is_over(),
            Form::Unary(_) => self.failure().is_some(),
        }
    }

    #[inline]
    pub(crate) fn done_seen(&self) -> bool {
        self.stream().is_some_and(ChatStream::done_seen)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.stream().is_none_or(ChatStream::is_finished)
    }

    #[inline]
    pub(crate) fn is_stream(&self) -> bool {
        self.stream().is_some()
    }

    pub(crate) fn progress(&self) -> (u64, Option<Counted>) {
        self.stream().map_or_else(|| (self.output_bytes(), self.usage()), ChatStream::progress)
    }

    pub(crate) fn usage(&self) -> Option<Counted> {
        match &self.form {
            Form::Stream(stream) => stream.usage(),
            Form::Unary(_) => self.large()?.answer.facts(self.context_window).usage,
        }
    }

    pub(crate) fn output_bytes(&self) -> u64 {
        match &self.form {
            Form::Stream(stream) => stream.output_bytes(),
            Form::Unary(_) => {
                self.large().map_or(0, |large| large.answer.facts(self.context_window).output_bytes)
            }
        }
    }

    #[inline]
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.form {
            Form::Stream(stream) => stream.held_bytes(),
            Form::Unary(large) => large.as_ref().map_or(0, |large| large.answer.held_bytes()),
        }
    }

    #[inline]
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.form {
            Form::Stream(stream) => stream.failure(),
            Form::Unary(large) => large.as_ref()?.failure.as_ref(),
        }
    }

    pub(crate) fn ping(&self) -> Option<Bytes> {
        self.stream().filter(|stream| !stream.mid_frame()).map(|_| openai::PING)
    }

    pub(crate) fn broken(&mut self, why: &Words<'_>, now: UnixSeconds) -> Option<Bytes> {
        let Form::Stream(stream) = &mut self.form else { return None };
        let event = openai::error_event(why);
        let unfinished = stream.end(now).bytes;
        Some(if unfinished.is_empty() { event } else { [unfinished, event].concat().into() })
    }

    #[inline]
    fn stream(&self) -> Option<&ChatStream> {
        match &self.form {
            Form::Stream(stream) => Some(stream),
            Form::Unary(_) => None,
        }
    }

    fn large(&self) -> Option<&Large> {
        match &self.form {
            Form::Stream(_) => None,
            Form::Unary(large) => large.as_deref(),
        }
    }
}

impl Large {
    /// Nothing of it goes on that tells of an error: it must not look whole.
    fn feed(&mut self, row: &VendorRow, bytes: Bytes, now: UnixSeconds) -> Bytes {
        if self.failure.is_none() {
            self.answer.feed(&bytes);
            self.failure = self.answer.failure(row, b"", now);
        }
        if self.failure.is_some() { Bytes::new() } else { bytes }
    }

    fn end(&mut self, row: &VendorRow, now: UnixSeconds) -> Ending {
        self.failure = self.failure.take().or_else(|| self.answer.unfinished(row, b"", now));
        let end = if self.failure.is_none() { StreamEnd::Complete } else { StreamEnd::Truncated };
        Ending { bytes: Bytes::new(), end }
    }
}

#[cfg(test)]
mod tests;
