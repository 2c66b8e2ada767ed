//! What vendors write in other words or letters than OpenAI's.

use super::meaning::{DONE, finish, pass, says, tokens};
use weir_config::FailureClass;

#[test]
fn s2_16_errors_beside_choices_are_errors_in_a_stream() {
    let says_something = [
        r#"[{"message":"no","code":"rate_limit_exceeded"}]"#,
        r#"[null,{"message":"no","code":429}]"#,
        r#"{"message":"no","code":429}"#,
    ];
    let long = "x".repeat(70_000);
    for errors in says_something {
        for (before, after) in [("", ""), ("\"x\":1,", ""), ("", &*format!(",\"x\":\"{long}\""))] {
            let chunk = says(0, "two").replace("]}\n", &format!("],{before}\"errors\":{errors}{after}}}\n"));
            for begun in [String::new(), says(0, "one"), says(0, "one") + &says(0, "more")] {
                let (out, stream, whole) = pass(&(begun.clone() + &chunk + DONE));
                assert!(out.starts_with(&begun) && !out.contains("DONE") && !whole, "{errors} {begun}");
                let class = stream.failure().map(|failure| failure.class);
                assert_eq!(class, Some(FailureClass::RateLimited), "{errors} {begun}");
            }
        }
    }
    for errors in ["[]", "null", "{}", "[null]", "\"\"", "0", "false"] {
        let chunk = says(0, "two").replace("]}\n", &format!("],\"errors\":{errors}}}\n"));
        let text = says(0, "one") + &chunk + &chunk + DONE;
        let (out, stream, whole) = pass(&text);
        assert_eq!((out, whole, stream.failure()), (text, true, None), "{errors}");
    }
}

#[test]
fn s2_13_the_index_of_a_choice_may_be_written_as_a_float() {
    for (zero, one) in [("0.0", "1.0"), ("0e0", "1e0"), ("-0", "1.00"), ("-0.0", "10e-1")] {
        let written = |text: String| {
            text.replace("\"index\":0", &format!("\"index\":{zero}"))
                .replace("\"index\":1", &format!("\"index\":{one}"))
        };
        let begun =
            [says(0, "a"), says(1, "b"), says(0, "c"), says(1, "d"), finish(1, "stop")].map(written).concat();
        assert!(!pass(&begun).2, "{zero} {one}: the first has not finished");
        let (_, stream, whole) = pass(&(begun + &written(finish(0, "stop"))));
        assert_eq!((whole, stream.output_bytes()), (true, 4), "{zero} {one}");
    }
    let used =
        says(0, "a").replace("]}\n", "],\"usage\":{\"prompt_tokens\":7.0,\"completion_tokens\":-0}}\n");
    assert_eq!(tokens(&pass(&used).1), Some((7, 0, true)));
}

#[test]
fn s2_12_done_in_other_letters_ends_a_stream_that_has_finished_and_no_other() {
    let finished = says(0, "one") + &finish(0, "stop");
    for word in ["[done]", "[Done]", " [DONE]", "\t[DONE]", "  [dOnE]  "] {
        for line_end in ["\n", "\r\n", "\r"] {
            for frame in ["data: WORD\n\n", "data:WORD\n\n", "event: end\ndata: WORD\n\n"] {
                let frame = frame.replace("WORD", word).replace('\n', line_end);
                let (out, stream, whole) = pass(&(finished.clone() + &frame + &says(0, "late")));
                let read = out.strip_prefix(&finished).unwrap_or_default();
                let is_read = read.contains("data: [DONE]") || read.contains("data:[DONE]");
                assert!(
                    whole && stream.done_seen() && is_read && !out.contains("late"),
                    "{frame:?}: {read:?}"
                );
                assert!(read.ends_with(&line_end.repeat(2)), "{frame:?}: {read:?}");
            }
        }
        let (out, _, whole) = pass(&(finished.clone() + "data: " + word));
        assert_eq!((out, whole), (finished.clone() + DONE, true), "{word} without its line's end");
    }
    for word in ["[done]", "[Done]"] {
        let (out, stream, whole) = pass(&(says(0, "one") + "data: " + word + "\n\n"));
        assert_eq!((out, whole), (says(0, "one"), false), "{word}");
        assert_eq!(stream.failure().map(|failure| failure.class), Some(FailureClass::Garbled), "{word}");
    }
    for cut in ["data: [d", "data: [Don"] {
        let (out, stream, whole) = pass(&(finished.clone() + cut));
        assert_eq!((out, whole, stream.failure()), (finished.clone(), true, None), "{cut}");
    }
}
