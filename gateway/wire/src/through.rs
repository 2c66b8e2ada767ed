//! Both sides speak one API: bodies pass through, and only what routing, money and failover need is read of them.
//!
//! A file here is of OpenAI's chat completions, as OpenAI and some thirty others speak them, unless it is called another.

mod answer;
pub(crate) mod contents;
mod messages;
mod output;
mod part;
mod prefilter;
mod runs;
mod speech;
mod stream;

use answer::LongAnswer;
pub(crate) use answer::answer;
use messages::{LargeMessage, MessagesStream};
use stream::ChatStream;
pub(crate) use stream::{DONE, MAX_FOREIGN, is_keep_alive, is_scalar, not_a_stream};

use crate::api::Api;
use crate::asked::Facts;
use crate::reading::{Ending, StreamEnd, Whole};
use crate::usage::Counted;
use crate::words::Words;
use bytes::Bytes;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// One answer on its way through.
pub struct Through {
    api: Api,
    row: &'static VendorRow,
    context_window: Option<u64>,
    form: Form,
}

enum Form {
    /// Boxed: it would be moved about with the response body.
    Chat(Box<ChatStream>),
    Messages(Box<MessagesStream>),
    /// `None` until it is fed: nearly all answers are judged whole.
    Unary(Option<Box<Large>>),
}

/// A unary answer that is too large to be held.
enum Large {
    Chat(LargeChat),
    Message(LargeMessage),
}

#[derive(Default)]
struct LargeChat {
    answer: LongAnswer,
    failure: Option<Failure>,
}

impl Through {
    /// An answer in `api` to the request of these `facts`.
    pub(crate) fn new(api: Api, facts: &Facts, row: &'static VendorRow, context_window: Option<u64>) -> Self {
        let form = match api {
            _ if !facts.stream => Form::Unary(None),
            Api::Chat => {
                let stream = ChatStream::new(row, !facts.includes_usage);
                Form::Chat(Box::new(stream.expecting(facts.choices, context_window)))
            }
            Api::Messages => Form::Messages(Box::new(MessagesStream::new(row, context_window))),
        };
        Self { api, row, context_window, form }
    }

    pub(crate) fn whole(&self, body: &Bytes, now: UnixSeconds) -> Result<Whole, Failure> {
        let facts = match self.api {
            Api::Chat => answer(self.row, body, self.context_window, now)?,
            Api::Messages => messages::whole(self.row, body, self.context_window, now)?,
        };
        Ok(Whole { facts, body: None })
    }

    #[inline]
    pub(crate) fn feed(&mut self, bytes: Bytes, now: UnixSeconds) -> Bytes {
        match &mut self.form {
            Form::Chat(stream) => stream.feed(bytes, now),
            Form::Messages(stream) => stream.feed(bytes, now),
            Form::Unary(large) => large.get_or_insert_with(|| Large::of(self.api)).feed(self.row, bytes, now),
        }
    }

    pub(crate) fn end(&mut self, now: UnixSeconds) -> Ending {
        match &mut self.form {
            Form::Chat(stream) => stream.end(now),
            Form::Messages(stream) => stream.end(now),
            Form::Unary(large) => large.get_or_insert_with(|| Large::of(self.api)).end(self.row, now),
        }
    }

