//! The blocks of a message, in the order in which they began. The first may be open to the caller, the others wait.

use crate::hub::CallersName;
use crate::hub::Event;
use crate::json::text::Text;
use crate::json::whole::Whole;
use bytes::Bytes;
use std::collections::{HashMap, HashSet, VecDeque};

/// A block that has not left.
pub(super) struct Block {
    pub(super) kind: Kind,
    /// What is still to be written of it.
    pub(super) pieces: Vec<Piece>,
    /// Nothing more comes for it.
    ended: bool,
    /// How many began before it.
    number: u64,
}

/// What a block is, and what its start says.
pub(super) enum Kind {
    Text,
    Thinking,
    Redacted { data: Text },
    Call { id: Text, name: Text, arguments: Whole },
}

/// What a delta says.
pub(super) enum Piece {
    Text(Text),
    Thinking(Text),
    Signature(Text),
    Arguments(Text),
}

/// All that have not left.
#[derive(Default)]
pub(super) struct Blocks {
    blocks: VecDeque<Block>,
    /// How many have begun.
    begun: u64,
    /// The one that the last event was of.
    touched: Option<u64>,
    /// The ids of calls, as they are written: none is used twice.
    ids: HashSet<Bytes>,
    /// The blocks of calls.
    calls: HashMap<u32, u64>,
}

impl Piece {
    pub(super) fn text(&self) -> &Text {
        match self {
            Self::Text(text) | Self::Thinking(text) | Self::Signature(text) | Self::Arguments(text) => text,
        }
    }

    fn apart(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.apart()),
            Self::Thinking(text) => Self::Thinking(text.apart()),
            Self::Signature(text) => Self::Signature(text.apart()),
            Self::Arguments(text) => Self::Arguments(text.apart()),
        }
    }
}

impl Block {
    /// Whether it is over once another has begun. A call is only if its arguments are all there: pieces of several may
    /// come by turns.
    fn gives_way(&self) -> bool {
        match &self.kind {
            Kind::Call { arguments, .. } => self.ended || arguments.is_whole(),
            _ => true,
        }
    }
}

impl Blocks {
    /// Puts a piece of content into its block.
    pub(super) fn take(&mut self, event: Event, message: &str, names: &CallersName) {
        match event {
            Event::Text(text) | Event::Refusal(text) if !text.is_empty() => {
                let at =
                    self.last(|kind| matches!(kind, Kind::Text)).unwrap_or_else(|| self.begin(Kind::Text));
                self.put(at, Piece::Text(text));
            }
            Event::Thinking(text) if !text.is_empty() => {
                let at = self.thinking();
                self.put(at, Piece::Thinking(text));
            }
            Event::Signature(signature) if !signature.is_empty() => {
                let at = self.thinking();
                self.put(at, Piece::Signature(signature));
                self.end(at);
            }
            Event::Redacted(data) => {
                let at = self.begin(Kind::Redacted { data: data.apart() });
                self.end(at);
            }
            Event::Call { call, id, name } => self.call(call, id, name, message, names),
            Event::Arguments { call, json } => self.arguments(call, json),
            Event::BlockEnd => {
                if let Some(touched) = self.touched {
                    self.end(touched);
                }
            }
            _ => {}
        }
    }

    fn thinking(&mut self) -> u64 {
        self.last(|kind| matches!(kind, Kind::Thinking)).unwrap_or_else(|| self.begin(Kind::Thinking))
    }

    fn call(&mut self, call: u32, id: Option<Text>, name: Text, message: &str, names: &CallersName) {
        let id = id.filter(|id| !id.is_empty() && !self.ids.contains(id.json()));
        let id = id.map_or_else(|| made_id(message, call), |id| id.apart());
        self.ids.insert(id.json().clone());
        let name = names(&name.said()).unwrap_or_else(|| name.apart());
        let number = self.begin(Kind::Call { id, name, arguments: Whole::default() });
        self.calls.insert(call, number);
    }

    fn arguments(&mut self, of: u32, json: Text) {
        let Some(number) = self.calls.get(&of).copied() else { return };
        let is_last = number + 1 == self.begun;
        let Some(block) = self.with(number) else { return };
        let is_over = block.ended || !is_last && block.gives_way();
        let Kind::Call { arguments, .. } = &mut block.kind else { return };
        // Some servers write null for no arguments; no object begins so.
        if is_over || json.is_empty() || !arguments.has_begun() && json.said().trim() == "null" {
            return;
        }
        arguments.feed(&json);
        self.put(number, Piece::Arguments(json));
    }

    /// The last block, if it is of this kind and has not ended.
    fn last(&self, is: impl Fn(&Kind) -> bool) -> Option<u64> {
        self.blocks.back().filter(|block| !block.ended && is(&block.kind)).map(|block| block.number)
    }

    fn begin(&mut self, kind: Kind) -> u64 {
        let number = self.begun;
        self.begun += 1;
        self.touched = Some(number);
        self.blocks.push_back(Block { kind, pieces: Vec::new(), ended: false, number });
        number
    }

    fn put(&mut self, number: u64, piece: Piece) {
        let is_first = self.blocks.front().is_some_and(|block| block.number == number);
        self.touched = Some(number);
        if let Some(block) = self.with(number) {
            block.pieces.push(if is_first { piece } else { piece.apart() });
        }
    }

    fn end(&mut self, number: u64) {
        if let Some(block) = self.with(number) {
            block.ended = true;
        }
    }

    fn with(&mut self, number: u64) -> Option<&mut Block> {
        let first = self.blocks.front()?.number;
        self.blocks.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The first block, and whether it is over; it is if `all` have come.
    pub(super) fn first(&mut self, all: bool) -> Option<(&mut Block, bool)> {
        let others = self.blocks.len() > 1;
        let block = self.blocks.front_mut()?;
        let is_over = all || block.ended || others && block.gives_way();
        Some((block, is_over))
    }

    /// The first one has been written.
    pub(super) fn leave(&mut self) -> Option<Block> {
        self.blocks.pop_front()
    }

    /// Whether there is one, and no other.
    pub(super) fn has_one(&self) -> bool {
        self.blocks.len() == 1
    }

    /// Whether all have left.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn held_bytes(&self) -> usize {
        let pieces = self.blocks.iter().flat_map(|block| &block.pieces);
        pieces.map(|piece| piece.text().len() + size_of::<Piece>()).sum()
    }
}

/// An id for a call whose vendor gave none that can be used. No other message has this id of ours, so no other call of
/// the conversation gets the same.
fn made_id(message: &str, call: u32) -> Text {
    // FNV-1a.
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = message.bytes().chain(call.to_be_bytes());
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    Text::new(&format!("toolu_{hash:032x}"))
}
