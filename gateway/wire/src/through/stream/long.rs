//! A frame that is too long to be held: it is read as it comes, and passed on as soon as it is known to be one that
//! is. An image in a delta is such a frame, and so is a usage chunk with much beside it.
//!
//! What becomes of it is decided at certain lengths of it alone, so that the pieces it came in do not matter.

use super::super::contents::Contents;
use super::super::output::Output;
use super::super::runs::Runs;
use super::ChatStream;
use super::frame::{Verdict, not_a_stream};
use crate::failure;
use crate::json::Brief;
use crate::sse::Lines;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use weir_config::UnixSeconds;

/// A frame longer than this is read as it comes here.
pub(super) const MAX_HELD: usize = 64 << 10;
/// It is looked at whenever so much more has come.
const STEP: usize = 4 << 10;
/// What nobody can tell by now goes on.
const MAX_UNDECIDED: usize = 512 << 10;

/// Of one that is an error so much is read.
const MAX_ERROR: usize = 1 << 20;

/// The frame, as far as it has come.
pub(super) struct Long {
    contents: Contents,
    /// Its data up to the first choice: errors have shapes that `contents` don't know.
    head: Brief,
    lines: Lines,
    length: usize,
    /// How much of it is data, from where that begins to be JSON.
    told: usize,
    fate: Fate,
}

/// What the stream was before it.
#[derive(Clone, Copy)]
struct Before {
    chunked: bool,
    content: bool,
    drop_usage: bool,
    /// A choice has finished.
    any_finished: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Not known: it is held.
    Open,
    /// It goes on as it comes. Whatever it says later takes effect behind it.
    Pass,
    Drop,
    /// It is an error, which ends the stream once it is read.
    Error,
    /// It ends the stream.
    Fail,
}

impl Long {
    fn new(runs: Runs) -> Box<Self> {
        let contents = Contents::following(runs);
        let (head, lines) = (Brief::default(), Lines::default());
        Box::new(Self { contents, head, lines, length: 0, told: 0, fate: Fate::Open })
    }

    /// Whether its bytes go on as they come.
    pub(super) fn passes(&self) -> bool {
        self.fate == Fate::Pass
    }

    /// How many bytes of memory are kept of it beside those that are held.
    pub(super) fn kept_bytes(&self) -> usize {
        self.head.room() + self.contents.kept_bytes()
    }

    /// Takes the next bytes, and decides at certain lengths.
    fn read(&mut self, bytes: &[u8], before: Before) {
        let mut rest = bytes;
        while !rest.is_empty() && self.fate != Fate::Fail {
            let (now, later) = rest.split_at(rest.len().min(STEP - self.length % STEP));
            let Self { contents, head, told, .. } = self;
            self.lines.feed(now, |data| {
                contents.feed(data);
                *told += if contents.has_begun() { data.len() } else { 0 };
                if !contents.has_choice() {
                    head.feed(if head.text().is_empty() { data.trim_ascii_start() } else { data });
                }
            });
            self.length += now.len();
            if self.length >= MAX_HELD && self.length.is_multiple_of(STEP) {
                self.fate = match self.fate {
                    Fate::Open => self.judge(before),
                    Fate::Error if self.length >= MAX_ERROR => Fate::Fail,
                    decided => decided,
                };
            }
            rest = later;
        }
    }

    /// What is certain by now. Until then it is held, and judged as any other frame is if it ends: its length must not
    /// decide what it means.
    fn judge(&self, before: Before) -> Fate {
        let Self { contents, lines, .. } = self;
        // Not yet where it is only what stands before its data that is long.
        let is_long = contents.is_whole() || self.told >= MAX_HELD - STEP;
        match () {
            () if contents.has_failed() => Fate::Error,
            () if self.length >= MAX_UNDECIDED => self.decide(before),
            () if lines.is_error() || !contents.is_object() => Fate::Open,
            () if contents.is_only_usage() && contents.has_all_choices() && before.drop_usage => Fate::Drop,
            () if contents.has_choice() && is_long => Fate::Pass,
            () => Fate::Open,
        }
    }

