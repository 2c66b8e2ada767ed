use super::*;
use crate::hub::{Arguments, Choice, Effort, Other, Reasoning, Source, Tool, Turn};
use crate::json::text::Json;
use bytes::Bytes;
use serde_json::{Value, json};
use weir_config::Vendor;

mod messages;
mod recorded;
mod same;
mod tuning;

fn to(model: &str, max_output_tokens: Option<u64>) -> To<'_> {
    To { row: Vendor::OpenAICompatible.row(), model, max_output_tokens, account: "a1" }
}

/// The body, and the names of what it does not say.
fn written_for(chat: &Chat, to: &To<'_>) -> (Value, Vec<String>) {
    let written = write(chat, to).unwrap();
    let body = written.body.concat();
    let value = serde_json::from_slice(&body);
    let value = value.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
    (value, written.dropped.into_iter().map(|name| name.into_owned()).collect())
}

fn written(chat: &Chat) -> Value {
    written_for(chat, &to("claude-sonnet-4-6", None)).0
}

fn refused(chat: &Chat) -> String {
    write(chat, &to("claude-sonnet-4-6", None)).unwrap_err().param
}

fn json_of(value: &Value) -> Json {
    Json::read(Bytes::from(value.to_string()))
}

fn marker() -> Option<Json> {
    Some(json_of(&json!({"type": "ephemeral"})))
}

fn text(text: &str) -> Part {
    Part::Text { text: Text::new(text), cache: None }
}

fn marked(text: &str) -> Part {
    Part::Text { text: Text::new(text), cache: marker() }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    let arguments = Arguments::Text(Text::new(arguments));
    Part::Call { id: Text::new(id), name: Text::new(name), arguments, cache: None }
}

fn result(id: &str, said: &str) -> Part {
    Part::Result { id: Text::new(id), parts: vec![text(said)], is_error: false, cache: None }
}

fn thinking(said: &str, signature: Option<&str>) -> Part {
    Part::Thinking { text: Text::new(said), signature: signature.map(Text::new) }
}

fn tool(name: &str, schema: Option<Value>) -> Tool {
    Tool {
        name: Text::new(name),
        description: None,
        schema: schema.as_ref().map(json_of),
        strict: None,
        cache: None,
    }
}

/// These turns, one behind the other.
fn chat(turns: Vec<(Role, Vec<Part>)>) -> Chat {
    let turn =
        |(position, (role, parts))| Turn { role, parts, name: None, at: format!("messages.{position}") };
    Chat { turns: turns.into_iter().enumerate().map(turn).collect(), ..Chat::default() }
}

/// A user says hello.
fn hello() -> Chat {
    chat(vec![(Role::User, vec![text("Hello")])])
}

fn block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}
