//! One frame of a Messages stream: which event it is, or what is wrong with it.

use super::fields::{fields, known};
use crate::failure;
use crate::sse::Event;
use weir_config::{Failure, FailureClass, UnixSeconds, VendorRow};

/// The fields of an event's data that are read.
const KEYS: [&str; 6] = ["type", "message", "content_block", "delta", "usage", "error"];

/// What an event says. Which block it is of is not read: one is open at a time, and some imitators count them wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// `message_start`: the message so far.
    Start { message: &'a [u8] },
    /// `content_block_start`: the block so far.
    BlockStart { block: &'a [u8] },
    /// `content_block_delta`: what is added to the block.
    BlockDelta { delta: &'a [u8] },
    /// `content_block_stop`.
    BlockStop,
    /// `message_delta`: why it stopped, and the counts.
    MessageDelta { delta: &'a [u8], usage: &'a [u8] },
    /// `message_stop`.
    Stop,
}

/// Reads a frame; `None`: a ping, a comment, or an event that nobody knows, none of which says anything. `begun`: an
/// event came before it.
///
/// # Errors
/// The failure that it tells of, also without the name of one; or it is no event, and what is sent is no such stream.
pub(super) fn read<'a>(
    row: &VendorRow,
    frame: &'a Event<'_>,
    begun: bool,
    now: UnixSeconds,
) -> Result<Option<Said<'a>>, Failure> {
    if let Some(error) = frame.error {
        return Err(failure::in_stream(row, error, now));
    }
    let Some(data) = frame.data.as_deref().map(<[u8]>::trim_ascii) else {
        let stray = frame.stray.filter(|_| !begun);
        return stray.map_or(Ok(None), |line| Err(garbled(row, line, now)));
    };
    if frame.name == b"error" {
        return Err(failure::in_stream(row, data, now));
    }
    if !data.starts_with(b"{") {
        return if is_keep_alive(data) { Ok(None) } else { Err(garbled(row, data, now)) };
    }
    let Some([kind, message, block, delta, usage, error]) = fields(data, &KEYS) else {
        return Err(garbled(row, data, now));
    };
    if kind == Some(br#""error""#) || error.is_some_and(failure::is_error) {
        return Err(failure::in_stream(row, data, now));
    }
    let unquoted = |kind: &'a [u8]| kind.strip_prefix(b"\"")?.strip_suffix(b"\"");
    let named = kind.and_then(unquoted).unwrap_or(frame.name);
    let [message, block, delta, usage] =
        [message, block, delta, usage].map(|value| value.unwrap_or_default());
    Ok(Some(match named {
        b"message_start" => Said::Start { message },
        b"content_block_start" => Said::BlockStart { block },
        b"content_block_delta" => Said::BlockDelta { delta },
        b"content_block_stop" => Said::BlockStop,
        b"message_delta" => Said::MessageDelta { delta, usage },
        b"message_stop" => Said::Stop,
        b"" if !begun => return Err(garbled(row, data, now)),
        b"" => return failure::inside(row, data, now).map_or(Ok(None), Err),
        _ => return Ok(None),
    }))
}

/// What is no answer, or no part of one: the error that it tells of in whatever form, or that it is none.
pub(super) fn garbled(row: &VendorRow, bytes: &[u8], now: UnixSeconds) -> Failure {
    let garbled = || because("it is no stream of its events");
    failure::inside(row, bytes, now).unwrap_or_else(garbled)
}

/// It is no answer, because of this.
pub(super) fn because(why: &str) -> Failure {
    let words = format!("The answer is not one of Anthropic's Messages API: {why}.");
    Failure { status: Some(200), ..Failure::new(FailureClass::Garbled, words) }
}

/// What is no object and stands for nothing: the end that OpenRouter sends behind the last event, what keeps connections
/// alive.
fn is_keep_alive(data: &[u8]) -> bool {
    let word = data.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).unwrap_or(data);
    data.is_empty()
        || data.starts_with(b":")
        || [b"done".as_slice(), b"ping", b"null"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The type of a block or a delta, without its quotes.
pub(super) fn kind(of: &[u8]) -> &[u8] {
    let [kind] = known(of, &["type"]);
    kind.and_then(|kind| kind.strip_prefix(b"\"")?.strip_suffix(b"\"")).unwrap_or_default()
}
