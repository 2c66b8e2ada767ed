//! Why a Messages answer stopped.

use super::fields::{filled, known, text};
use crate::hub::{Finish, Reason};
use crate::json::text::Text;
use bytes::Bytes;
use weir_config::{Failure, FailureClass};

/// Reasons of an answer that failed: what the model wrote was no call (Bedrock's words).
const FAILED: [&str; 2] = ["malformed_model_output", "malformed_tool_use"];

/// Reads why an answer stopped, of the fields of the `whole` message or of the delta that ends a stream; `None`: it has
/// not.
///
/// # Errors
/// It failed: that it stopped for a reason like any other would be a false end.
pub(super) fn finish(
    whole: &Bytes,
    [reason, sequence, details]: [Option<&[u8]>; 3],
) -> Result<Option<Finish>, Failure> {
    let Some(native) = text(whole, reason) else { return Ok(None) };
    if has_failed(&native) {
        return Err(failed());
    }
    let [explanation] = known(details.unwrap_or_default(), &["explanation"]);
    Ok(Some(Finish {
        reason: meaning(&native.said()),
        stop_sequence: text(whole, sequence),
        explanation: text(whole, filled(explanation)),
        native: Some(native),
    }))
}

/// Whether it stopped for a reason that is none.
pub(super) fn has_failed(native: &Text) -> bool {
    FAILED.iter().any(|word| native.said() == *word)
}

/// What it has to say for itself then.
pub(super) fn failed() -> Failure {
    Failure {
        status: Some(200),
        ..Failure::new(FailureClass::ServerError, "The model's answer was malformed, as its vendor says.")
    }
}

/// What a vendor's word means (wire.md section 3): Anthropic's own, and those that its imitators leave as their models'
/// servers say them. A turn that is paused is not all that was to be said. An unknown word stands for an end like any
/// other.
fn meaning(native: &str) -> Reason {
    match native {
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" | "length" => Reason::Length,
        "tool_use" | "tool_calls" | "tool_call" => Reason::Calls,
        "refusal" | "content_filter" | "content_filtered" | "guardrail_intervened" => Reason::Filter,
        _ => Reason::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Option<Finish>, Failure> {
        let json = Bytes::from(fields.to_owned());
        finish(&json, known(&json, &["stop_reason", "stop_sequence", "stop_details"]))
    }

    fn reason(native: &str) -> Reason {
        read(&format!(r#"{{"stop_reason":"{native}"}}"#)).unwrap().unwrap().reason
    }

    #[test]
    fn each_reason_has_its_meaning() {
        for (native, expected) in [
            ("end_turn", Reason::Stop),
            ("stop_sequence", Reason::Stop),
            ("a word of 2027", Reason::Stop),
            ("max_tokens", Reason::Length),
            ("model_context_window_exceeded", Reason::Length),
            ("pause_turn", Reason::Length),
            ("tool_use", Reason::Calls),
            ("refusal", Reason::Filter),
        ] {
            assert_eq!(reason(native), expected, "{native}");
        }
    }

    #[test]
    fn an_empty_reason_is_none() {
        for none in ["{}", r#"{"stop_reason":null}"#, r#"{"stop_reason":""}"#, r#"{"stop_reason":1}"#] {
            assert_eq!(read(none), Ok(None), "{none}");
        }
    }

    #[test]
    fn a_stop_sequence_and_an_explanation_are_told() {
        let finish = read(r#"{"stop_reason":"stop_sequence","stop_sequence":"END\n","stop_details":null}"#);
        assert_eq!(finish.unwrap().unwrap().stop_sequence, Some(Text::new("END\n")));
        let finish = read(
            r#"{"stop_reason":"refusal","stop_details":{"type":"refusal","category":"cyber","explanation":"No \"x\"."}}"#,
        );
        let finish = finish.unwrap().unwrap();
        assert_eq!(finish.explanation, Some(Text::new("No \"x\".")));
        assert_eq!(finish.native, Some(Text::new("refusal")));
        assert_eq!(finish.stop_sequence, None);
    }

    #[test]
    fn an_answer_that_was_malformed_is_a_failure() {
        for word in FAILED {
            let failure = read(&format!(r#"{{"stop_reason":"{word}"}}"#)).unwrap_err();
            assert_eq!(failure.class, FailureClass::ServerError);
        }
    }
}
