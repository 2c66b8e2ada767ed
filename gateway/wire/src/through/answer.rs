//! A unary answer: is it one, and what did it use. The same is asked of one that is held and of one that passes as it
//! comes.

use super::contents::{Contents, Form};
use super::speech::cap;
use crate::failure;
use crate::json::scan;
use crate::openai::usage;
use crate::reading::AnswerFacts;
use crate::usage::Counted;
use memchr::memmem::Finder;
use std::sync::LazyLock;
use weir_config::{Failure, FailureClass, UnixSeconds, VendorRow};

/// What may tell of a failure within a choice: an error, or a finish reason (`FAILED`). Made once: to prepare a search
/// takes as long as to search an answer.
static MAY_FAIL: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new(br#""error""#), Finder::new(br#""insufficient_system_resource""#)]);

/// Reads the body of a 2xx answer of a model with this `context_window`, if that is known: no side of it has more tokens.
///
/// # Errors
/// An error inside is classified as if it had come with its own status (semantics S1.1); what is no object with an
/// array of `choices`, or ends in its middle, is Garbled. No choice at all is an answer: of a prompt that was
/// blocked. What SDKs read although it is not quite JSON is read here too: they get it as it is.
pub(crate) fn answer(
    row: &VendorRow,
    body: &[u8],
    context_window: Option<u64>,
    now: UnixSeconds,
) -> Result<AnswerFacts, Failure> {
    if let Some(usage) = plain(body, context_window) {
        return Ok(AnswerFacts { usage: Some(usage), output_bytes: 0 });
    }
    let mut answer = LongAnswer::default();
    answer.feed(body);
    match answer.failure(row, body, now).or_else(|| answer.unfinished(row, body, now)) {
        Some(failure) => Err(failure),
        None => Ok(answer.facts(context_window)),
    }
}

/// What nearly all answers are: an object with choices, a usage that can be true and nothing that tells of an error. Its
/// usage; `None`: it must be read with care.
fn plain(body: &[u8], context_window: Option<u64>) -> Option<Counted> {
    let keys = ["choices", "usage", "error", "errors"];
    let [choices, counted, error, errors] = scan::object_of(body, &keys).ok()?;
    let choices = choices?.within(body);
    let tells = |error: Option<scan::Span>| error.is_some_and(|at| at.within(body) != b"null");
    if tells(error) || tells(errors) || choices.first() != Some(&b'[') {
        return None;
    }
    let counted = usage::plain(counted?.within(body), context_window)?;
    let may_fail = MAY_FAIL.iter().any(|word| word.find(choices).is_some());
    (counted.believed(context_window).is_all() && !may_fail).then_some(counted)
}

/// A unary answer, read as it comes: for one that is too large to be held.
pub(super) struct LongAnswer(Box<Contents>);

impl Default for LongAnswer {
    fn default() -> Self {
        Self(Box::new(Contents::new(Form::Answer)))
    }
}

impl LongAnswer {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    /// Whether it has begun as an answer does; `None`: too little has come to tell.
    pub(super) fn begins(&self) -> Option<bool> {
        let is_answer = self.0.is_object();
        (is_answer || self.0.is_broken() || self.0.has_begun()).then_some(is_answer)
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_whole()
    }

    /// The failure that it has told of so far; `text`: all of it, as far as that is at hand.
    pub(super) fn failure(&self, row: &VendorRow, text: &[u8], now: UnixSeconds) -> Option<Failure> {
        self.0.failure(row, text, now)
    }

    /// What is wrong with an answer that has ended without a failure of its own.
    pub(super) fn unfinished(&self, row: &VendorRow, text: &[u8], now: UnixSeconds) -> Option<Failure> {
        let why = match () {
            () if !self.0.is_whole() => "it is not one whole JSON object",
            () if !self.0.has_choices() => "it has no choices",
            () => return None,
        };
        let garbled = || {
            let words = format!("The answer is not a chat completion: {why}.");
            Failure { status: Some(200), ..Failure::new(FailureClass::Garbled, words) }
        };
        Some(failure::inside(row, text, now).unwrap_or_else(garbled))
    }

    /// How many bytes of memory what is kept of it takes: the text of an error.
    pub(super) fn held_bytes(&self) -> usize {
        self.0.kept_bytes()
    }

    /// What is known so far of the usage of a model with this `context_window`.
    pub(super) fn facts(&self, context_window: Option<u64>) -> AnswerFacts {
        let usage = self.0.tally().believable(context_window).counted();
        let is_all = usage.is_some_and(|counted| counted.believed(context_window).is_all());
        let heard = self.0.heard();
        AnswerFacts { usage, output_bytes: if is_all { 0 } else { heard.bytes + cap(heard.data) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::{Usage, Vendor};

    fn told(input: u64, output: u64) -> Counted {
        Counted { usage: Usage { input, output, ..Usage::default() }, input: true, output: true }
    }

    fn read(body: &str) -> Result<AnswerFacts, Failure> {
        answer(Vendor::OpenAICompatible.row(), body.as_bytes(), Some(1_000), UnixSeconds(0))
    }

    #[test]
    fn an_answer_without_usage_is_measured() {
        let body = r#"{"choices":[{"message":{"role":"assistant","content":"four","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}}],"usage":null}"#;
        assert_eq!(read(body), Ok(AnswerFacts { usage: None, output_bytes: 7 }));
        let counted = body.replace("null", r#"{"prompt_tokens":1,"completion_tokens":2}"#);
        assert_eq!(read(&counted), Ok(AnswerFacts { usage: Some(told(1, 2)), output_bytes: 0 }));
    }

    #[test]
    fn s2_15_an_answer_whose_counts_cannot_be_true_is_measured() {
        let usage = |prompt: u64, completion: u64| {
            format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion}}}"#)
        };
        for absurd in [1_001, 4_294_967_295, u64::MAX] {
            for (usage, input, output) in [
                (usage(1, absurd), true, false),
                (usage(absurd, 2), false, true),
                (usage(absurd, absurd), false, false),
                // As xAI counts: each part may be, the side may not.
                (r#"{"prompt_tokens":1,"completion_tokens":999,"total_tokens":1999,"completion_tokens_details":{"reasoning_tokens":999}}"#.to_owned(), true, false),
            ] {
                let body = format!(r#"{{"choices":[{{"message":{{"content":"four"}}}}],"usage":{usage}}}"#);
                let facts = read(&body).unwrap();
                let counted = facts.usage.unwrap_or_default().believed(Some(1_000));
                assert_eq!((counted.input, counted.output, facts.output_bytes), (input, output, 4), "{body}");
            }
        }
        // What the rest of the usage tells of it counts, as in streams.
        let rest =
            r#"{"choices":[{}],"usage":{"prompt_tokens":1,"completion_tokens":4294967295,"total_tokens":3}}"#;
        assert_eq!(read(rest), Ok(AnswerFacts { usage: Some(told(1, 2)), output_bytes: 0 }));
    }

    #[test]
    fn s1_1_a_2xx_that_is_not_what_it_claims_is_garbled() {
        let bodies = [
            "",
            "<html></html>",
            "[]",
            "{}",
            r#"{"choices":null}"#,
            r#"{"choices":{}}"#,
            r#"{"choices":[{}]"#,
            r#"{"choices":[{}]}x"#,
            r#"{"message":"hello"}"#,
            "data: {\"choices\":[{}]}\n\n",
        ];
        for body in bodies {
            let failure = read(body).unwrap_err();
            assert_eq!((failure.class, failure.status), (FailureClass::Garbled, Some(200)), "{body}");
        }
    }

    #[test]
    fn s1_1_an_error_inside_a_200_is_classified_like_one() {
        let cases = [
            (r#"{"error":{"message":"x","code":"insufficient_quota"}}"#, FailureClass::Billing),
            (r#"{"error":{"message":"x","code":502},"choices":[{}]}"#, FailureClass::ServerError),
            (r#"{"object":"error","message":"x","code":429}"#, FailureClass::RateLimited),
            (r#"[{"error":{"message":"x","code":404}}]"#, FailureClass::ModelMissing),
            (
                r#"{"choices":[{}],"errors":[{"message":"x","code":429}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
                FailureClass::RateLimited,
            ),
            (r#"{"choices":[{}],"errors":[null,{"message":"x","code":503.0}]}"#, FailureClass::Overloaded),
            (r#"{"choices":[{}],"errors":"broken"}"#, FailureClass::ServerError),
        ];
        for (body, class) in cases {
            assert_eq!(read(body).unwrap_err().class, class, "{body}");
        }
        assert!(read(r#"{"error":null,"choices":[{}]}"#).is_ok());
        assert!(read(r#"{"error":{},"choices":[{}]}"#).is_ok());
        for none in ["null", "[]", "{}", "[{}]"] {
            assert!(read(&format!(r#"{{"errors":{none},"choices":[{{}}]}}"#)).is_ok(), "{none}");
        }
    }

    #[test]
    fn s2_16_the_code_of_an_error_is_found_behind_a_message_of_any_length() {
        for length in [1_000, 70_000, 300_000, 2_000_000] {
            let long = "word ".repeat(length / 5);
            for body in [
                format!(r#"{{"error":{{"message":"{long}","code":503}}}}"#),
                format!(r#"{{"object":"error","message":"{long}","code":503}}"#),
                format!(r#"{{"choices":[],"error":{{"message":"{long}","type":"overloaded_error"}}}}"#),
            ] {
                assert_eq!(read(&body).unwrap_err().class, FailureClass::Overloaded, "{length} {body:.40}");
            }
            let mut passed = LongAnswer::default();
            passed.feed(
                format!(r#"{{"choices":[{{}}],"error":{{"message":"{long}","code":503}}}}"#).as_bytes(),
            );
            let failure = passed.failure(Vendor::OpenAICompatible.row(), b"", UnixSeconds(0)).unwrap();
            assert_eq!(failure.class, FailureClass::Overloaded, "{length}");
        }
    }

    #[test]
    fn s2_17_what_sdks_read_of_an_answer_is_no_failure() {
        let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
        for choice in [
            r#""message":{"content":"\ud83d"}"#,
            r#""x":1e400"#,
            r#""logprobs":{"a":NaN,"b":-Infinity}"#,
            r#""message":{"content":"a"},"error":{"message":"","type":"","param":"","code":null}"#,
        ] {
            for mark in ["", "\u{FEFF}"] {
                let body = format!("{mark}{{\"choices\":[{{{choice}}}],{usage}}}");
                assert_eq!(read(&body).map(|facts| facts.usage), Ok(Some(told(1, 2))), "{body}");
            }
        }
        let latin =
            [b"{\"choices\":[{\"message\":{\"content\":\"\xff\"}}],".as_slice(), usage.as_bytes(), b"}"];
        let facts = answer(Vendor::OpenAI.row(), &latin.concat(), None, UnixSeconds(0)).unwrap();
        assert_eq!(facts.usage, Some(told(1, 2)));
        for empty in [r#"{"message":"","code":null}"#, r#"{"code":0,"message":""}"#, "0"] {
            assert!(read(&format!(r#"{{"choices":[{{}}],"error":{empty}}}"#)).is_ok(), "{empty}");
        }
    }

    #[test]
    fn s2_17_an_answer_without_a_choice_is_one() {
        assert_eq!(read(r#"{"choices":[ ]}"#), Ok(AnswerFacts { usage: None, output_bytes: 0 }));
    }

    #[test]
    fn s2_13_an_answer_that_finished_with_an_error_is_a_failure() {
        for reason in super::super::contents::FAILED {
            let body = r#"{"choices":[{"message":{"content":"a"},"finish_reason":"REASON"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
            let body = body.replace("REASON", std::str::from_utf8(reason).unwrap());
            assert_eq!(read(&body).unwrap_err().class, FailureClass::ServerError, "{body}");
        }
    }

    #[test]
    fn s2_16_the_images_of_an_answer_are_no_text() {
        let image = "QUJD".repeat(100_000);
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":"four","images":[{{"image_url":{{"url":"data:image/png;base64,{image}"}}}}]}}}}]}}"#
        );
        assert_eq!(read(&body), Ok(AnswerFacts { usage: None, output_bytes: 4_004 }));
    }

    #[test]
    fn s2_16_an_answer_means_the_same_whole_and_in_pieces() {
        let bodies = [
            r#"{"choices":[{"message":{"content":"four"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            r#"{"usage":{"prompt_tokens":1,"completion_tokens":2},"choices":[{"message":{"content":"four"}}]}"#,
            r#"{"choices":[{"message":{"content":"four","tool_calls":[{"function":{"arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{}],"error":{"message":"Slow \"down\"","code":429,"details":[{"a":1.5,"b":null}]}}"#,
            r#"{"choices":[{"error":{"message":"no"}}]}"#,
            r#"{"choices":[{}],"error":"broken"}"#,
            r#"{"choices":[{}]"#,
            r#"{"choices":[]}"#,
            "<html>",
        ];
        for body in bodies {
            for size in [1, 2, 7, 1_000] {
                let mut passed = LongAnswer::default();
                body.as_bytes().chunks(size).for_each(|piece| passed.feed(piece));
                let (row, now) = (Vendor::OpenAICompatible.row(), UnixSeconds(0));
                let failure = passed.failure(row, b"", now).or_else(|| passed.unfinished(row, b"", now));
                let class = failure.map(|failure| failure.class);
                assert_eq!(class, read(body).err().map(|failure| failure.class), "{body} {size}");
                if let Ok(facts) = read(body) {
                    assert_eq!(passed.facts(Some(1_000)), facts, "{body} {size}");
                }
            }
        }
    }
}
