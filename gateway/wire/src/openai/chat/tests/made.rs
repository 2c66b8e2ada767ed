//! What the tests have in common: requests that are made, and what is read of a body.

use super::super::{read, write};
use crate::asked::BadRequest;
use crate::hub::{Arguments, Chat, Dropped, Part, Role, Source, To, Tool, Turn, Unsayable};
use crate::json::text::{Json, Text};
use bytes::Bytes;
use serde_json::{Value, json};
use weir_config::Vendor;

pub fn read_value(body: &Value) -> Result<Chat, BadRequest> {
    read(&Bytes::from(body.to_string()))
}

/// What is read of a request with these messages.
pub fn read_messages(messages: Value) -> Result<Chat, BadRequest> {
    read_value(&json!({"model": "m", "messages": messages}))
}

/// The bytes of a request for a model of a vendor, and what is left out.
pub fn written(chat: &Chat, vendor: Vendor, model: &str) -> Result<(Vec<u8>, Dropped), Unsayable> {
    let to = To { row: vendor.row(), model, max_output_tokens: Some(16_384), account: "a" };
    write(chat, &to).map(|written| (written.body.concat(), written.dropped))
}

pub fn to_openai(chat: &Chat) -> Value {
    serde_json::from_slice(&written(chat, Vendor::OpenAI, "gpt-5.1").unwrap().0).unwrap()
}

pub fn to_other(chat: &Chat) -> Value {
    serde_json::from_slice(&written(chat, Vendor::OpenAICompatible, "qwen").unwrap().0).unwrap()
}

pub fn text(text: &str) -> Part {
    Part::Text { text: Text::new(text), cache: None }
}

pub fn json_of(value: &str) -> Json {
    Json::read(value.to_owned().into())
}

pub fn image(media_type: &str) -> Part {
    let source = Source::Data { media_type: Text::new(media_type), data: Text::new("QUJD") };
    Part::Image { source, detail: None, cache: None }
}

pub fn pdf() -> Part {
    let source = Source::Data { media_type: Text::new("application/pdf"), data: Text::new("QUJD") };
    Part::Document { source, name: Some(Text::new("a.pdf")), cache: None }
}

pub fn call(id: &str, name: &str, input: &str) -> Part {
    let arguments = Arguments::Json(json_of(input));
    Part::Call { id: Text::new(id), name: Text::new(name), arguments, cache: None }
}

pub fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::Result { id: Text::new(id), parts, is_error: false, cache: None }
}

pub fn thinking(text: &str) -> Part {
    Part::Thinking { text: Text::new(text), signature: Some(Text::new("sig")) }
}

pub fn tool(name: &str, schema: &str) -> Tool {
    Tool {
        name: Text::new(name),
        description: None,
        schema: Some(json_of(schema)),
        strict: None,
        cache: None,
    }
}

/// A request of these turns.
pub fn chat(turns: Vec<(Role, Vec<Part>)>) -> Chat {
    let turns = turns.into_iter().enumerate().map(|(position, (role, parts))| Turn {
        role,
        parts,
        name: None,
        at: format!("messages.{position}"),
    });
    Chat { turns: turns.collect(), ..Chat::default() }
}
