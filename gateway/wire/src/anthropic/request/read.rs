//! A request as a [`Chat`], for accounts that speak another API.

mod blocks;
mod fields;
mod settings;
mod tools;

use self::fields::{At, Object};
use crate::anthropic::request::pairs;
use crate::asked::BadRequest;
use crate::hub::{Chat, Other, Part, Role, Turn};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::Json;
use blocks::Within;
use bytes::Bytes;
use std::collections::HashSet;

/// What is read so far.
#[derive(Default)]
struct Reader {
    chat: Chat,
    system: Vec<Part>,
    /// The names of the fields that only some APIs have.
    names: HashSet<String>,
}

/// Reads a request, a body that is known to be JSON ([`facts`](super::facts)).
///
/// # Errors
/// If it has something that no other API can be asked for, or that Anthropic would refuse: the message names where it
/// stands, as Anthropic's do.
pub(crate) fn read(body: &Bytes) -> Result<Chat, BadRequest> {
    let mut reader = Reader::default();
    Cursor::new(body).members(|key, value| match value.kind() {
        Kind::Null => Ok(()),
        _ => reader.field(&key, value),
    })?;
    if !reader.system.is_empty() {
        let turn = Turn { role: Role::System, parts: reader.system, name: None, at: "system".to_owned() };
        reader.chat.turns.insert(0, turn);
    }
    match pairs::orphan(&reader.chat.turns) {
        Some(orphan) => Err(BadRequest::field("messages", format!("`{}`: {}.", orphan.at, orphan.message))),
        None => Ok(reader.chat),
    }
}

impl Reader {
    fn field(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        match key {
            "model" => Ok(()), // read in place
            "system" => self.system(value),
            "messages" => self.messages(value),
            "tools" => self.tools(value),
            "tool_choice" => self.choice(value),
            "thinking" => self.thinking(value),
            "output_config" => self.output(value),
            "output_format" => self.format(value, &At::Top("output_format")),
            "metadata" => self.metadata(value),
            "stop_sequences" => self.stop(value),
            "max_tokens" => {
                self.chat.max_tokens = Some(At::Top("max_tokens").whole(value)?);
                Ok(())
            }
            "stream" => {
                self.chat.stream = At::Top("stream").boolean(value)?;
                Ok(())
            }
            "temperature" => {
                self.chat.temperature = Some(At::Top("temperature").number(value)?);
                Ok(())
            }
            "top_p" => {
                self.chat.top_p = Some(At::Top("top_p").number(value)?);
                Ok(())
            }
            "top_k" => {
                self.chat.top_k = Some(At::Top("top_k").number(value)?);
                Ok(())
            }
            "service_tier" => {
                self.chat.tier = Some(At::Top("service_tier").text(value)?);
                Ok(())
            }
            other => {
                self.other(other.to_owned(), Json::read(value.shared()));
                Ok(())
            }
        }
    }

    /// Keeps a field that only some APIs have. Each name once: sixty tools may have the same.
    fn other(&mut self, name: String, value: Json) {
        let says_nothing = matches!(&value.bytes()[..], b"null" | b"false" | b"[]" | b"{}" | b"\"\"");
        if !says_nothing && self.names.insert(name.clone()) {
            self.chat.others.push(Other { name, value });
        }
    }

    /// Keeps what is left of an object that stands at `at`.
    fn rest(&mut self, at: &str, object: Object<'_, '_>) {
        for (key, value) in object.rest() {
            self.other(format!("{at}.{key}"), value);
        }
    }

    fn system(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let mut parts = Vec::new();
        self.content(value, &At::Top("system"), Within::System, &mut parts)?;
        // Claude Code's first block changes with each request: upstreams but Anthropic would never find the prefix of
        // one before in their caches.
        let is_billing = |part: &Part| matches!(part, Part::Text { text, .. } if text.json().starts_with(b"\"x-anthropic-billing-header:"));
        if parts.first().is_some_and(is_billing) {
            parts.remove(0);
        }
        self.system = parts;
        Ok(())
    }

    fn messages(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let top = At::Top("messages");
        if value.kind() != Kind::Array {
            return Err(top.wrong("an array", value.kind()));
        }
        self.chat.turns.clear();
        value.items(|position, value| self.message(value, &At::Item(&top, position)))
    }

    fn message(&mut self, value: &mut Cursor<'_>, at: &At<'_>) -> Result<(), BadRequest> {
        if value.kind() != Kind::Object {
            return Err(at.wrong("an object", value.kind()));
        }
        let (mut role, mut parts, mut seen) = (None, Vec::new(), false);
        value.members(|key, value| {
            let here = At::Field(at, &key);
            match &*key {
                "role" => role = Some(role_of(&here, value)?),
                "content" => {
                    (seen, parts) = (true, Vec::new());
                    self.content(value, &here, Within::Message, &mut parts)?;
                }
                other => self.other(format!("messages.{other}"), Json::read(value.shared())),
            }
            Ok(())
        })?;
        let role = role.ok_or_else(|| At::Field(at, "role").bad("is missing"))?;
        if !seen {
            return Err(At::Field(at, "content").bad("is missing"));
        }
        judge(role, &parts, at)?;
        // A caller can write many short turns: room for more parts is not kept in each.
        parts.shrink_to_fit();
        self.chat.turns.push(Turn { role, parts, name: None, at: at.to_string() });
        Ok(())
    }

    fn stop(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let top = At::Top("stop_sequences");
        if value.kind() != Kind::Array {
            return Err(top.wrong("an array", value.kind()));
        }
        value.items(|position, value| {
            self.chat.stop.push(At::Item(&top, position).text(value)?);
            Ok(())
        })
    }
}

fn role_of(at: &At<'_>, value: &mut Cursor<'_>) -> Result<Role, BadRequest> {
    match &*at.text(value)?.said() {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        other => Err(at.bad(format_args!("must be `user`, `assistant` or `system`, not `{other}`"))),
    }
}

/// Whether one of this role may say all of that.
fn judge(role: Role, parts: &[Part], at: &At<'_>) -> Result<(), BadRequest> {
    for part in parts {
        let (what, fits) = match part {
            Part::Text { .. } => continue,
            Part::Call { .. } => ("tool_use", role == Role::Assistant),
            Part::Thinking { .. } => ("thinking", role == Role::Assistant),
            Part::Redacted { .. } => ("redacted_thinking", role == Role::Assistant),
            Part::Result { .. } => ("tool_result", role == Role::User),
            Part::Image { .. } => ("image", role == Role::User),
            _ => ("document", role == Role::User),
        };
        if !fits {
            let why = format_args!("has a `{what}` block, which its role cannot say");
            return Err(At::Field(at, "content").bad(why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
