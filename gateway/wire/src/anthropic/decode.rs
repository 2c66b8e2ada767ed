//! Messages answers as the events that all dialects share, of a stream as they come and of a whole one all at once.
//!
//! What is there for the caller's API alone is passed over: blocks of tools that run at the vendor (nobody who does not
//! speak Messages can ask for one), citations, and what a compaction leaves of a conversation.

mod block;

use super::fields::{fields, known, text};
use super::frame::{self, Said};
use super::stop;
use super::usage::Tally;
use crate::failure;
use crate::hub::Event;
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::Text;
use crate::sse;
use crate::usage::Counted;
use block::Open;
use bytes::Bytes;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// The fields of a message that are read.
const KEYS: [&str; 9] =
    ["type", "id", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage", "error"];

/// Reads one stream.
#[derive(Debug)]
pub(crate) struct MessagesDecoder {
    row: &'static VendorRow,
    begun: bool,
    finished: bool,
    done: bool,
    tally: Tally,
    /// What of it was said.
    counted: Option<Counted>,
    tier: Option<Text>,
    /// The block that is open.
    open: Option<Open>,
    /// So many calls have begun.
    calls: u32,
}

/// Reads a body that is one message, of a model with this window in tokens, if that is known.
///
/// # Errors
/// The failure that it tells of; or it is no message.
pub(crate) fn whole(
    row: &'static VendorRow,
    context_window: Option<u64>,
    body: &Bytes,
    now: UnixSeconds,
    out: &mut Vec<Event>,
) -> Result<(), Failure> {
    let none = |why: &str| failure::inside(row, body, now).unwrap_or_else(|| frame::because(why));
    let body = without_mark(body);
    let read = fields(&body, &KEYS);
    let [kind, _, _, content, .., error] = read.ok_or_else(|| none("it is not one whole JSON object"))?;
    if kind == Some(br#""error""#) || error.is_some_and(failure::is_error) {
        return Err(failure::in_stream(row, &body, now));
    }
    if !content.is_some_and(|content| content.starts_with(b"[")) {
        return Err(none("it has no content"));
    }
    MessagesDecoder::new(row, context_window).message(&body, out)
}

/// `body` without a byte order mark, which no reader of JSON minds.
fn without_mark(body: &Bytes) -> Bytes {
    const MARK: &[u8] = "\u{FEFF}".as_bytes();
    body.slice(if body.starts_with(MARK) { MARK.len() } else { 0 }..)
}

impl MessagesDecoder {
    /// A stream from an upstream of `row`, of a model with this window in tokens, if that is known.
    pub(crate) fn new(row: &'static VendorRow, context_window: Option<u64>) -> Self {
        Self {
            row,
            begun: false,
            finished: false,
            done: false,
            tally: Tally::new(context_window),
            counted: None,
            tier: None,
            open: None,
            calls: 0,
        }
    }

    /// Whether a stream's last event came, `message_stop`.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether it was told why the answer stopped.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes the next frame of a stream. Nothing is said of what comes behind the last event.
    ///
    /// # Errors
    /// The failure that it tells of; or it is no event of the API. Nothing is to be read behind it.
    pub(crate) fn frame(
        &mut self,
        frame: &sse::Event<'_>,
        now: UnixSeconds,
        out: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        let Some(said) = frame::read(self.row, frame, self.begun, now)? else { return Ok(()) };
        if let Said::Start { message } = said {
            return self.message(&Bytes::copy_from_slice(message), out);
        }
        self.begin(None, None, out);
        match said {
            Said::Start { .. } => {}
            Said::BlockStart { block } => self.block(&Bytes::copy_from_slice(block), out)?,
            Said::BlockDelta { delta } => self.open.get_or_insert_default().delta(delta, out)?,
            Said::BlockStop => self.end_block(out),
            Said::MessageDelta { delta, usage } => {
                let delta = Bytes::copy_from_slice(delta);
                self.finish(&delta, known(&delta, &["stop_reason", "stop_sequence", "stop_details"]), out)?;
                self.count(usage, out);
            }
            Said::Stop => {
                self.end_block(out);
                self.done = true;
            }
        }
        Ok(())
    }

    /// A message: all of it, or its beginning.
    fn message(&mut self, message: &Bytes, out: &mut Vec<Event>) -> Result<(), Failure> {
        let [_, id, model, content, reason, sequence, details, usage, _] = known(message, &KEYS);
        self.begin(text(message, id), text(message, model), out);
        self.count(usage.unwrap_or_default(), out);
        if let Some(content) = content {
            Cursor::new(&message.slice_ref(content)).items(|_, block| {
                if block.kind() == Kind::Object {
                    self.block(&block.shared(), out)?;
                    self.end_block(out);
                }
                Ok(())
            })?;
        }
        self.finish(message, [reason, sequence, details], out)
    }

    fn begin(&mut self, id: Option<Text>, model: Option<Text>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.begun, true) {
            out.push(Event::Start { id, model });
        }
    }

    /// A block begins; the one before it has ended, whether that was said or not.
    fn block(&mut self, block: &Bytes, out: &mut Vec<Event>) -> Result<(), Failure> {
        self.end_block(out);
        self.open = Some(Open::begin(block, &mut self.calls, out)?);
        Ok(())
    }

    fn end_block(&mut self, out: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            open.end(out);
        }
    }

    fn finish(
        &mut self,
        whole: &Bytes,
        fields: [Option<&[u8]>; 3],
        out: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        if let Some(finish) = stop::finish(whole, fields)? {
            self.end_block(out);
            self.finished = true;
            out.push(Event::Finish(finish));
        }
        Ok(())
    }

    /// Says what the next `usage` adds to what is known.
    fn count(&mut self, usage: &[u8], out: &mut Vec<Event>) {
        self.tally.count(usage);
        let counted = self.tally.counted();
        if let Some(counted) = counted.filter(|_| counted != self.counted) {
            self.counted = Some(counted);
            out.push(Event::Usage(counted));
        }
        if let Some(tier) = self.tally.tier().filter(|tier| Some(*tier) != self.tier.as_ref()) {
            self.tier = Some(tier.clone());
            out.push(Event::Tier(tier.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
