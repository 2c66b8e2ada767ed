//! Whether a refusal is one of what the gateway puts into a stream's request: `stream_options`, with `include_usage` in
//! it (semantics S2.6, S2.9).
//!
//! An error quotes what callers wrote and what models said. That the option is mentioned is reason enough to ask the
//! same account once more without it, which costs nobody but that caller. To conclude something for other requests, the
//! vendor must name it himself: as the place of the fault, or in words of his own.

use memchr::memmem;
use serde_json::Value;

const OPTION: &str = "stream_options";
const INNER: &str = "include_usage";

/// Codes of refusals that are about something else, whatever they mention. Some come and go with what a model happened
/// to say, so that the repeat may pass for no reason.
const OTHER_MATTERS: &[&str] = &[
    "tool_use_failed",      // Groq, with what the model said
    "json_validate_failed", // Groq, the same
    "output_parse_failed",  // Groq, the same
    "invalid_function_parameters",
    "invalid_prompt",
    "missing_required_parameter",
    "string_above_max_length",
    "array_above_max_length",
    "array_below_min_length",
    "integer_above_max_value",
    "integer_below_min_value",
    "decimal_above_max_value",
    "decimal_below_min_value",
    "image_parse_error",
    "invalid_image",
    "invalid_image_url",
    "invalid_image_format",
    "invalid_base64_image",
    "unsupported_image_media_type",
    "image_too_large",
];

/// Before the quoted name of a field.
const FIELD_WORDS: &[&str] =
    &["field", "parameter", "param", "argument", "key", "property", "name", "option", "attribute"];

/// Whether the option stands anywhere in `body`.
pub(super) fn is_mentioned(body: &[u8]) -> bool {
    [OPTION, INNER].iter().any(|name| memmem::find(body, name.as_bytes()).is_some())
}

/// Whether an error with these codes, in lower case, is about something else.
pub(super) fn is_other_matter(codes: &[String]) -> bool {
    codes.iter().any(|code| OTHER_MATTERS.contains(&code.as_str()))
}

/// Whether `path` leads to it: `stream_options`, `body.stream_options.include_usage`.
pub(super) fn is_path(path: &str) -> bool {
    let path = path.trim_start_matches(['$', '#', '/', '.']);
    let path = path.strip_prefix("body.").or_else(|| path.strip_prefix("body/")).unwrap_or(path);
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[', '/']);
    path == INNER || path.strip_prefix(OPTION).is_some_and(ends)
}

/// Whether a fault is placed there, as FastAPI does: in the `loc` of one of the items of `detail`.
pub(super) fn is_place(detail: &Value) -> bool {
    match detail {
        Value::Array(items) => items.iter().any(is_place),
        Value::Object(fields) => {
            let leads = |steps: &Vec<Value>| {
                let mut steps = steps.iter().filter_map(Value::as_str).skip_while(|step| *step == "body");
                steps.next().is_some_and(is_path)
            };
            let placed = fields.get("loc").and_then(Value::as_array).is_some_and(leads);
            placed || fields.get("detail").is_some_and(is_place)
        }
        _ => false,
    }
}

/// Whether `message`, in lower case, names it in the vendor's own words: outside of quotes, or alone between them behind
/// a word for a field.
pub(super) fn is_named(message: &str) -> bool {
    let mut rest = message;
    while let Some((own, quoted, after)) = next_quotation(rest) {
        let marks = |mark: char| !mark.is_ascii_alphanumeric();
        let before = own.trim_end_matches([' ', ':', '(']).trim_end_matches("(s)");
        let word = before.rsplit(marks).next().unwrap_or_default();
        let is_field = FIELD_WORDS.contains(&word) || FIELD_WORDS.contains(&word.trim_end_matches('s'));
        if holds_path(own) || is_field && is_path(quoted) {
            return true;
        }
        rest = after;
    }
    holds_path(rest)
}

fn holds_path(own: &str) -> bool {
    let ends = |mark: char| mark.is_whitespace() || "()[]{},;:=".contains(mark);
    own.split(ends).any(|word| is_path(word.trim_end_matches(['.', '!', '?'])))
}

/// What stands before the first quotation in `text`, what is quoted, and what comes then. One that does not end goes to
/// the end.
fn next_quotation(text: &str) -> Option<(&str, &str, &str)> {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (at, open) = text.char_indices().find(|(at, mark)| match mark {
        '"' | '`' | '“' | '‘' | '«' => true,
        '\'' => !is_letter(text.get(..*at).and_then(|before| before.chars().next_back())), // "doesn't"
        _ => false,
    })?;
    let close = match open {
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        mark => mark,
    };
    let (own, inside) = (text.get(..at)?, text.get(at + open.len_utf8()..)?);
    let end = inside.char_indices().find(|(at, mark)| {
        let next = || inside.get(at + mark.len_utf8()..).and_then(|after| after.chars().next());
        let is_escaped = || inside.get(..*at).is_some_and(|before| before.ends_with('\\'));
        *mark == close && !is_escaped() && (close != '\'' || !is_letter(next()))
    });
    let end = end.map_or(inside.len(), |(at, _)| at);
    let after = inside.get(end..).unwrap_or_default();
    Some((own, inside.get(..end)?, after.strip_prefix(close).unwrap_or(after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn s2_9_the_option_is_named_by_the_vendors_own_words_alone() {
        for own in [
            "unrecognized request argument supplied: stream_options",
            "extra inputs are not permitted: stream_options.include_usage",
            "the server doesn't know stream_options.",
            "json: unknown field \"stream_options\"",
            "unknown field `stream_options` at line 1",
            "unknown parameter: 'stream_options'.",
            "unrecognized key(s): 'stream_options'",
            "unexpected keyword argument 'stream_options'",
            "malformed input request: #: extraneous key [stream_options] is not permitted",
            "#/stream_options: unknown",
            "body.stream_options.include_usage: unknown",
            "invalid value for 'a', and unknown parameters 'stream_options'",
        ] {
            assert!(is_named(own), "{own}");
        }
        for quoted in [
            "invalid value: 'stream_options'.",
            "invalid value for parameter 'tool_choice': 'stream_options'.",
            "invalid value: 'unknown parameter stream_options'.",
            "the model said “stream_options”",
            "could not parse \"{\\\"stream_options\": 1}",
            "could not parse arguments: {\"stream_options\": 1}",
            "unknown parameter: 'my_stream_options'",
            "unknown parameter: 'tools.0.stream_options'",
            "messages.0.stream_options: unknown",
            "it doesn't fit. see 'failed_generation'",
            "unclosed 'stream_options",
            "",
        ] {
            assert!(!is_named(quoted), "{quoted}");
        }
    }

    #[test]
    fn s2_9_the_option_is_a_place() {
        for place in [
            json!([{"loc": ["body", "stream_options"]}]),
            json!([{"loc": ["body", "messages"]}, {"loc": ["body", "stream_options", "include_usage"]}]),
            json!({"detail": [{"loc": ["stream_options"]}]}),
        ] {
            assert!(is_place(&place), "{place}");
        }
        for other in [
            json!([{"loc": ["body", "tools", 0, "stream_options"], "input": {"loc": ["stream_options"]}}]),
            json!([{"loc": ["body"], "input": [{"loc": ["stream_options"]}]}]),
            json!("stream_options"),
        ] {
            assert!(!is_place(&other), "{other}");
        }
    }
}
