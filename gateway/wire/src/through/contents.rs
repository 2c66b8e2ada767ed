//! What an answer or one chunk of a stream tells, read as it comes: one reader for both, whatever their size, and
//! however their bytes are cut.
//!
//! It holds no text but that of an error. Each place in the JSON that matters has a name ([`Spot`]); what a key says
//! about the value that follows is its [`Slot`].

mod choices;
mod error;

use super::part::Part;
use super::runs::{Runs, Source};
use super::speech::Heard;
use crate::failure;
use crate::json::number;
use crate::json::scan::{Listener, Tokens};
use crate::openai::usage::{Field, Place, Tally};
pub(super) use choices::Choices;
use error::Error;
use weir_config::{Failure, FailureClass, UnixSeconds, VendorRow};

/// Levels on which spots differ; deeper ones are as the last.
const LEVELS: usize = 6;

/// Finish reasons of an answer that failed: OpenRouter's, and DeepSeek's where its own resources gave out (its API's
/// reference, "Create Chat Completion").
pub(super) const FAILED: [&[u8]; 2] = [b"error", b"insufficient_system_resource"];

/// Which field of a choice is listened to: a stream's chunks have deltas, and some vendors repeat all of the message
/// beside each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Chunk,
    Answer,
}

/// A container, by what stands in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Spot {
    #[default]
    Elsewhere,
    Root,
    Choices,
    Choice,
    Said,
    Groq,
    Usage(Place),
}

/// A value, by its key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Slot {
    #[default]
    Other,
    Choices,
    Usage,
    Groq,
    Object,
    Index,
    Said,
    Finish,
    Count(Field),
    Error,
}

/// What has been told so far.
pub(crate) struct Contents {
    tokens: Tokens,
    told: Told,
}

/// What the tokens told.
struct Told {
    form: Form,
    has_begun: bool,
    level: u32,
    spots: [Spot; LEVELS],
    slot: Slot,
    part: Part,
    /// A string has begun and not ended.
    within: bool,
    /// The string under `object` or `finish_reason`, as far as it matters.
    word: [u8; 32],
    length: usize,
    /// There are choices, and at least one.
    has_choices: bool,
    has_choice: bool,
    has_all_choices: bool,
    /// There is a usage, whatever it is.
    has_usage: bool,
    is_chunk: bool,
    choices: Choices,
    ordinal: u64,
    index: Option<u64>,
    /// The choice being read has a finish reason.
    finish: bool,
    /// One has a finish reason that says so.
    failed: bool,
    heard: Heard,
    /// The base64 that deltas ended in.
    runs: Runs,
    tally: Tally,
    error: Error,
}

impl Contents {
    /// Of what is yet to come.
    pub(super) fn new(form: Form) -> Self {
        let told = Told {
            form,
            has_begun: false,
            level: 0,
            spots: [Spot::default(); LEVELS],
            slot: Slot::default(),
            part: Part::default(),
            within: false,
            word: [0; 32],
            length: 0,
            has_choices: false,
            has_choice: false,
            has_all_choices: false,
            has_usage: false,
            is_chunk: false,
            choices: Choices::default(),
            ordinal: 0,
            index: None,
            finish: false,
            failed: false,
            heard: Heard::default(),
            runs: Runs::default(),
            tally: Tally::default(),
            error: Error::default(),
        };
        Self { tokens: Tokens::default(), told }
    }

    /// Of a chunk whose deltas go on with `runs`.
    pub(super) fn following(runs: Runs) -> Self {
        let mut contents = Self::new(Form::Chunk);
        contents.told.runs = runs;
        contents
    }

    /// Of all of `text`.
    pub(crate) fn of(form: Form, text: &[u8]) -> Self {
        let mut contents = Self::new(form);
        contents.feed(text);
        contents
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.tokens.feed(bytes, &mut self.told);
    }

    /// Whether it is an object so far.
    pub(super) fn is_object(&self) -> bool {
        self.told.spots.first() == Some(&Spot::Root) && !self.tokens.is_broken()
    }

