//! A Messages stream on its way through to a caller who speaks the same: what must be known of it, and nothing more.
//!
//! It is given whole frames and touches no byte of them. Behind the first content a frame that only adds to a block, as
//! nearly all do, is not parsed: what it adds is measured.

use super::fields::{filled, known};
use super::frame::{self, Said};
use super::stop;
use super::usage::Tally;
use crate::json::strings::Strings;
use crate::json::text::Text;
use crate::media::MEDIA_BYTES;
use crate::sse;
use crate::usage::Counted;
use bytes::Bytes;
use memchr::memmem::Finder;
use std::sync::LazyLock;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// What stands before that which a delta adds, nearly always. Inside a string a quote is escaped, so it is found nowhere
/// else. Made once: to prepare a search takes as long as to search a frame.
static PAYLOADS: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| {
    [Finder::new(br#""text":""#), Finder::new(br#""partial_json":""#), Finder::new(br#""thinking":""#)]
});

/// How a frame begins that only adds to a block, as Anthropic and those who relay its frames write it.
const DELTA: &[u8] = b"event: content_block_delta\ndata: {";

/// What is known of a stream so far.
#[derive(Debug)]
pub(crate) struct MessagesWatch {
    row: &'static VendorRow,
    begun: bool,
    content: bool,
    finished: bool,
    done: bool,
    tally: Tally,
    said_bytes: u64,
    /// Of reasoning that only its vendor can read.
    data_bytes: u64,
}

impl MessagesWatch {
    /// A stream from an upstream of `row`, of a model with this window in tokens, if that is known.
    pub(crate) fn new(row: &'static VendorRow, context_window: Option<u64>) -> Self {
        Self {
            row,
            begun: false,
            content: false,
            finished: false,
            done: false,
            tally: Tally::new(context_window),
            said_bytes: 0,
            data_bytes: 0,
        }
    }

    /// Whether there was content: text, reasoning, a call, any other block but an empty one, or why it stopped.
    pub(crate) fn content_seen(&self) -> bool {
        self.content
    }

    /// Whether an event of the API came: what follows it is the stream's.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether it was told why the answer stopped.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the last event came, `message_stop`.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// What the vendor has counted so far, as far as that can be true.
    pub(crate) fn usage(&self) -> Option<Counted> {
        self.tally.counted()
    }

    /// Roughly how many bytes of text, reasoning and calls came, for assuming a usage: escapes count as written, and
    /// reasoning that only its vendor can read as a constant at most.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.said_bytes + self.data_bytes.min(MEDIA_BYTES)
    }

    /// Whether `frame`, with its blank line, only adds to a block, behind content: then that is counted, and there is no
    /// more to it. The frames of which it says no, which may be of that kind too, are for [`Self::frame`].
    #[inline]
    pub(crate) fn only_adds(&mut self, frame: &[u8]) -> bool {
        if !self.content || self.done {
            return false;
        }
        let Some(data) = frame.strip_prefix(DELTA) else { return false };
        let Some((data, b"\n")) = memchr::memchr(b'\n', data).and_then(|end| data.split_at_checked(end + 1))
        else {
            return false;
        };
        // One that is torn says something that would be lost.
        if !data.ends_with(b"}\n") {
            return false;
        }
        self.said_bytes += measured(data);
        true
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// As [`super::MessagesDecoder::frame`], but for what is not parsed.
    pub(crate) fn frame(&mut self, frame: &sse::Event<'_>, now: UnixSeconds) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if self.content
            && frame.name == b"content_block_delta"
            && frame.error.is_none()
            && let Some(data) = &frame.data
            && data.trim_ascii_end().ends_with(b"}")
        {
            self.said_bytes += measured(data);
            return Ok(());
        }
        let Some(said) = frame::read(self.row, frame, self.begun, now)? else { return Ok(()) };
        self.begun = true;
        match said {
            Said::Start { message } => {
                let [usage, content] = known(message, &["usage", "content"]);
                self.tally.count(usage.unwrap_or_default());
                let content = content.and_then(|content| content.strip_prefix(b"[")).unwrap_or_default();
                self.content |= content.trim_ascii_start().starts_with(b"{");
            }
            Said::BlockStart { block } => self.block(block),
            Said::BlockDelta { delta } => {
                let said = measured(delta);
                self.said_bytes += said;
                self.content |= said > 0 || !matches!(frame::kind(delta), b"text_delta" | b"thinking_delta");
            }
            Said::BlockStop => {}
            Said::MessageDelta { delta, usage } => {
                self.tally.count(usage);
                let [reason] = known(delta, &["stop_reason"]);
                let reason = filled(reason).map(|reason| Text::read(Bytes::copy_from_slice(reason)));
                if reason.as_ref().is_some_and(stop::has_failed) {
                    return Err(stop::failed());
                }
                self.finished |= reason.is_some();
                self.content |= reason.is_some();
            }
            Said::Stop => self.done = true,
        }
        Ok(())
    }

    /// A block begins. What tools of the vendor's found is no output; that they were called is.
    fn block(&mut self, block: &[u8]) {
        let [said, thinking, signature, data, name] =
            known(block, &["text", "thinking", "signature", "data", "name"]);
        let length = |value: Option<&[u8]>| filled(value).map_or(0, |value| value.len() as u64 - 2);
        let (is_content, said) = match frame::kind(block) {
            b"text" => (length(said) > 0, length(said)),
            b"thinking" => (length(thinking) + length(signature) > 0, length(thinking)),
            b"redacted_thinking" => {
                self.data_bytes += length(data);
                (true, 0)
            }
            kind if kind.ends_with(b"tool_use") => (true, length(name)),
            _ => (true, 0),
        };
        self.content |= is_content;
        self.said_bytes += said;
    }
}

/// How many bytes a delta adds to its block, whatever it is: its data need not be valid.
fn measured(data: &[u8]) -> u64 {
    for payload in &*PAYLOADS {
        if let Some(rest) = payload.find(data).and_then(|at| data.get(at + payload.needle().len()..)) {
            return length(rest);
        }
    }
    spaced(data)
}

/// How long the string is that `rest` begins within.
fn length(rest: &[u8]) -> u64 {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', rest.get(at..).unwrap_or_default()) {
        at += found;
        if rest.get(at) == Some(&b'"') {
            return at as u64;
        }
        at += 2;
    }
    rest.len() as u64
}

/// The same of a delta that is written in some other way, or is of some other kind.
#[cold]
fn spaced(data: &[u8]) -> u64 {
    let mut is_payload = false;
    let mut bytes = 0;
    for string in Strings::of(data) {
        if string.is_key {
            is_payload = matches!(string.text, b"text" | b"thinking" | b"partial_json" | b"content");
        } else {
            bytes += if is_payload { string.text.len() as u64 } else { 0 };
            is_payload = false;
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
