//! Answers for callers who speak Messages, written from [`Event`]s.
//!
//! A stream has one block open at a time, numbered from 0 without a gap, and each delta fits its block: SDKs end the
//! turn otherwise. So what belongs to a block that can't be open yet is held ([`Blocks`]). Why an answer ended and what
//! it used comes last, however early it was told ([`Outcome`]).
//!
//! Source: Anthropic's Messages reference and "Streaming Messages".

mod blocks;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod checker;
mod frames;
mod outcome;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod tests;

use crate::hub::{CallersName, Event};
use crate::json::text::Text;
use crate::json::write::Writer;
use crate::usage::Counted;
use blocks::Blocks;
use bytes::Bytes;
use outcome::Outcome;
use std::fmt;

/// Writes a stream of Messages events.
pub(crate) struct MessagesWriter {
    id: String,
    model: Text,
    names: CallersName,
    started: bool,
    ended: bool,
    /// The number of the first block.
    index: u64,
    /// The first block is open.
    open: bool,
    blocks: Blocks,
    outcome: Outcome,
}

impl MessagesWriter {
    /// A message of this id, which no other has, by what its caller calls the model.
    pub(crate) fn new(id: String, model: Text, names: CallersName) -> Self {
        let (blocks, outcome) = (Blocks::default(), Outcome::default());
        Self { id, model, names, started: false, ended: false, index: 0, open: false, blocks, outcome }
    }

    /// Counts of ours, for what the vendor doesn't tell. The last ones count.
    pub(crate) fn estimate(&mut self, counted: Counted) {
        self.outcome.estimate(counted);
    }

    /// Writes what can be written, now that this has come as well.
    pub(crate) fn event(&mut self, event: Event, out: &mut Writer) {
        if self.ended || self.outcome.take(&event) {
            return;
        }
        self.start(out);
        self.blocks.take(event, &self.id, &self.names);
        self.write(false, out);
    }

    /// The answer has ended well: closes what is open, and says why it ended and what it used.
    pub(crate) fn end(&mut self, out: &mut Writer) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.start(out);
        self.write(true, out);
        frames::message_delta(&self.outcome, out);
        frames::message_stop(out);
    }

    /// How many bytes of memory are held: what is said in blocks that wait, and what is told at the end.
    pub(crate) fn held_bytes(&self) -> usize {
        self.blocks.held_bytes() + self.outcome.held_bytes()
    }

    fn start(&mut self, out: &mut Writer) {
        if !std::mem::replace(&mut self.started, true) {
            frames::message_start(&self.id, &self.model, &self.outcome, out);
        }
    }

    /// Writes blocks as far as they may be open. `all`: nothing more comes.
    fn write(&mut self, all: bool, out: &mut Writer) {
        loop {
            let is_last = all && self.blocks.has_one();
            let Some((block, is_over)) = self.blocks.first(all) else { return };
            if !std::mem::replace(&mut self.open, true) {
                frames::block_start(self.index, block, out);
            }
            for piece in block.pieces.drain(..) {
                frames::delta(self.index, &piece, out);
            }
            if !is_over {
                return;
            }
            if let Some(arguments) = self.outcome.take_block(block, is_last) {
                frames::delta(self.index, &arguments, out);
            }
            frames::block_stop(self.index, out);
            self.blocks.leave();
            self.index += 1;
            self.open = false;
        }
    }
}

impl fmt::Debug for MessagesWriter {
    /// Not what it holds: that is the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessagesWriter").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The body of a unary answer. `estimate`: counts of ours, for what the vendor doesn't tell.
pub(crate) fn whole(
    events: Vec<Event>,
    id: &str,
    model: &Text,
    names: &CallersName,
    estimate: Option<Counted>,
) -> Bytes {
    let (mut blocks, mut outcome) = (Blocks::default(), Outcome::default());
    if let Some(counted) = estimate {
        outcome.estimate(counted);
    }
    for event in events {
        if !outcome.take(&event) {
            blocks.take(event, id, names);
        }
    }
    let mut out = Writer::with_capacity(1 << 10);
    frames::message(id, model, &mut blocks, &mut outcome, &mut out);
    out.bytes()
}