    /// Whether a container has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.told.has_begun
    }

    /// Whether it can no longer become JSON.
    pub(super) fn is_broken(&self) -> bool {
        self.tokens.is_broken()
    }

    /// Whether it is an object, all of which has come.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_object() && self.tokens.is_whole()
    }

    /// Whether there is an array of choices.
    pub(super) fn has_choices(&self) -> bool {
        self.told.has_choices
    }

    /// Whether there is a choice.
    pub(super) fn has_choice(&self) -> bool {
        self.told.has_choice
    }

    /// Whether the array of choices has ended.
    pub(super) fn has_all_choices(&self) -> bool {
        self.told.has_all_choices
    }

    /// Whether it is what it should be: it claims to, or has choices or a usage.
    pub(crate) fn claims(&self) -> bool {
        self.told.has_choices || self.told.is_chunk || self.told.tally.is_told()
    }

    /// Whether it is the chunk that is only sent to those who ask: a usage, and no choice.
    pub(super) fn is_only_usage(&self) -> bool {
        !self.told.has_choice && self.told.tally.is_told()
    }

    /// Whether it may be that chunk of a vendor who counts in words of its own, or nothing: a usage of any form, and no
    /// choice.
    pub(super) fn has_usage_alone(&self) -> bool {
        !self.told.has_choice && self.told.has_usage
    }

    /// Whether there is text, reasoning, a refusal or a tool call, data that stands for it, or a finish reason.
    pub(crate) fn has_content(&self) -> bool {
        self.told.heard.anything || self.told.choices.any_finished()
    }

    /// Whether there is an error: one with something in it, or a choice that finished with one.
    pub(super) fn has_failed(&self) -> bool {
        self.told.failed || self.told.error.found
    }

    /// The choices, and which of them have finished.
    pub(super) fn choices(&self) -> Choices {
        self.told.choices
    }

    /// What was counted.
    pub(crate) fn tally(&self) -> &Tally {
        &self.told.tally
    }

    /// What was said.
    pub(super) fn heard(&self) -> &Heard {
        &self.told.heard
    }

    /// The base64 that deltas ended in so far.
    pub(super) fn runs(&self) -> Runs {
        self.told.runs
    }

    /// How many bytes were said since this was asked last: of text, and of data.
    pub(crate) fn take_heard(&mut self) -> (u64, u64) {
        self.told.heard.take()
    }

    /// How many bytes of memory the text of an error takes.
    pub(super) fn kept_bytes(&self) -> usize {
        self.told.error.text.room()
    }

    /// The failure that it tells of, if it has one; `text` is all of it, as far as that is at hand.
    pub(crate) fn failure(&self, row: &VendorRow, text: &[u8], now: UnixSeconds) -> Option<Failure> {
        if !self.told.error.found {
            let words = "The upstream ended its answer with a finish reason that says that it failed.";
            let failure = Failure { status: Some(200), ..Failure::new(FailureClass::ServerError, words) };
            return self.told.failed.then_some(failure);
        }
        let failure = failure::inside(row, text, now).unwrap_or_else(|| {
            let error = [br#"{"error":"#, self.told.error.text.text(), b"}"].concat();
            failure::in_stream(row, &error, now)
        });
        // It may be an error in a form that nobody can classify, but it is one.
        let class = Some(failure.class).filter(|class| *class != FailureClass::Garbled);
        Some(Failure { class: class.unwrap_or(FailureClass::ServerError), ..failure })
    }
}

impl Told {
    /// The container on `level`.
    fn spot(&self, level: u32) -> Spot {
        let at = (level as usize).min(LEVELS);
        at.checked_sub(1).and_then(|at| self.spots.get(at)).copied().unwrap_or_default()
    }

    /// Where the string stands that is being read.
    fn source(&self) -> Source {
        Source::of(self.index.unwrap_or(self.ordinal), self.part)
    }

    /// What the container is that begins in `outer`, under the key that was read last.
    fn inner(&self, outer: Spot, is_object: bool) -> Spot {
        match (outer, self.slot) {
            (Spot::Root, Slot::Choices) if !is_object => Spot::Choices,
            (Spot::Root, Slot::Usage) if is_object => Spot::Usage(Place::Usage),
            (Spot::Root, Slot::Groq) if is_object => Spot::Groq,
            (Spot::Choices, _) if is_object => Spot::Choice,
            (Spot::Choice, Slot::Said) => Spot::Said,
            (Spot::Choice, Slot::Usage) if self.ordinal == 0 => Spot::Usage(Place::Choice),
            (Spot::Groq, Slot::Usage) if is_object => Spot::Usage(Place::Groq),
            (Spot::Usage(Place::Usage), _) => Spot::Usage(Place::Nested),
            (Spot::Said | Spot::Usage(_), _) => outer,
            _ => Spot::Elsewhere,
        }
    }