    /// What is likely: nobody waits for more.
    fn decide(&self, before: Before) -> Fate {
        let Self { contents, lines, head, .. } = self;
        if lines.is_error() || failure::has_shape(head.text()) {
            return Fate::Error;
        }
        if !lines.has_data {
            return match () {
                () if before.content && !lines.has_fields => Fate::Pass,
                () if lines.has_stray && !before.chunked => Fate::Fail,
                () => Fate::Drop,
            };
        }
        if !contents.is_object() || !before.chunked && !contents.claims() {
            let is_text = before.content && !lines.has_name;
            return if is_text || !before.chunked { Fate::Fail } else { Fate::Drop };
        }
        let is_extra = contents.is_only_usage() || contents.has_usage_alone() && before.any_finished;
        if is_extra && before.drop_usage { Fate::Drop } else { Fate::Pass }
    }
}

impl ChatStream {
    /// As [`ChatStream::piece`].
    pub(super) fn long_piece(
        &mut self,
        chunk: &Bytes,
        range: Range<usize>,
        ends: bool,
        out: &mut Output,
        now: UnixSeconds,
    ) {
        let bytes = chunk.get(range.clone()).unwrap_or_default();
        let mut held = std::mem::take(&mut self.held);
        let before = Before {
            chunked: self.chunked,
            content: self.content,
            drop_usage: self.drop_usage,
            any_finished: self.choices.any_finished(),
        };
        let mut long = self.long.take().unwrap_or_else(|| {
            let mut long = Long::new(self.prefilter.runs);
            long.read(&held, before);
            long
        });
        long.read(bytes, before);
        if long.fate != Fate::Open {
            self.hear(&mut long.contents);
        }
        match long.fate {
            Fate::Pass => {
                out.append(chunk, held);
                out.keep(chunk, range);
                self.passes(&long);
            }
            Fate::Open => {
                held.extend_from_slice(bytes);
                if ends {
                    return self.whole_frame(held, chunk, out, now);
                }
                self.held = held;
            }
            Fate::Error if ends => return self.fail_long(&long, now),
            Fate::Drop | Fate::Error => {}
            Fate::Fail => return self.fail_long(&long, now),
        }
        if ends {
            self.end_decided(&mut long, bytes, now);
        } else {
            self.long = Some(long);
        }
    }

    /// The stream has ended within the frame: it is complete but for its blank line, or was cut off.
    pub(super) fn end_long(&mut self, mut long: Long, now: UnixSeconds) -> BytesMut {
        let mut held = std::mem::take(&mut self.held);
        let is_whole = !self.is_over() && long.contents.is_whole();
        match long.fate {
            Fate::Open => {
                self.held = held;
                return self.end_held(now);
            }
            Fate::Error => self.fail_long(&long, now),
            Fate::Pass | Fate::Drop if is_whole => self.end_decided(&mut long, b"", now),
            Fate::Pass | Fate::Drop | Fate::Fail => {}
        }
        held.clear();
        if long.passes() {
            held.extend_from_slice(b"\n\n");
        }
        held
    }

    /// Bytes of it go on: it is a chunk, and the caller's.
    fn passes(&mut self, long: &Long) {
        self.chunked = true;
        self.content |= long.contents.has_content();
        self.commit();
    }

    /// The end of a frame whose bytes have gone on, or gone.
    fn end_decided(&mut self, long: &mut Long, bytes: &[u8], now: UnixSeconds) {
        (self.after_cr, self.dropped) = (bytes.ends_with(b"\r"), !long.passes());
        if long.lines.has_data
            && let Verdict::Fail(failure) = self.long_ends(long, now)
        {
            self.fail(failure);
        }
    }

    fn long_ends(&mut self, long: &mut Long, now: UnixSeconds) -> Verdict {
        if long.lines.is_error() {
            return Verdict::Fail(failure::in_stream(self.row, long.head.text(), now));
        }
        let is_text = !long.lines.has_name && !long.contents.is_whole();
        let verdict = self.take(&mut long.contents, long.head.text(), is_text, now);
        if matches!(verdict, Verdict::Forward) && !self.content {
            self.silent_bytes += long.length;
        }
        verdict
    }

    fn fail_long(&mut self, long: &Long, now: UnixSeconds) {
        let failure = long.contents.failure(self.row, long.head.text(), now).unwrap_or_else(|| {
            if long.lines.is_error() {
                failure::in_stream(self.row, long.head.text(), now)
            } else {
                not_a_stream(self.row, long.head.text(), now)
            }
        });
        self.tally.merge(long.contents.tally(), self.most);
        self.fail(failure);
    }
}
