//! Which dialect is written, and what it is told beside what the answer says.

use crate::api::Api;
use crate::hub::{CallersName, Event, Names, signature};
use crate::json::text::Text;
use crate::json::write;
use crate::usage::{BYTES_PER_TOKEN, Counted};
use crate::{anthropic, openai};
use bytes::Bytes;
use std::sync::Arc;
use weir_config::{UnixSeconds, Usage};

/// How an answer is told to its caller.
#[derive(Debug, Clone)]
pub(crate) struct Answering {
    /// What the caller speaks.
    pub(crate) api: Api,
    /// What no other answer is called.
    pub(crate) id: String,
    pub(crate) created: UnixSeconds,
    /// What the answer says that its model is called: the account's name, as where it passes through.
    pub(crate) model: Text,
    /// Whether the caller of a stream asked for its usage.
    pub(crate) includes_usage: bool,
    /// What the request is as text, in bytes, for counts of ours where the vendor gives none.
    pub(crate) asked_bytes: u64,
    /// The account that answers: the mark of reasoning that it signed.
    pub(crate) account: String,
    /// The request's tools, as the account was told them.
    pub(crate) names: Arc<Names>,
}

/// Writes a stream's events.
pub(super) enum Writer {
    Chat(Box<openai::ChunkWriter>),
    Messages(Box<anthropic::MessagesWriter>),
}

impl Answering {
    pub(super) fn writer(&self) -> Writer {
        let Self { id, created, model, includes_usage, .. } = self.clone();
        match self.api {
            Api::Chat => Writer::Chat(Box::new(openai::ChunkWriter::new(
                id,
                created,
                model,
                includes_usage,
                self.back(),
            ))),
            Api::Messages => {
                Writer::Messages(Box::new(anthropic::MessagesWriter::new(id, model, self.names())))
            }
        }
    }

    /// A unary answer that says `events`.
    pub(super) fn whole(&self, events: Vec<Event>) -> Bytes {
        match self.api {
            Api::Chat => openai::write_whole(events, &self.id, self.created, &self.model, &self.back()),
            Api::Messages => {
                let estimate = self.estimate(events.iter().map(Event::said_bytes).sum());
                anthropic::write_whole(events, &self.id, &self.model, &self.names(), Some(estimate))
            }
        }
    }

    /// What is counted where the vendor does not: an answer of Messages has counts.
    pub(super) fn estimate(&self, said_bytes: u64) -> Counted {
        let tokens = |bytes: u64| bytes.div_ceil(BYTES_PER_TOKEN);
        let usage = Usage { input: tokens(self.asked_bytes), output: tokens(said_bytes), ..Usage::default() };
        Counted { usage, input: true, output: true }
    }

    fn names(&self) -> CallersName {
        let names = Arc::clone(&self.names);
        Box::new(move |name| names.callers_name(name))
    }

    fn back(&self) -> openai::Back {
        let account = self.account.clone();
        openai::Back { name: self.names(), mark: Box::new(move |text| signature::tag(&account, text)) }
    }
}

impl Writer {
    pub(super) fn event(&mut self, event: Event, out: &mut write::Writer) {
        match self {
            Self::Chat(chat) => chat.event(event, out),
            Self::Messages(messages) => messages.event(event, out),
        }
    }

    /// The end. `estimate`: counts of ours, for what the vendor did not tell.
    pub(super) fn end(&mut self, estimate: Counted, out: &mut write::Writer) {
        match self {
            Self::Chat(chat) => chat.end(out),
            Self::Messages(messages) => {
                messages.estimate(estimate);
                messages.end(out);
            }
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Chat(chat) => chat.held_bytes(),
            Self::Messages(messages) => messages.held_bytes(),
        }
    }
}
