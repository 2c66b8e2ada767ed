//! What a chunk, or a whole answer, says: one walk over it. Only the first choice is read.

use super::calls::{Calls, Piece};
use super::finish;
use crate::hub::{Event, Finish};
use crate::json::cursor::{Cursor, Kind};
use crate::json::lenient::unescaped;
use crate::json::number;
use crate::json::text::Text;
use crate::openai::usage::Tally;
use crate::through::contents::Form;
use crate::usage::Counted;
use bytes::{Buf, Bytes};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::convert::Infallible;
use weir_config::Failure;

/// The number of a call that came as OpenAI's older `function_call`: there is one, and no other has this.
const LEGACY: u64 = u64::MAX;

/// What has been said so far.
pub(super) struct Reader {
    form: Form,
    /// So many tokens a side may have.
    most: u64,
    started: bool,
    finished: bool,
    /// The stop sequence that was told with one finish reason; a vendor that repeats the reason leaves it out.
    stop: Option<Text>,
    tier: Option<Text>,
    calls: Calls,
    tally: Tally,
    counted: Option<Counted>,
}

/// What stands around the choices, and the first of them.
#[derive(Default)]
struct Root<'a> {
    id: Option<Text>,
    model: Option<Text>,
    tier: Option<Text>,
    has_choice: bool,
    choices: SmallVec<[Choice<'a>; 1]>,
}

#[derive(Default)]
struct Choice<'a> {
    index: Option<u64>,
    said: Option<Cursor<'a>>,
    finish: Option<Text>,
    stop: Option<Text>,
}

/// A delta or a message, in the order in which it is told: reasoning comes first.
#[derive(Default)]
struct Said<'a> {
    reasoning_content: Option<Text>,
    reasoning: Option<Text>,
    details: Option<Cursor<'a>>,
    content: Option<Cursor<'a>>,
    refusal: Option<Text>,
    calls: Option<Cursor<'a>>,
    function: Option<Cursor<'a>>,
}

impl Reader {
    pub(super) fn new(form: Form, most: u64) -> Self {
        Self {
            form,
            most,
            started: false,
            finished: false,
            stop: None,
            tier: None,
            calls: Calls::default(),
            tally: Tally::default(),
            counted: None,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// A call has arguments and no name.
    pub(super) fn end(&self) -> Result<(), Failure> {
        self.calls.end()
    }

    /// Reads a chunk, which counts `tally`.
    pub(super) fn read(&mut self, chunk: &Bytes, tally: &Tally, out: &mut Vec<Event>) {
        self.tally.merge(tally, self.most);
        let counted = self.tally.counted();
        let chunk = without_mark(chunk);
        let root = self.root(&chunk);
        if root.has_choice || counted.is_some() {
            self.tell(root, out);
        }
        if let Some(counted) = counted.filter(|_| counted != self.counted) {
            self.counted = Some(counted);
            out.push(Event::Usage(counted));
        }
    }

    /// Reads a unary answer; whether it has a choice.
    pub(super) fn read_answer(&mut self, answer: &Bytes, out: &mut Vec<Event>) -> bool {
        let answer = without_mark(answer);
        let root = self.root(&answer);
        let has_choice = root.has_choice;
        self.tell(root, out);
        has_choice
    }

    fn root<'a>(&self, text: &'a Bytes) -> Root<'a> {
        let said = if self.form == Form::Chunk { "delta" } else { "message" };
        let mut root = Root::default();
        each_member(&mut Cursor::new(text), |key, value| match key {
            "id" => root.id = string(value),
            "model" => root.model = string(value),
            "service_tier" => root.tier = string(value),
            "choices" => each_item(value, |position, value| {
                root.has_choice = true;
                let choice = Choice::read(value, said);
                if choice.index.unwrap_or(position as u64) == 0 {
                    root.choices.push(choice);
                }
            }),
            _ => {}
        });
        root
    }

    fn tell(&mut self, root: Root<'_>, out: &mut Vec<Event>) {
        let Root { id, model, tier, choices, .. } = root;
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id, model });
        }
        if let Some(tier) = tier.filter(|tier| self.tier.as_ref() != Some(tier)) {
            self.tier = Some(tier.apart());
            out.push(Event::Tier(tier));
        }
        for choice in choices {
            if let Some(mut said) = choice.said {
                self.said(&mut said, out);
            }
            self.stop = choice.stop.map(|stop| stop.apart()).or(self.stop.take());
            if let Some(native) = choice.finish {
                self.finished = true;
                let (reason, stop_sequence) = (finish::reason(&native.said()), self.stop.clone());
                let (native, explanation) = (Some(native), None);
                out.push(Event::Finish(Finish { reason, native, stop_sequence, explanation }));
            }
        }
    }

    fn said(&mut self, said: &mut Cursor<'_>, out: &mut Vec<Event>) {
        let Said { reasoning_content, reasoning, details, content, refusal, calls, function } =
            Said::read(said);
        // Several servers have both, with the same text.
        match (reasoning_content.or(reasoning), details) {
            (Some(text), _) => out.push(Event::Thinking(text)),
            (None, Some(details)) => reasoned(details, out),
            (None, None) => {}
        }
        if let Some(content) = content {
            parts(content, out);
        }
        out.extend(refusal.map(Event::Refusal));
        self.calls.next_delta();
        if let Some(mut calls) = calls {
            each_item(&mut calls, |_, call| self.call(piece(call), out));
        }
        if let Some(mut function) = function {
            let mut piece = Piece { index: Some(LEGACY), ..Piece::default() };
            function_of(&mut function, &mut piece);
            self.call(piece, out);
        }
    }

    fn call(&mut self, piece: Piece, out: &mut Vec<Event>) {
        match self.form {
            Form::Chunk => self.calls.piece(piece, out),
            Form::Answer => self.calls.whole(piece, out),
        }
    }
}

