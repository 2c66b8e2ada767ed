//! One message of a request.

use super::parts::{content, mark, marked};
use super::thoughts::Thoughts;
use super::wrong::{Wrong, array, flag, members, needed, object, text};
use crate::hub::{Arguments, Part};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};
use bytes::Bytes;

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// A message as it was written.
pub(super) struct Message {
    pub(super) speaker: Speaker,
    /// Reasoning, then content, then calls.
    pub(super) parts: Vec<Part>,
    pub(super) name: Option<Text>,
    /// The call that a tool's message answers, and how.
    pub(super) answer: Option<Answer>,
}

/// What a tool's message is.
pub(super) struct Answer {
    pub(super) id: Text,
    pub(super) is_error: bool,
    pub(super) cache: Option<Json>,
}

/// Its members, in whatever order they come: what they may be depends on `role`.
#[derive(Default)]
struct Members {
    role: Option<Text>,
    content: Option<Vec<Part>>,
    name: Option<Text>,
    calls: Vec<Part>,
    refusal: Option<Text>,
    thoughts: Thoughts,
    id: Option<Text>,
    is_error: bool,
    cache: Option<Json>,
}

/// Reads a message. `unread` is told of each member that is not read.
pub(super) fn message(
    value: &mut Cursor<'_>,
    unread: &mut impl FnMut(&str, &mut Cursor<'_>),
) -> Result<Message, Wrong> {
    let mut found = Members::default();
    members(value, |key, value| found.member(key, value, unread))?;
    found.message()
}

impl Members {
    fn member(
        &mut self,
        key: &str,
        value: &mut Cursor<'_>,
        unread: &mut impl FnMut(&str, &mut Cursor<'_>),
    ) -> Result<(), Wrong> {
        match key {
            "role" => self.role = text(key, value)?,
            "content" => {
                let is_null = value.kind() == Kind::Null;
                let parts = content(value).map_err(|wrong| wrong.under(key))?;
                self.content = (!is_null).then_some(parts);
            }
            "name" => self.name = text(key, value)?,
            "tool_calls" => {
                self.calls.clear();
                array(key, value, |_, value| {
                    self.calls.push(call(value)?);
                    Ok(())
                })?;
            }
            "tool_call_id" => self.id = text(key, value)?,
            "refusal" => self.refusal = text(key, value)?,
            // Anthropic's field: Chat has none, some callers send it all the same.
            "is_error" => self.is_error = flag(key, value)?.unwrap_or_default(),
            "cache_control" => self.cache = marked(value),
            _ if value.kind() == Kind::Null => {}
            "function_call" => {
                return Err(Wrong::new("is no longer taken. Send the call in `tool_calls`.").under(key));
            }
            "audio" => {
                return Err(Wrong::new(
                    "names an answer that lies at one vendor; this model is served by another. Send its transcript as `content`.",
                )
                .under(key));
            }
            // What vendors add to answers and callers send back. Source: OpenAI's API description.
            "annotations" => {}
            _ if self.thoughts.member(key, value)? => {}
            _ => unread(key, value),
        }
        Ok(())
    }

    fn message(mut self) -> Result<Message, Wrong> {
        let speaker = speaker(self.role.as_ref())?;
        let mut parts = match (speaker, self.content) {
            (Speaker::Assistant | Speaker::Tool, content) => content.unwrap_or_default(),
            (_, content) => needed("content", content)?,
        };
        allowed(speaker, &parts)?;
        let is_empty =
            |part: &Part| matches!(part, Part::Text { text, cache } if text.is_empty() && cache.is_none());
        parts.retain(|part| !is_empty(part));
        let mut answer = None;
        if speaker == Speaker::Assistant {
            let thoughts = self.thoughts.parts();
            if !thoughts.is_empty() {
                parts.splice(0..0, thoughts);
            }
            parts.extend(self.refusal.map(|text| Part::Refusal { text }));
            parts.append(&mut self.calls);
        } else if !self.calls.is_empty() {
            return Err(Wrong::new("may stand in an assistant's message only.").under("tool_calls"));
        }
        if speaker == Speaker::Tool {
            let id = needed("tool_call_id", self.id)?;
            answer = Some(Answer { id, is_error: self.is_error, cache: self.cache });
        } else if let Some(last) = parts.last_mut() {
            mark(last, self.cache);
        }
        Ok(Message { speaker, parts, name: self.name, answer })
    }
}

fn speaker(role: Option<&Text>) -> Result<Speaker, Wrong> {
    const KEY: &str = "role";
    match &*needed(KEY, role)?.said() {
        "system" => Ok(Speaker::System),
        "developer" => Ok(Speaker::Developer),
        "user" => Ok(Speaker::User),
        "assistant" => Ok(Speaker::Assistant),
        "tool" => Ok(Speaker::Tool),
        "function" => Err(Wrong::new(
            "is `function`, which is no longer taken. Send the result as `tool`, with the call's `tool_call_id`.",
        )
        .under(KEY)),
        _ => {
            Err(Wrong::new("must be `system`, `developer`, `user`, `assistant` or `tool`.").under(KEY))
        }
    }
}

/// Whether a speaker may say these. A tool may show pictures: OpenAI takes none there, others do.
fn allowed(speaker: Speaker, parts: &[Part]) -> Result<(), Wrong> {
    let is_allowed = |part: &Part| {
        matches!(
            (speaker, part),
            (_, Part::Text { .. })
                | (Speaker::Assistant, Part::Refusal { .. } | Part::Thinking { .. } | Part::Redacted { .. })
                | (Speaker::User, Part::Image { .. } | Part::Document { .. } | Part::Audio { .. })
                | (Speaker::Tool, Part::Image { .. } | Part::Document { .. })
        )
    };
    match parts.iter().position(|part| !is_allowed(part)) {
        Some(position) => Err(Wrong::new("is of a type that a message of this `role` cannot have.")
            .under(position)
            .under("content")),
        None => Ok(()),
    }
}

/// An assistant's call of a tool.
fn call(value: &mut Cursor<'_>) -> Result<Part, Wrong> {
    let (mut id, mut name, mut kind, mut cache) = (None, None, None, None);
    let mut arguments = nothing();
    members(value, |key, value| {
        match key {
            "id" => id = text(key, value)?,
            "type" => kind = text(key, value)?,
            "cache_control" => cache = marked(value),
            "function" => object(key, value, |key, value| {
                match key {
                    "name" => name = text(key, value)?,
                    "arguments" => arguments = self::arguments(key, value)?,
                    _ => {}
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if kind.is_some_and(|kind| kind.said() != "function") {
        let why = "must be `function`: custom tools are OpenAI's alone, and this model is served by another.";
        return Err(Wrong::new(why).under("type"));
    }
    let name = needed("function.name", name.filter(|name| !name.is_empty()))?;
    Ok(Part::Call { id: needed("id", id)?, name, arguments, cache })
}

/// What a tool is called with where nothing is said.
fn nothing() -> Arguments {
    Arguments::Json(Json::read(Bytes::from_static(b"{}")))
}

/// A string, or the object itself, as some servers write it; nothing is an empty object (case 4).
fn arguments(key: &str, value: &mut Cursor<'_>) -> Result<Arguments, Wrong> {
    match value.kind() {
        Kind::String => Ok(Arguments::Text(Text::read(value.shared()))),
        Kind::Object => Ok(Arguments::Json(Json::read(value.shared()))),
        Kind::Null => Ok(nothing()),
        other => Err(Wrong::kind(key, "a string", other)),
    }
}
