//! Where a request has what is read of it, for passing it through: its bytes stay, but for `model` (semantics S2.7).

use crate::asked::fields::{boolean, model};
use crate::asked::pieces::{Pieces, escaped, splice};
use crate::asked::{BadRequest, Facts};
use crate::json::scan::{self, Span};
use crate::media;
use bytes::Bytes;

/// The fields that are read, and those that a route's bounds go by: no two readers may see two values of them.
const KEYS: [&str; 3] = ["model", "stream", "max_tokens"];

/// Where the field stands that may be rewritten.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    model: Span,
}

/// Reads a request, without its messages: see [`read`](super::read).
///
/// # Errors
/// If it is not one JSON object (at most 64 levels deep), if a field that is read has the wrong type, is given twice or
/// differs from its name in case, or if `model` is missing, empty or longer than 256 bytes. Other fields are the
/// vendor's to judge.
pub(crate) fn facts(text: &str) -> Result<(Facts, Places), BadRequest> {
    let [model_at, stream, _] =
        scan::object(text, &KEYS).map_err(|flaw| BadRequest::of(text, flaw, &KEYS))?;
    let model_at = model_at.ok_or_else(|| BadRequest::field("model", "`model` is missing.".to_owned()))?;
    let facts = Facts {
        model: model(model_at.of(text))?,
        stream: stream.map_or(Ok(false), |at| boolean("stream", at.of(text)))?,
        choices: 1,
        // Every stream has it.
        includes_usage: true,
        brings_stream_options: false,
        text_bytes: media::text_bytes(text.as_bytes()),
        length: text.len(),
    };
    Ok((facts, Places { model: model_at }))
}

impl Places {
    /// The same request, whose `body` and `facts` these are, to an upstream that speaks the same and calls the model
    /// `upstream_model`.
    pub(crate) fn rewrite(&self, body: &Bytes, facts: &Facts, upstream_model: &str) -> Pieces {
        let inside = self.model.start + 1..self.model.end - 1;
        let model = (facts.model != upstream_model).then(|| (inside, escaped(upstream_model)));
        splice(body, model.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn rewritten(body: &str, model: &str) -> String {
        let (facts, places) = facts(body).unwrap();
        let pieces = places.rewrite(&Bytes::copy_from_slice(body.as_bytes()), &facts, model);
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn s2_7_only_the_model_is_replaced() {
        let body = r#"{ "max_tokens" : 16,"thinking":{"type":"adaptive"}, "model":"a",
            "system":[{"type":"text","text":"x-anthropic-billing-header: cch=0b1c2;","cache_control":{"type":"ephemeral","scope":"s"}}],
            "messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"weir_x.Eq\/="},
            {"type":"tool_use","id":"t","name":"n","input":{"b":1.0,"a":2}}]}],"new_field":{"model":"b"}}"#;
        assert_eq!(rewritten(body, "claude/\"m\""), body.replacen("\"a\"", "\"claude/\\\"m\\\"\"", 1));
        assert_eq!(rewritten(body, "a"), body);
    }

    #[test]
    fn s2_7_nothing_to_change_shares_the_callers_bytes() {
        let body = Bytes::from_static(br#"{"model":"m","stream":true,"messages":[]}"#);
        let (facts, places) = facts(std::str::from_utf8(&body).unwrap()).unwrap();
        assert!(facts.stream && facts.includes_usage && facts.choices == 1);
        let pieces = places.rewrite(&body, &facts, "m");
        assert_eq!((pieces.len(), pieces[0].as_ptr()), (1, body.as_ptr()));
        assert_eq!(places.rewrite(&body, &facts, "n").len(), 3);
    }

    #[test]
    fn a_field_that_is_read_is_judged() {
        for (body, param) in [
            (r#"{"messages":[]}"#, "model"),
            (r#"{"model":""}"#, "model"),
            (r#"{"model":1}"#, "model"),
            (r#"{"model":"m","stream":"yes"}"#, "stream"),
            (r#"{"model":"m","max_tokens":1,"max_tokens":2}"#, "max_tokens"),
            (r#"{"model":"m","Max_tokens":1}"#, "max_tokens"),
        ] {
            assert_eq!(facts(body).unwrap_err().param, Some(param), "{body}");
        }
        assert!(facts("[]").is_err() && facts(r#"{"model":"m""#).is_err());
    }

    proptest! {
        #[test]
        fn s2_7_unknown_fields_survive(name in "[a-z]{5,9}s", text: String, number: i64, first: bool) {
            prop_assume!(name != "streams" && name != "models");
            let (rest, model) = (json!({name: [text, number]}).to_string(), r#""model":"m""#);
            let rest = &rest[1..rest.len() - 1];
            let body = if first { format!("{{{rest},{model}}}") } else { format!("{{{model},{rest}}}") };
            let new = rewritten(&body, "n");
            prop_assert!(new.contains(rest));
            prop_assert_eq!(&serde_json::from_str::<Value>(&new).unwrap()["model"], "n");
        }
    }
}
