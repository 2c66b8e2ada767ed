//! The account speaks another API than the caller: its answer is decoded into what it says, and written anew.

mod decoder;
mod stream;
mod writer;

use crate::api::Api;
use crate::reading::{AnswerFacts, Ending, StreamEnd, Whole};
use crate::usage::Counted;
use crate::words::Words;
use bytes::Bytes;
use decoder::Decoder;
use stream::Stream;
use weir_config::{Failure, UnixSeconds, VendorRow};
pub(crate) use writer::Answering;

/// One answer on its way across.
pub struct Translated {
    row: &'static VendorRow,
    context_window: Option<u64>,
    /// What the account speaks.
    from: Api,
    answering: Answering,
    form: Form,
}

enum Form {
    /// Boxed: it would be moved about with the response body.
    Stream(Box<Stream>),
    /// So many bytes were fed of one that broke off: what of it was said is not known.
    Unary(u64),
}

impl Translated {
    /// An answer of an account that speaks `from`, of a vendor of `row`, to a caller who is told it as `answering` says.
    pub(crate) fn new(
        from: Api,
        row: &'static VendorRow,
        context_window: Option<u64>,
        stream: bool,
        answering: Answering,
    ) -> Self {
        let form = if stream {
            let decoder = Decoder::new(from, row, context_window);
            Form::Stream(Box::new(Stream::new(decoder, answering.clone())))
        } else {
            Form::Unary(0)
        };
        Self { row, context_window, from, answering, form }
    }

    /// Reads a unary answer, and writes it for its caller.
    pub(crate) fn whole(&self, body: &Bytes, now: UnixSeconds) -> Result<Whole, Failure> {
        let mut events = Vec::new();
        decoder::whole(self.from, self.row, self.context_window, body, now, &mut events)?;
        let facts = AnswerFacts::of(&events);
        Ok(Whole { facts, body: Some(self.answering.whole(events)) })
    }

    pub(crate) fn feed(&mut self, bytes: &Bytes, now: UnixSeconds) -> Bytes {
        match &mut self.form {
            Form::Stream(stream) => stream.feed(bytes, now),
            Form::Unary(fed) => {
                *fed += bytes.len() as u64;
                Bytes::new()
            }
        }
    }

    pub(crate) fn end(&mut self, now: UnixSeconds) -> Ending {
        match &mut self.form {
            Form::Stream(stream) => stream.end(now),
            Form::Unary(_) => Ending { bytes: Bytes::new(), end: StreamEnd::Truncated },
        }
    }

    /// No answer of which not all is there can be translated.
    pub(crate) fn begins(&self) -> Option<bool> {
        None
    }

    pub(crate) fn is_committed(&self) -> bool {
        self.stream().is_some_and(Stream::is_committed)
    }

    pub(crate) fn content_seen(&self) -> bool {
        self.stream().is_none_or(Stream::content_seen)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stream().is_some_and(Stream::is_over)
    }

    pub(crate) fn done_seen(&self) -> bool {
        self.stream().is_some_and(Stream::done_seen)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.stream().is_some_and(Stream::is_finished)
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.stream().is_some()
    }

    pub(crate) fn progress(&self) -> (u64, Option<Counted>) {
        (self.output_bytes(), self.usage())
    }

    pub(crate) fn usage(&self) -> Option<Counted> {
        self.stream().and_then(Stream::usage)
    }

    pub(crate) fn output_bytes(&self) -> u64 {
        match &self.form {
            Form::Stream(stream) => stream.output_bytes(),
            Form::Unary(fed) => *fed,
        }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.stream().map_or(0, Stream::held_bytes)
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.stream().and_then(Stream::failure)
    }

    pub(crate) fn ping(&self) -> Option<Bytes> {
        self.stream().map(|_| self.answering.api.ping())
    }

    /// The last bytes of a stream that broke off.
    pub(crate) fn broken(&self, why: &Words<'_>) -> Option<Bytes> {
        self.stream().map(|_| self.answering.api.error_event(why))
    }

    fn stream(&self) -> Option<&Stream> {
        match &self.form {
            Form::Stream(stream) => Some(stream),
            Form::Unary(_) => None,
        }
    }
}
