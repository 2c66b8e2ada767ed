//! What vendors refuse: a request of a form that the real API answers 400 to gets the same answer here, so that
//! no test passes on a request that would fail in earnest. Each rule names its source; what the rules do not
//! know passes. The texts of the answers are the vendors', as far as a source has them.

mod chat;
mod messages;

use serde_json::Value;

use crate::{Answer, Seen, anthropic};

/// Why a request is refused.
type Rule = fn(&Value) -> Result<(), String>;

/// The vendor's answer, if it would not take this request.
pub(crate) fn refusal(seen: &Seen) -> Option<Answer> {
    let path = seen.path.split('?').next().unwrap_or_default();
    if path.ends_with("/chat/completions") {
        return by_openai(seen).err();
    }
    if path.ends_with("/messages") {
        return by_anthropic(seen).err();
    }
    None
}

/// Source: OpenAI's reference ("Authentication"); the errors of its API, as users report them.
fn by_openai(seen: &Seen) -> Result<(), Answer> {
    if bearer(seen).is_none_or(str::is_empty) {
        return Err(Answer::bad_key());
    }
    let invalid = |message: &str| Answer::error(400, "invalid_request_error", None, message);
    let Ok(body) = serde_json::from_slice(&seen.body) else {
        return Err(invalid("We could not parse the JSON body of your request."));
    };
    check(chat::RULES, &body).map_err(|message| invalid(&message))
}

/// Source: Anthropic's reference ("Authentication", "Versions"); that a bearer token will do, its Python SDK 2.12,
/// which sends the key so; both texts from public reports of them (karthink/gptel#354, PipedreamHQ/pipedream#9697).
fn by_anthropic(seen: &Seen) -> Result<(), Answer> {
    if seen.header("x-api-key").or_else(|| bearer(seen)).is_none_or(str::is_empty) {
        return Err(anthropic::error(401, "authentication_error", "x-api-key header is required"));
    }
    let of_the_version: &[&[Rule]] = match seen.header("anthropic-version") {
        None => return Err(anthropic::invalid("anthropic-version: header is required")),
        Some("2023-01-01" | "2023-06-01") => &[],
        Some("2026-10-21") => &[messages::OF_2026],
        Some(other) => {
            let message = format!("anthropic-version: \"{other}\" is not a valid version");
            return Err(anthropic::invalid(&message));
        }
    };
    let Ok(body) = serde_json::from_slice(&seen.body) else {
        return Err(anthropic::invalid("The request body is not valid JSON"));
    };
    let checked = check(messages::RULES, &body).and_then(|()| check(of_the_version, &body));
    checked.map_err(|message| anthropic::invalid(&message))
}

fn bearer(seen: &Seen) -> Option<&str> {
    seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
}

fn check(rules: &[&[Rule]], body: &Value) -> Result<(), String> {
    rules.iter().copied().flatten().try_for_each(|rule| rule(body))
}

/// `Err` unless it holds.
fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// The items of a list; none if it is none.
fn items<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A field's text; empty if it has none.
fn string<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A field that is there and is not null.
fn present<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).filter(|value| !value.is_null())
}

/// Letters, digits, `_` and `-`, at least one and at most so many.
fn is_name(name: &str, at_most: usize) -> bool {
    (1..=at_most).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The first field of an object that is not among these.
fn unknown<'a>(of: &'a Value, known: &[&str]) -> Option<&'a str> {
    let mut names = of.as_object().into_iter().flat_map(|fields| fields.keys());
    names.find(|name| !known.contains(&name.as_str())).map(String::as_str)
}
