//! Turns become messages: what a turn says at once, Chat says in several.

use crate::hub::{Chat, Part, Role, Source, Turn, Unsayable};
use crate::json::text::Text;
use std::borrow::Cow;

/// A message.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) role: &'static str,
    pub(super) name: Option<&'a Text>,
    pub(super) parts: Vec<Cow<'a, Part>>,
    /// Of an assistant's.
    pub(super) calls: Vec<&'a Part>,
    /// The call that a tool's message answers.
    pub(super) answers: Option<&'a Text>,
    /// It ends with a system's text, which stands in a user's message.
    is_inlined: bool,
}

impl<'a> Line<'a> {
    fn new(role: &'static str, name: Option<&'a Text>, parts: Vec<Cow<'a, Part>>) -> Self {
        Self { role, name, parts, calls: Vec::new(), answers: None, is_inlined: false }
    }
}

/// The messages of a request.
pub(super) fn lines(chat: &Chat, is_openai: bool) -> Result<Vec<Line<'_>>, Unsayable> {
    let mut lines = Lines { lines: Vec::with_capacity(chat.turns.len() + 4), is_openai };
    let is_user = |turn: &Turn| turn.role == Role::User;
    for run in chat.turns.chunk_by(|one, next| is_user(one) && is_user(next)) {
        match run {
            [turn] if matches!(turn.role, Role::System | Role::Developer) => lines.system(turn)?,
            [turn] if turn.role == Role::Assistant => lines.assistant(turn)?,
            users => lines.users(users)?,
        }
    }
    Ok(lines.lines)
}

struct Lines<'a> {
    lines: Vec<Line<'a>>,
    is_openai: bool,
}

impl<'a> Lines<'a> {
    fn system(&mut self, turn: &'a Turn) -> Result<(), Unsayable> {
        let mut parts = Vec::with_capacity(turn.parts.len());
        for (position, part) in turn.parts.iter().enumerate() {
            let Part::Text { text, .. } = part else {
                return Err(unsayable(turn, position, "a system message that is more than text"));
            };
            match without_billing(text).filter(|_| self.lines.is_empty() && position == 0) {
                Some(Some(rest)) => parts.push(Cow::Owned(plain(rest))),
                Some(None) => {}
                None => parts.push(Cow::Borrowed(part)),
            }
        }
        if parts.is_empty() && !turn.parts.is_empty() {
            return Ok(());
        }
        let name = turn.name.as_ref();
        if self.is_openai {
            let role = if turn.role == Role::Developer { "developer" } else { "system" };
            self.lines.push(Line::new(role, name, parts));
            return Ok(());
        }
        // Templates of other vendors' models mostly take one system message, at the beginning (case 14).
        let leads = self.lines.iter().all(|line| line.role == "system");
        match self.lines.last_mut().filter(|last| leads && last.name == name) {
            Some(last) => last.parts.append(&mut parts),
            None if leads => self.lines.push(Line::new("system", name, parts)),
            None => self.user(Line { is_inlined: true, ..Line::new("user", name, parts) }),
        }
        Ok(())
    }

    fn assistant(&mut self, turn: &'a Turn) -> Result<(), Unsayable> {
        let mut line = Line::new("assistant", turn.name.as_ref(), Vec::new());
        for (position, part) in turn.parts.iter().enumerate() {
            match part {
                Part::Text { .. } => line.parts.push(Cow::Borrowed(part)),
                // OpenAI's own field: elsewhere it is what was said.
                Part::Refusal { text } if !self.is_openai => line.parts.push(Cow::Owned(plain(text.clone()))),
                Part::Refusal { .. } => line.parts.push(Cow::Borrowed(part)),
                Part::Call { .. } => line.calls.push(part),
                // Its vendor alone can read it, and it never becomes text (case 33).
                Part::Thinking { .. } | Part::Redacted { .. } => {}
                _ => return Err(unsayable(turn, position, "an assistant's message that has more than text")),
            }
        }
        self.lines.push(line);
        Ok(())
    }

    /// Users' turns, one behind the other: first all results, right behind their calls, then what else is said (case 6).
    fn users(&mut self, turns: &'a [Turn]) -> Result<(), Unsayable> {
        let mut moved = Vec::new();
        for turn in turns {
            for (position, part) in turn.parts.iter().enumerate() {
                if let Part::Result { id, parts, is_error, .. } = part {
                    let mut line = Line::new("tool", None, Vec::new());
                    line.answers = Some(id);
                    let before = moved.len();
                    for (inner, part) in parts.iter().enumerate() {
                        result(turn, (position, inner), part, &mut line.parts, &mut moved)?;
                    }
                    if line.parts.is_empty() && moved.len() > before {
                        line.parts.push(Cow::Owned(plain(Text::new(ELSEWHERE))));
                    }
                    if *is_error {
                        mark_error(&mut line.parts);
                    }
                    self.lines.push(line);
                }
            }
        }
        for turn in turns {
            let is_result = |part: &Part| matches!(part, Part::Result { .. });
            let has_results = turn.parts.iter().any(is_result);
            let mut parts = std::mem::take(&mut moved);
            for (position, part) in turn.parts.iter().enumerate().filter(|(_, part)| !is_result(part)) {
                said(turn, &[position], part, &mut parts)?;
            }
            if !parts.is_empty() || !has_results {
                self.user(Line::new("user", turn.name.as_ref(), parts));
            }
        }
        Ok(())
    }

