//! What a tool is called with: an object, its keys in the order in which the model wrote them.

use crate::hub::Arguments;
use crate::json::cursor::{Cursor, Kind};
use crate::json::scan;
use crate::json::text::Json;
use crate::json::write::Writer;
use bytes::Bytes;
use serde::de::IgnoredAny;

/// Writes `arguments`. What is no object stands as `arguments` in one: a call is never dropped, because its result
/// would be an orphan.
pub(super) fn write(out: &mut Writer, arguments: &Arguments) {
    let text = match arguments {
        Arguments::Json(json) => {
            return match Cursor::new(json.bytes()).kind() {
                Kind::Object => out.json(json),
                Kind::Null => out.value(b"{}"),
                _ => wrapped(out, |out| out.json(json)),
            };
        }
        Arguments::Text(text) => text,
    };
    let said = text.said();
    let json = || Json::read(Bytes::copy_from_slice(said.trim().as_bytes()));
    match said.trim() {
        "" | "null" => out.value(b"{}"),
        object if scan::object::<0>(object, &[]).is_ok() => out.json(&json()),
        other if is_json(other) => wrapped(out, |out| out.json(&json())),
        _ => wrapped(out, |out| out.text(text)),
    }
}

/// Whether it is another value than an object. An object that is none by our rules, because it is too deep, is text.
fn is_json(text: &str) -> bool {
    !text.starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn wrapped(out: &mut Writer, write: impl FnOnce(&mut Writer)) {
    out.open('{');
    out.key("arguments");
    write(out);
    out.close('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::text::Text;

    #[test]
    fn arguments_are_an_object_and_keep_what_the_model_wrote() {
        for (said, expected) in [
            ("", "{}"),
            (" \n", "{}"),
            ("null", "{}"),
            ("{}", "{}"),
            (
                r#"{"path":"x","edits":[1.0, 1e3],"a":"\u00e9\/"}"#,
                r#"{"path":"x","edits":[1.0, 1e3],"a":"\u00e9\/"}"#,
            ),
            (r#" {"z":1,"a":2} "#, r#"{"z":1,"a":2}"#),
            (r#"{"city"#, r#"{"arguments":"{\"city"}"#),
            ("Berlin", r#"{"arguments":"Berlin"}"#),
            ("[1,2]", r#"{"arguments":[1,2]}"#),
            (r#""x""#, r#"{"arguments":"x"}"#),
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ufffd"}"#),
        ] {
            let mut out = Writer::default();
            write(&mut out, &Arguments::Text(Text::new(said)));
            assert_eq!(out.bytes(), expected, "{said}");
        }
        for (json, expected) in
            [("null", "{}"), ("[1]", r#"{"arguments":[1]}"#), (r#"{"b":1,"a":2}"#, r#"{"b":1,"a":2}"#)]
        {
            let mut out = Writer::default();
            write(&mut out, &Arguments::Json(Json::read(Bytes::from(json))));
            assert_eq!(out.bytes(), expected, "{json}");
        }
    }
}