    /// What the value under `key` is.
    fn slot(&self, spot: Spot, key: &[u8]) -> Slot {
        match (spot, key) {
            (Spot::Root, b"choices") => Slot::Choices,
            (Spot::Root, b"x_groq") => Slot::Groq,
            (Spot::Root, b"object") => Slot::Object,
            (Spot::Root | Spot::Choice, b"error") | (Spot::Root, b"errors") => Slot::Error,
            (Spot::Root | Spot::Choice | Spot::Groq, b"usage") => Slot::Usage,
            (Spot::Choice, b"index") => Slot::Index,
            (Spot::Choice, b"finish_reason") => Slot::Finish,
            (Spot::Choice, b"delta") if self.form == Form::Chunk => Slot::Said,
            (Spot::Choice, b"message") if self.form == Form::Answer => Slot::Said,
            (Spot::Usage(_), key) => Field::named(key).map_or(Slot::Other, Slot::Count),
            _ => Slot::Other,
        }
    }

    /// The string under `object` or `finish_reason` has ended.
    fn word(&mut self) {
        let word = self.word.get(..self.length).unwrap_or_default();
        match self.slot {
            Slot::Object => self.is_chunk |= word.starts_with(b"chat.completion"),
            Slot::Finish => {
                self.failed |= FAILED.contains(&word);
                self.finish |= !word.is_empty(); // an empty reason is none: Snowflake, TGI
            }
            _ => {}
        }
        self.length = 0;
    }
}

impl Listener for Told {
    fn open(&mut self, level: u32, is_object: bool) {
        let outer = self.spot(level.saturating_sub(1));
        let inner = match level {
            1 if is_object => Spot::Root,
            1 => Spot::Elsewhere,
            _ => self.inner(outer, is_object),
        };
        self.has_choice |= outer == Spot::Choices;
        self.has_choices |= inner == Spot::Choices;
        self.has_begun = true;
        self.level = level;
        if let Some(spot) = self.spots.get_mut(level.saturating_sub(1) as usize) {
            *spot = inner;
        }
        if self.slot == Slot::Error {
            self.error.begin(level);
        }
        self.error.open(is_object);
        self.slot = Slot::Other;
    }

    fn close(&mut self, level: u32) {
        if self.spot(level) == Spot::Choice {
            let index = self.index.take().unwrap_or(self.ordinal);
            self.choices.see(index);
            if std::mem::take(&mut self.finish) {
                self.choices.finish(index);
            }
            self.ordinal += 1;
        }
        self.has_all_choices |= self.spot(level) == Spot::Choices;
        self.level = level.saturating_sub(1);
        self.error.close(level);
    }

    fn key(&mut self, key: &[u8]) {
        let spot = self.spot(self.level);
        self.slot = self.slot(spot, key);
        self.has_usage |= spot == Spot::Root && self.slot == Slot::Usage;
        self.part = if spot == Spot::Said { Part::under(key) } else { Part::Other };
        self.error.key(key);
    }

    fn string(&mut self, piece: &[u8], is_last: bool) {
        if !std::mem::replace(&mut self.within, !is_last) {
            self.has_choice |= self.spot(self.level) == Spot::Choices;
            let source = self.source();
            self.heard.begin(self.runs.take(source));
            self.error.quote(self.slot == Slot::Error);
        }
        self.heard.hear(self.part, piece);
        if is_last && self.form == Form::Chunk {
            let source = self.source();
            self.runs.put(source, self.heard.weighing());
        }
        if matches!(self.slot, Slot::Object | Slot::Finish) {
            let room = self.word.iter_mut().skip(self.length);
            self.length += room.zip(piece).map(|(to, from)| *to = *from).count();
            if is_last {
                self.word();
            }
        }
        self.error.string(piece, is_last);
    }

    fn scalar(&mut self, text: &[u8]) {
        let spot = self.spot(self.level);
        match (spot, self.slot) {
            (Spot::Choices, _) => self.has_choice = true,
            (_, Slot::Index) => self.index = number::whole(text),
            (Spot::Usage(place), Slot::Count(field)) => self.tally.count(place, field, text),
            _ => {}
        }
        self.error.scalar(self.slot == Slot::Error, text);
    }
}