    /// Adds a user's message, or to the one before where a system's text is to stand in it.
    fn user(&mut self, mut line: Line<'a>) {
        let joins = |last: &&mut Line<'a>| {
            last.role == "user" && last.name == line.name && (last.is_inlined || line.is_inlined)
        };
        match self.lines.last_mut().filter(joins) {
            Some(last) => {
                last.parts.append(&mut line.parts);
                last.is_inlined = line.is_inlined;
            }
            None => self.lines.push(line),
        }
    }
}

/// What stands in place of a result that is a picture or a file: Chat has no place for these there (case 8).
const ELSEWHERE: &str = "The result is in the user message that follows.";

/// A part of a result: text stays, a picture or a file moves to the user's message.
fn result<'a>(
    turn: &Turn,
    (position, inner): (usize, usize),
    part: &'a Part,
    texts: &mut Vec<Cow<'a, Part>>,
    moved: &mut Vec<Cow<'a, Part>>,
) -> Result<(), Unsayable> {
    let is_text = matches!(part, Part::Text { .. } | Part::Document { source: Source::Text(_), .. });
    said(turn, &[position, inner], part, if is_text { texts } else { moved })
}

/// A part of a user's message.
fn said<'a>(
    turn: &Turn,
    place: &[usize],
    part: &'a Part,
    parts: &mut Vec<Cow<'a, Part>>,
) -> Result<(), Unsayable> {
    match part {
        Part::Document { source: Source::Text(text), name, .. } => {
            parts.extend(name.iter().map(|name| Cow::Owned(plain(name.clone()))));
            parts.push(Cow::Owned(plain(text.clone())));
        }
        Part::Document { source: Source::Url(_), .. } => {
            return Err(nowhere(turn, place, "a document by its URL. Send the document itself, in base64"));
        }
        Part::Text { .. }
        | Part::Audio { .. }
        | Part::Document { .. }
        | Part::Image { source: Source::Data { .. } | Source::Url(_), .. } => parts.push(Cow::Borrowed(part)),
        _ => return Err(nowhere(turn, place, "this part of a user's message")),
    }
    Ok(())
}

/// Chat has no field that says so: the text does (case 9).
fn mark_error(parts: &mut Vec<Cow<'_, Part>>) {
    const MARK: &str = "Error";
    let said = match parts.first().map(AsRef::as_ref) {
        Some(Part::Text { text, .. }) if text.inside().starts_with(MARK.as_bytes()) => return,
        Some(Part::Text { text, .. }) if !text.is_empty() => text.inside(),
        _ => {
            parts.insert(0, Cow::Owned(plain(Text::new(MARK))));
            return;
        }
    };
    let marked = [b"\"", MARK.as_bytes(), b": ", &said, b"\""].concat();
    if let Some(first) = parts.first_mut() {
        *first = Cow::Owned(plain(Text::read(marked.into())));
    }
}

/// The line that begins Claude Code's system prompt changes with every request, so that no prefix is ever cached: it is
/// for Anthropic alone (case 16). `None`: there is none; otherwise what is left without it.
fn without_billing(text: &Text) -> Option<Option<Text>> {
    if !text.inside().starts_with(b"x-anthropic-billing-header:") {
        return None;
    }
    let said = text.said();
    let rest = said.split_once('\n').map_or("", |(_, rest)| rest.trim_start_matches(['\r', '\n']));
    Some((!rest.trim().is_empty()).then(|| Text::new(rest)))
}

fn plain(text: Text) -> Part {
    Part::Text { text, cache: None }
}

fn unsayable(turn: &Turn, position: usize, what: &str) -> Unsayable {
    nowhere(turn, &[position], what)
}

/// The part at this place of a turn, and of a result's content in it, cannot be said.
fn nowhere(turn: &Turn, place: &[usize], what: &str) -> Unsayable {
    let mut param = turn.at.clone();
    place.iter().for_each(|position| param.push_str(&format!(".content.{position}")));
    Unsayable::new(
        param,
        format!("The API that serves this model, OpenAI's chat completions, does not take {what}."),
    )
}
