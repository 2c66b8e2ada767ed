//! A frame that is too long to be held: it is read as it comes, and passed on as soon as it is known to be one that
//! is. An image in a delta is such a frame, and so is a usage chunk with much beside it.
//!
//! What becomes of it is decided at certain lengths of it alone, so that the pieces it came in do not matter.

use super::super::contents::Contents;
use super::super::output::Output;
use super::super::runs::Runs;
use super::{ChatStream, MAX_HELD, MAX_SILENT, Verdict};
use crate::failure;
use crate::json::Brief;
use crate::sse::Lines;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use weir_config::UnixSeconds;

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
    fate: Fate,
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
        Box::new(Self {
            contents,
            head: Brief::default(),
            lines: Lines::default(),
            length: 0,
            fate: Fate::Open,
        })
    }

    /// Whether its bytes go on as they come.
    pub(super) fn passes(&self) -> bool {
        self.fate == Fate::Pass
    }

    /// How many bytes of memory are kept of it beside those that are held.
    pub(super) fn kept_bytes(&self) -> usize {
        self.head.room() + self.contents.kept_bytes()
    }

    /// Takes the next bytes, and looks at what `stream` it is in at certain lengths.
    fn read(&mut self, bytes: &[u8], stream: &ChatStream) {
        let mut rest = bytes;
        while !rest.is_empty() && self.fate != Fate::Fail {
            let (now, later) = rest.split_at(rest.len().min(STEP - self.length % STEP));
            let Self { contents, head, .. } = self;
            self.lines.feed(now, |data| {
                contents.feed(data);
                if !contents.has_choice() {
                    head.feed(data);
                }
            });
            self.length += now.len();
            if self.length >= MAX_HELD && self.length.is_multiple_of(STEP) {
                self.fate = match self.fate {
                    Fate::Open => self.judge(stream),
                    Fate::Error if self.length >= MAX_ERROR => Fate::Fail,
                    decided => decided,
                };
            }
            rest = later;
        }
    }

    fn judge(&self, stream: &ChatStream) -> Fate {
        let Self { contents, lines, head, .. } = self;
        if lines.is_error || contents.has_failed() {
            return Fate::Error;
        }
        if !lines.has_data {
            return match () {
                () if stream.content => Fate::Pass,
                () if lines.has_stray && !stream.chunked => Fate::Fail,
                () => Fate::Drop,
            };
        }
        let is_decided = self.length >= MAX_UNDECIDED;
        if (is_decided || !contents.is_object()) && failure::has_shape(head.text()) {
            return Fate::Error;
        }
        if !contents.is_object() || is_decided && !stream.chunked && !contents.claims() {
            return if stream.content || !stream.chunked { Fate::Fail } else { Fate::Drop };
        }
        if contents.is_only_usage() && contents.has_all_choices() && stream.drop_usage {
            return Fate::Drop;
        }
        if contents.has_choice() || is_decided { Fate::Pass } else { Fate::Open }
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
        let mut long = self.long.take().unwrap_or_else(|| {
            let mut long = Long::new(self.prefilter.runs);
            long.read(&held, self);
            long
        });
        long.read(bytes, self);
        self.hear(&mut long.contents);
        match long.fate {
            Fate::Pass => {
                out.append(chunk, held);
                out.keep(chunk, range);
                self.passes(&long);
            }
            Fate::Open => {
                held.extend_from_slice(bytes);
                if ends {
                    let verdict = self.long_ends(&mut long, now);
                    if self.apply(verdict, &held).is_some() {
                        out.append(chunk, held);
                    }
                    return;
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
            Fate::Open if is_whole => {
                let verdict = self.long_ends(&mut long, now);
                if self.apply(verdict, &held).is_none() {
                    held.clear();
                }
            }
            Fate::Error => self.fail_long(&long, now),
            Fate::Open | Fate::Drop | Fate::Fail => held.clear(),
            Fate::Pass if is_whole => self.end_decided(&mut long, b"", now),
            Fate::Pass => {}
        }
        if long.passes() || !held.is_empty() {
            held.extend_from_slice(b"\n\n");
        }
        held
    }

    /// Bytes of it go on: it is a chunk, and the caller's.
    fn passes(&mut self, long: &Long) {
        self.chunked = true;
        self.content |= long.contents.has_content();
        if !self.content {
            self.silent = MAX_SILENT + 1;
        }
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
        if long.lines.is_error {
            return Verdict::Fail(failure::in_stream(self.row, long.head.text(), now));
        }
        let is_text = !long.contents.is_whole();
        let verdict = self.take(&mut long.contents, long.head.text(), is_text, now);
        if matches!(verdict, Verdict::Forward) && !self.content {
            self.silent_bytes += long.length;
        }
        verdict
    }

    fn fail_long(&mut self, long: &Long, now: UnixSeconds) {
        let failure = long.contents.failure(self.row, long.head.text(), now).unwrap_or_else(|| {
            if long.lines.is_error {
                failure::in_stream(self.row, long.head.text(), now)
            } else {
                self.not_a_stream(long.head.text(), now)
            }
        });
        self.tally.merge(long.contents.tally(), self.most);
        self.fail(failure);
    }
}