impl<'a> Choice<'a> {
    /// `said` is the key of what it says.
    fn read(value: &mut Cursor<'a>, said: &str) -> Self {
        let mut choice = Self::default();
        each_member(value, |key, value| match key {
            "index" => choice.index = number::whole(value.value()),
            "finish_reason" => choice.finish = string(value),
            // vLLM's and SGLang's: the stop sequence that came, or the number of a token.
            "stop_reason" | "matched_stop" => {
                let stop = string(value).filter(|stop| !finish::is_reason(&stop.said()));
                choice.stop = choice.stop.take().or(stop);
            }
            key if key == said => choice.said = Some(value.clone()),
            _ => {}
        });
        choice
    }
}

impl<'a> Said<'a> {
    fn read(value: &mut Cursor<'a>) -> Self {
        let mut said = Self::default();
        each_member(value, |key, value| match key {
            "reasoning_content" => said.reasoning_content = string(value),
            "reasoning" => said.reasoning = string(value),
            "reasoning_details" => said.details = Some(value.clone()),
            "content" => said.content = Some(value.clone()),
            "refusal" => said.refusal = string(value),
            "tool_calls" => said.calls = Some(value.clone()),
            "function_call" => said.function = Some(value.clone()),
            _ => {}
        });
        said
    }
}

/// A content: a string, or parts (Mistral's, where the model reasons).
fn parts(mut content: Cursor<'_>, out: &mut Vec<Event>) {
    match content.kind() {
        Kind::String => out.extend(string(&mut content).map(Event::Text)),
        Kind::Array => each_item(&mut content, |_, part| match part.kind() {
            Kind::String => out.extend(string(part).map(Event::Text)),
            _ => self::part(part, out),
        }),
        _ => part(&mut content, out),
    }
}

fn part(part: &mut Cursor<'_>, out: &mut Vec<Event>) {
    let (mut is_reasoning, mut text, mut thinking, mut refusal) = (false, None, None, None);
    each_member(part, |key, value| match key {
        "type" => is_reasoning = matches!(value.value(), br#""thinking""# | br#""reasoning""#),
        "text" => text = string(value),
        "thinking" => thinking = Some(value.clone()),
        "refusal" => refusal = string(value),
        _ => {}
    });
    if let Some(thinking) = thinking {
        let mut said = Vec::new();
        parts(thinking, &mut said);
        out.extend(said.into_iter().map(|event| match event {
            Event::Text(text) => Event::Thinking(text),
            other => other,
        }));
    }
    out.extend(text.map(if is_reasoning { Event::Thinking } else { Event::Text }));
    out.extend(refusal.map(Event::Refusal));
}

/// OpenRouter's `reasoning_details`, of those vendors who have no other word for reasoning: its texts and summaries.
fn reasoned(mut details: Cursor<'_>, out: &mut Vec<Event>) {
    each_item(&mut details, |_, detail| {
        each_member(detail, |key, value| {
            if matches!(key, "text" | "summary") {
                out.extend(string(value).map(Event::Thinking));
            }
        });
    });
}

/// A member of `tool_calls`.
fn piece(call: &mut Cursor<'_>) -> Piece {
    let mut piece = Piece::default();
    each_member(call, |key, value| match key {
        "index" => piece.index = number::whole(value.value()),
        "id" => piece.id = string(value),
        "function" => function_of(value, &mut piece),
        _ => {}
    });
    piece
}

fn function_of(function: &mut Cursor<'_>, piece: &mut Piece) {
    each_member(function, |key, value| match key {
        "name" => piece.name = string(value),
        "arguments" => {
            piece.arguments = match value.kind() {
                Kind::String => string(value),
                Kind::Null => None,
                // Some servers forget to make a string of it.
                _ => Some(Text::new(&String::from_utf8_lossy(value.value()))),
            }
        }
        _ => {}
    });
}

/// The next value, if it is a string with something in it.
fn string(value: &mut Cursor<'_>) -> Option<Text> {
    (value.kind() == Kind::String).then(|| text(value.shared())).filter(|text| !text.is_empty())
}

/// A string of an answer, which is read as leniently as SDKs read it: what is no escape is put right.
fn text(raw: Bytes) -> Text {
    if escapes_are_valid(&raw) {
        return Text::read(raw);
    }
    let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    Text::new(&unescaped(&String::from_utf8_lossy(inside)))
}

fn escapes_are_valid(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let escape = rest.get(at + 1..).unwrap_or_default();
        let length = match escape {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => 5,
            _ => return false,
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    true
}

/// Without a byte order mark, which the walk does not know.
fn without_mark(text: &Bytes) -> Bytes {
    const MARK: &[u8] = "\u{FEFF}".as_bytes();
    let mut text = text.clone();
    if text.starts_with(MARK) {
        text.advance(MARK.len());
    }
    text
}

fn each_member<'a>(object: &mut Cursor<'a>, mut each: impl FnMut(&str, &mut Cursor<'a>)) {
    let Ok(()) = object.members(|key: Cow<'a, str>, value| {
        each(&key, value);
        Ok::<_, Infallible>(())
    });
}

fn each_item<'a>(array: &mut Cursor<'a>, mut each: impl FnMut(usize, &mut Cursor<'a>)) {
    let Ok(()) = array.items(|position, value| {
        each(position, value);
        Ok::<_, Infallible>(())
    });
}
