//! What becomes of a frame that is at hand whole.

use super::super::contents::{Contents, Form};
use super::ChatStream;
use crate::failure;
use crate::sse::Event;
use weir_config::{Failure, FailureClass, UnixSeconds, VendorRow};

/// So much of what is no chunk comes before the first one, comments not counted.
pub(crate) const MAX_FOREIGN: usize = 64 << 10;
/// So many bytes of comments go on before the first content. The rest is nobody's loss.
const MAX_COMMENTS: usize = 64 << 10;

/// What becomes of a frame.
pub(super) enum Verdict {
    Forward,
    Drop,
    /// It is forwarded, and nothing after it.
    Done,
    Fail(Failure),
}

/// The data of the event that ends a stream.
pub(crate) const DONE: &[u8] = b"[DONE]";

impl ChatStream {
    pub(super) fn frame(&mut self, frame: &[u8], now: UnixSeconds) -> Verdict {
        if self.after_cr && frame == b"\n" {
            return if self.dropped { Verdict::Drop } else { Verdict::Forward };
        }
        let verdict = match frame.strip_prefix(b"data:") {
            Some(data) if self.cutter.lines() == 1 => self.data(data.trim_ascii(), b"", now),
            _ => self.event(Event::of(frame), frame, now),
        };
        if matches!(verdict, Verdict::Forward) && !self.content && self.chunked {
            self.silent_bytes += without_blank_line(frame).len();
        }
        verdict
    }

    pub(super) fn event(&mut self, event: Event<'_>, frame: &[u8], now: UnixSeconds) -> Verdict {
        if let Some(error) = event.error {
            return Verdict::Fail(failure::in_stream(self.row, error, now));
        }
        match &event.data {
            Some(data) if event.name == b"error" => Verdict::Fail(failure::in_stream(self.row, data, now)),
            Some(data) => self.data(data.trim_ascii(), event.name, now),
            None if event.stray.is_some() && !self.chunked => self.foreign(frame, now),
            None if event.has_fields => Verdict::Drop,
            None => self.comment(without_blank_line(frame).len()),
        }
    }

    fn data(&mut self, data: &[u8], name: &[u8], now: UnixSeconds) -> Verdict {
        if self.is_done(data) {
            // What came last was no chunk and had something to say, and nothing has finished: no end of an answer.
            let broke = self.complaint.take().filter(|_| !self.choices.any_finished());
            return broke.map_or(Verdict::Done, |failure| Verdict::Fail(*failure));
        }
        if data.is_empty() {
            return Verdict::Drop; // SDKs read it as JSON
        }
        if self.content
            && let Some(text) = self.prefilter.text(data)
        {
            self.text_bytes += text.heard.bytes;
            self.data_bytes += text.heard.data;
            text.index.into_iter().for_each(|index| self.choices.see(index));
            self.complaint = None;
            return Verdict::Forward;
        }
        let mut contents = Contents::following(self.prefilter.runs);
        contents.feed(data);
        let is_text = name.is_empty() && !contents.is_whole() && !is_scalar(data) && !is_keep_alive(data);
        self.take(&mut contents, data, is_text, now)
    }

    /// Whether `data` ends the stream. In other letters it does so only where nothing else can be to come: SDKs know no
    /// such word.
    fn is_done(&self, data: &[u8]) -> bool {
        data == DONE || data.eq_ignore_ascii_case(DONE) && self.is_finished()
    }

    /// What an event says. `is_text`: it is none of what an event may be.
    pub(super) fn take(
        &mut self,
        contents: &mut Contents,
        data: &[u8],
        is_text: bool,
        now: UnixSeconds,
    ) -> Verdict {
        self.hear(contents);
        self.tally.merge(contents.tally(), self.most);
        if let Some(failure) = contents.failure(self.row, data, now) {
            return Verdict::Fail(failure);
        }
        if !contents.is_whole() || !contents.claims() {
            // A chunk that is torn says something that would be lost: nobody could tell that there was more.
            let is_lost = is_text && (self.content || data.starts_with(b"{"));
            return if is_lost { self.garbage(data, now) } else { self.foreign(data, now) };
        }
        self.chunked = true;
        self.complaint = None;
        self.content |= contents.has_content();
        self.silent += u32::from(!self.content);
        self.choices.merge(contents.choices());
        // Azure's first chunk has no choice either; behind the finish nobody misses one that was not asked for.
        let is_extra = contents.is_only_usage() || contents.has_usage_alone() && self.choices.any_finished();
        if is_extra && self.drop_usage { Verdict::Drop } else { Verdict::Forward }
    }

