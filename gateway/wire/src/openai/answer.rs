//! A unary answer: is it one, and what did it use.

use super::{failure, said, usage};
use crate::scan;
use serde_json::value::RawValue;
use weir_config::{Failure, FailureClass, UnixSeconds, Usage, VendorRow};

/// What the gateway needs to know of a unary answer; the answer itself passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerFacts {
    /// What the vendor counted; `None` if it did not say.
    pub usage: Option<Usage>,
    /// Roughly how many bytes of text, reasoning and tool calls the choices hold, for assuming a usage: it is
    /// only counted where the vendor gave none, and 0 otherwise.
    pub output_bytes: u64,
}

/// Reads the body of a 2xx answer.
///
/// # Errors
/// An error inside is classified as if it had come with its own status (semantics S1.1); what is no object
/// with at least one of `choices` is Garbled.
pub fn answer(row: &VendorRow, body: &[u8], now: UnixSeconds) -> Result<AnswerFacts, Failure> {
    let garbled = |why: &str| Failure { status: Some(200), ..Failure::new(FailureClass::Garbled, why) };
    let text = simdutf8::basic::from_utf8(body).map_err(|_| garbled("The answer is not UTF-8."))?;
    let [choices, counted, error] = scan::object(text, &["choices", "usage", "error"]).map_err(|flaw| {
        failure::inside(row, body, now)
            .unwrap_or_else(|| garbled(&format!("The answer is not a chat completion: {flaw}.")))
    })?;
    let wrong = error.is_some_and(|at| failure::is_error(at.of(text)));
    let choices = choices.map(|at| at.of(text)).filter(|choices| !wrong && has_element(choices));
    let Some(choices) = choices else {
        return Err(failure::inside(row, body, now)
            .unwrap_or_else(|| garbled("The answer is not a chat completion: it has no choices.")));
    };
    let usage = counted.and_then(|at| usage::read(at.of(text)));
    let output_bytes = if usage.is_some() { 0 } else { said::said(choices.as_bytes()).bytes };
    Ok(AnswerFacts { usage, output_bytes })
}

/// What the vendor counted, read from the last bytes of an answer of which the rest was not kept; `None` if it
/// does not stand there.
pub fn usage_at_end(end: &[u8]) -> Option<Usage> {
    // Inside a string the quote after the name would be escaped, so this finds a key.
    let at = memchr::memmem::rfind(end, br#""usage""#)?;
    let value = end.get(at..)?.strip_prefix(br#""usage""#)?.trim_ascii_start().strip_prefix(b":")?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<&RawValue>();
    usage::read(values.next()?.ok()?.get())
}

/// Whether a valid JSON value is an array that is not empty.
fn has_element(value: &str) -> bool {
    value.strip_prefix('[').is_some_and(|rest| !rest.trim_start().starts_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::Vendor;

    fn read(body: &str) -> Result<AnswerFacts, Failure> {
        answer(Vendor::OpenAICompatible.row(), body.as_bytes(), UnixSeconds(0))
    }

    #[test]
    fn an_answer_without_usage_is_measured() {
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"four","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}}],"usage":null}"#;
        assert_eq!(read(body), Ok(AnswerFacts { usage: None, output_bytes: 7 }));
        let counted = body.replace("null", r#"{"prompt_tokens":1,"completion_tokens":2}"#);
        let usage = Usage { input: 1, output: 2, ..Usage::default() };
        assert_eq!(read(&counted), Ok(AnswerFacts { usage: Some(usage), output_bytes: 0 }));
    }

    #[test]
    fn s1_1_a_2xx_that_is_not_what_it_claims_is_garbled() {
        let bodies = [
            "",
            "<html></html>",
            "[]",
            "{}",
            r#"{"choices":null}"#,
            r#"{"choices":[ ]}"#,
            r#"{"choices":{}}"#,
            r#"{"choices":[{}]"#,
            r#"{"choices":[{}]}x"#,
            r#"{"message":"hello"}"#,
            "data: {\"choices\":[{}]}\n\n",
            r#"{"choices":[{}],"choices":[{}]}"#,
        ];
        for body in bodies {
            let failure = read(body).unwrap_err();
            assert_eq!((failure.class, failure.status), (FailureClass::Garbled, Some(200)), "{body}");
        }
        let row = Vendor::OpenAI.row();
        assert!(answer(row, b"{\"choices\":[\"\xff\"]}", UnixSeconds(0)).is_err());
    }

    #[test]
    fn s1_1_an_error_inside_a_200_is_classified_like_one() {
        let cases = [
            (r#"{"error":{"message":"x","code":"insufficient_quota"}}"#, FailureClass::Billing),
            (r#"{"error":{"message":"x","code":502},"choices":[{}]}"#, FailureClass::ServerError),
            (r#"{"object":"error","message":"x","code":429}"#, FailureClass::RateLimited),
            (r#"[{"error":{"message":"x","code":404}}]"#, FailureClass::ModelMissing),
        ];
        for (body, class) in cases {
            assert_eq!(read(body).unwrap_err().class, class, "{body}");
        }
        assert!(read(r#"{"error":null,"choices":[{}]}"#).is_ok());
        assert!(read(r#"{"error":{},"choices":[{}]}"#).is_ok());
    }
}
