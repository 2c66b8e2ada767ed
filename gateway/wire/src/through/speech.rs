//! How much a model said in a piece of an answer.

use super::part::Part;
use super::runs::{Runs, Source};
use crate::json::strings::Strings;
use crate::media::{MEDIA_BYTES, Weighing};

/// What was heard so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    /// Bytes of text, reasoning and tool calls, escapes as written: a rough size. An image counts as a constant.
    pub(super) bytes: u64,
    /// Bytes that stand for audio and the like. They come in many pieces, so that only their sum is cut down to a
    /// constant ([`cap`]).
    pub(super) data: u64,
    /// Whether there was anything a reader would miss: text, or data that stands for it.
    pub(super) anything: bool,
    reasoned: bool,
    /// The string that is being heard.
    weighing: Weighing,
}

impl Heard {
    /// The next piece begins another string, or goes on with one of the delta before.
    #[inline]
    pub(super) fn begin(&mut self, weighing: Weighing) {
        self.weighing = weighing;
    }

    /// How the string has ended.
    #[inline]
    pub(super) fn weighing(&self) -> Weighing {
        self.weighing
    }

    /// The next piece of a string.
    #[inline]
    pub(super) fn hear(&mut self, part: Part, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        match part {
            Part::Other => return,
            Part::Details if self.reasoned => return,
            Part::Text | Part::Call | Part::Thinking | Part::Reasoning | Part::Details => {
                self.reasoned |= part == Part::Reasoning;
                let (text, media) = self.weighing.add(piece);
                self.bytes += text + media;
            }
            Part::Url => self.bytes += self.weighing.add(piece).1,
            Part::Data => self.data += piece.len() as u64,
            Part::Signature => {}
        }
        self.anything = true;
    }

    /// Takes the numbers out; what they will be added to goes on.
    pub(super) fn take(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.data))
    }
}

/// What `data` bytes of audio and the like count for.
pub(super) fn cap(data: u64) -> u64 {
    data.min(MEDIA_BYTES)
}

/// What was found in one value, and how many bytes of the input that has.
pub(super) struct Speech {
    pub(super) heard: Heard,
    pub(super) length: usize,
}

impl Speech {
    /// Reads the first value of `json`, an object or array: a delta of `choice`, which goes on with `runs`.
    pub(super) fn of(json: &[u8], choice: u64, runs: &mut Runs) -> Self {
        let mut heard = Heard::default();
        let mut key: &[u8] = b"";
        let mut strings = Strings::of(json);
        for string in strings.by_ref() {
            if string.is_key {
                key = string.text;
            } else {
                let part = Part::under(key);
                let source = Source::of(choice, part);
                heard.begin(runs.take(source));
                heard.hear(part, string.text);
                runs.put(source, heard.weighing());
            }
        }
        Self { heard, length: strings.at() }
    }
}
