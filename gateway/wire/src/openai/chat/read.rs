//! A request of chat completions as the hub has it.

use super::messages;
use super::tools::{choice, tools};
use super::tuning::{effort, format, other, reasoning, stop, thinking};
use super::wrong::{Wrong, count, flag, number, text};
use crate::asked::BadRequest;
use crate::hub::{Chat, Other, Reasoning};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};
use bytes::Bytes;

/// The fields that may be wrong, as a caller is told them.
const PARAMS: [&str; 23] = [
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "response_format",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stream",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "user",
    "safety_identifier",
    "service_tier",
    "n",
    "model",
    "stream_options",
];

/// Reads a body, which is one JSON object. Where a field is given twice the last one counts, as everywhere.
///
/// # Errors
/// If it is no request that every vendor understands, or uses what OpenAI alone has and other APIs cannot say.
pub(crate) fn read(body: &Bytes) -> Result<Chat, BadRequest> {
    let mut fields = Fields::default();
    let read = Cursor::new(body).members(|key, value| match value.kind() {
        Kind::Null => Ok(()),
        _ => fields.field(&key, value),
    });
    read.and_then(|()| fields.chat()).map_err(|wrong| wrong.bad(&PARAMS))
}

/// What is read, where more than one field says the same.
#[derive(Default)]
struct Fields {
    chat: Chat,
    has_messages: bool,
    /// Members of messages that are not read.
    unread: Vec<Other>,
    max_tokens: Option<u64>,
    reasoning: Option<Reasoning>,
    user: Option<Text>,
    safety_identifier: Option<Text>,
}

impl Fields {
    /// A field that is not null.
    fn field(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        let chat = &mut self.chat;
        match key {
            // What is known of it already, or said again by whoever writes the request.
            "model" | "stream_options" => {}
            "messages" => {
                let read = messages::read(value)?;
                (chat.turns, self.unread, self.has_messages) = (read.turns, read.others, true);
            }
            "tools" => chat.tools = tools(key, value)?,
            "tool_choice" => chat.choice = choice(key, value)?,
            "parallel_tool_calls" => chat.parallel_calls = flag(key, value)?,
            "functions" => return Err(Wrong::new("is no longer taken. Send `tools`.").under(key)),
            "function_call" => return Err(Wrong::new("is no longer taken. Send `tool_choice`.").under(key)),
            "response_format" => chat.format = format(key, value)?,
            "stop" => chat.stop = stop(key, value)?,
            "max_completion_tokens" => chat.max_tokens = count(key, value)?,
            "max_tokens" => self.max_tokens = count(key, value)?,
            "temperature" => chat.temperature = number(key, value)?,
            "top_p" => chat.top_p = number(key, value)?,
            "top_k" => chat.top_k = number(key, value)?,
            "stream" => chat.stream = flag(key, value)?.unwrap_or_default(),
            "service_tier" => chat.tier = text(key, value)?,
            "user" => self.user = text(key, value)?,
            "safety_identifier" => self.safety_identifier = text(key, value)?,
            "reasoning_effort" | "reasoning" | "thinking" => return self.reasoning(key, value),
            _ => other(key.to_owned(), value, &mut chat.others),
        }
        Ok(())
    }

    fn reasoning(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        let said = self.reasoning.get_or_insert_default();
        match key {
            "thinking" => thinking(key, value, said, &mut self.chat.others),
            "reasoning" => reasoning(key, value, said, &mut self.chat.others),
            _ => {
                said.effort = effort(key, value)?;
                Ok(())
            }
        }
    }

    fn chat(self) -> Result<Chat, Wrong> {
        let Self { mut chat, has_messages, unread, max_tokens, reasoning, user, safety_identifier } = self;
        if !has_messages {
            return Err(Wrong::new("is missing.").under("messages"));
        }
        chat.others.extend(unread);
        // The newer of the two is the one that OpenAI reads.
        chat.max_tokens = chat.max_tokens.or(max_tokens);
        chat.reasoning = reasoning.filter(|reasoning| *reasoning != Reasoning::default());
        chat.user = match (safety_identifier, user) {
            (Some(identifier), Some(user)) if identifier != user => {
                let value = Json::read(user.json().clone());
                chat.others.push(Other { name: "user".to_owned(), value });
                Some(identifier)
            }
            (identifier, user) => identifier.or(user),
        };
        if chat.tools.is_empty() {
            // What says which tools are called is refused where there are none (case 11).
            (chat.choice, chat.parallel_calls) = (None, None);
        }
        Ok(chat)
    }
}