    pub(crate) fn begins(&self) -> Option<bool> {
        match &self.form {
            Form::Unary(Some(large)) => large.begins(),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn is_committed(&self) -> bool {
        match &self.form {
            Form::Chat(stream) => stream.is_committed(),
            Form::Messages(stream) => stream.is_committed(),
            Form::Unary(_) => self.begins() == Some(true),
        }
    }

    #[inline]
    pub(crate) fn content_seen(&self) -> bool {
        match &self.form {
            Form::Chat(stream) => stream.content_seen(),
            Form::Messages(stream) => stream.content_seen(),
            Form::Unary(_) => true,
        }
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        match &self.form {
            Form::Chat(stream) => stream.is_over(),
            Form::Messages(stream) => stream.is_over(),
            Form::Unary(_) => self.failure().is_some(),
        }
    }

    #[inline]
    pub(crate) fn done_seen(&self) -> bool {
        match &self.form {
            Form::Chat(stream) => stream.done_seen(),
            Form::Messages(stream) => stream.done_seen(),
            Form::Unary(_) => false,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        match &self.form {
            Form::Chat(stream) => stream.is_finished(),
            Form::Messages(stream) => stream.is_finished(),
            Form::Unary(large) => large.as_ref().is_some_and(|large| large.is_finished()),
        }
    }

    #[inline]
    pub(crate) fn is_stream(&self) -> bool {
        !matches!(self.form, Form::Unary(_))
    }

    pub(crate) fn progress(&self) -> (u64, Option<Counted>) {
        match &self.form {
            Form::Chat(stream) => stream.progress(),
            _ => (self.output_bytes(), self.usage()),
        }
    }

    pub(crate) fn usage(&self) -> Option<Counted> {
        match &self.form {
            Form::Chat(stream) => stream.usage(),
            Form::Messages(stream) => stream.usage(),
            Form::Unary(large) => large.as_ref()?.usage(self.context_window),
        }
    }

    pub(crate) fn output_bytes(&self) -> u64 {
        match &self.form {
            Form::Chat(stream) => stream.output_bytes(),
            Form::Messages(stream) => stream.output_bytes(),
            Form::Unary(large) => large.as_ref().map_or(0, |large| large.output_bytes(self.context_window)),
        }
    }

    #[inline]
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.form {
            Form::Chat(stream) => stream.held_bytes(),
            Form::Messages(stream) => stream.held_bytes(),
            Form::Unary(large) => large.as_ref().map_or(0, |large| large.held_bytes()),
        }
    }

    #[inline]
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.form {
            Form::Chat(stream) => stream.failure(),
            Form::Messages(stream) => stream.failure(),
            Form::Unary(large) => large.as_ref()?.failure(),
        }
    }

    pub(crate) fn ping(&self) -> Option<Bytes> {
        let mid_frame = match &self.form {
            Form::Chat(stream) => stream.mid_frame(),
            Form::Messages(stream) => stream.mid_frame(),
            Form::Unary(_) => return None,
        };
        (!mid_frame).then(|| self.api.ping())
    }

    pub(crate) fn broken(&mut self, why: &Words<'_>, now: UnixSeconds) -> Option<Bytes> {
        let unfinished = match &mut self.form {
            Form::Chat(stream) => stream.end(now).bytes,
            Form::Messages(stream) => stream.end(now).bytes,
            Form::Unary(_) => return None,
        };
        let event = self.api.error_event(why);
        Some(if unfinished.is_empty() { event } else { [unfinished, event].concat().into() })
    }
}

impl Large {
    fn of(api: Api) -> Box<Self> {
        Box::new(match api {
            Api::Chat => Self::Chat(LargeChat::default()),
            Api::Messages => Self::Message(LargeMessage::default()),
        })
    }

    fn feed(&mut self, row: &VendorRow, bytes: Bytes, now: UnixSeconds) -> Bytes {
        match self {
            Self::Chat(chat) => chat.feed(row, bytes, now),
            Self::Message(message) => {
                message.feed(&bytes);
                bytes
            }
        }
    }

    fn end(&mut self, row: &VendorRow, now: UnixSeconds) -> Ending {
        match self {
            Self::Chat(chat) => chat.end(row, now),
            Self::Message(message) => message.end(),
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Self::Chat(chat) => chat.is_finished(),
            Self::Message(_) => false,
        }
    }

    fn begins(&self) -> Option<bool> {
        match self {
            Self::Chat(chat) => chat.answer.begins(),
            Self::Message(message) => message.begins(),
        }
    }

    fn usage(&self, context_window: Option<u64>) -> Option<Counted> {
        match self {
            Self::Chat(chat) => chat.answer.facts(context_window).usage,
            Self::Message(_) => None,
        }
    }

    fn output_bytes(&self, context_window: Option<u64>) -> u64 {
        match self {
            Self::Chat(chat) => chat.answer.facts(context_window).output_bytes,
            Self::Message(message) => message.output_bytes(),
        }
    }

    fn held_bytes(&self) -> usize {
        match self {
            Self::Chat(chat) => chat.answer.held_bytes(),
            Self::Message(_) => 0,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Chat(chat) => chat.failure.as_ref(),
            Self::Message(_) => None,
        }
    }
}

impl LargeChat {
    /// Nothing of it goes on that tells of an error: it must not look whole.
    fn feed(&mut self, row: &VendorRow, bytes: Bytes, now: UnixSeconds) -> Bytes {
        if self.failure.is_none() {
            self.answer.feed(&bytes);
            self.failure = self.answer.failure(row, b"", now);
        }
        if self.failure.is_some() { Bytes::new() } else { bytes }
    }

    fn is_finished(&self) -> bool {
        self.failure.is_none() && self.answer.is_whole()
    }

    fn end(&mut self, row: &VendorRow, now: UnixSeconds) -> Ending {
        self.failure = self.failure.take().or_else(|| self.answer.unfinished(row, b"", now));
        let end = if self.failure.is_none() { StreamEnd::Complete } else { StreamEnd::Truncated };
        Ending { bytes: Bytes::new(), end }
    }
}

#[cfg(test)]
mod tests;