    /// A frame that carries nothing, and of which SDKs make nothing.
    pub(super) fn comment(&mut self, length: usize) -> Verdict {
        if self.content {
            return Verdict::Forward;
        }
        self.comments += length.max(1);
        if self.comments > MAX_COMMENTS { Verdict::Drop } else { Verdict::Forward }
    }

    /// What is neither chunk nor end: an error without its key, a keep-alive of another dialect, or the beginning of
    /// what is no chat stream at all.
    pub(super) fn foreign(&mut self, bytes: &[u8], now: UnixSeconds) -> Verdict {
        if let Some(failure) = failure::inside(self.row, bytes, now) {
            return Verdict::Fail(failure);
        }
        if self.content {
            self.complaint = failure::complaint(self.row, bytes, now).map(Box::new).or(self.complaint.take());
        }
        self.foreign += without_blank_line(bytes).len().max(1);
        if !self.chunked && self.foreign > MAX_FOREIGN {
            return self.garbage(bytes, now);
        }
        Verdict::Drop
    }

    /// What no SDK reads, where nothing but chunks may stand.
    pub(super) fn garbage(&self, bytes: &[u8], now: UnixSeconds) -> Verdict {
        Verdict::Fail(not_a_stream(self.row, bytes, now))
    }
}

/// Bytes that are no chat stream: an error body that lacks its status, or anything.
pub(crate) fn not_a_stream(row: &VendorRow, bytes: &[u8], now: UnixSeconds) -> Failure {
    failure::inside(row, bytes, now).unwrap_or_else(|| Failure {
        status: Some(200),
        ..Failure::new(FailureClass::Garbled, "The answer is not a stream of chat completion chunks.")
    })
}

/// A frame without the line ends at its end.
pub(super) fn without_blank_line(frame: &[u8]) -> &[u8] {
    let end = frame.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    frame.get(..end).unwrap_or_default()
}

/// Whether it is JSON of some other kind: `null` keeps connections alive.
pub(crate) fn is_scalar(data: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

/// What servers put where JSON should stand in order to keep a connection alive, also as `[PING]`.
const KEEP_ALIVES: [&[u8]; 5] = [b"ping", b"heartbeat", b"keepalive", b"keep-alive", b"keep_alive"];

/// Whether it is one of those, or a comment that came as data: Vertex and some frameworks send `data: : keepalive`.
pub(crate) fn is_keep_alive(data: &[u8]) -> bool {
    let word = data.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).unwrap_or(data);
    data.starts_with(b":") || KEEP_ALIVES.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether it may become one of those.
fn begins_keep_alive(data: &[u8]) -> bool {
    let word = data.strip_prefix(b"[").unwrap_or(data);
    KEEP_ALIVES.iter().any(|known| begins(known, word))
}

/// Whether `known` begins with `word`, in whatever letters.
fn begins(known: &[u8], word: &[u8]) -> bool {
    known.get(..word.len()).is_some_and(|known| word.eq_ignore_ascii_case(known))
}

/// Whether a frame that the stream's end found open was cut off, so that there is more to it than we have.
pub(super) fn is_cut(event: &Event<'_>) -> bool {
    const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
    let Some(data) = event.data.as_deref().map(<[u8]>::trim_ascii) else {
        return event.stray.is_some_and(|line| FIELDS.iter().any(|field| field.starts_with(line)));
    };
    let object = data.starts_with(b"{") && !Contents::of(Form::Chunk, data).is_whole();
    let word = data.len() < DONE.len() && begins(DONE, data) || begins_keep_alive(data);
    object || word || data.is_empty()
}
