//! What vendors put otherwise than OpenAI: the cases by number.

use super::recorded::{NOW, Sum, decoded};
use super::*;
use crate::usage::Counted;
use serde_json::{Value, json};
use weir_config::{FailureClass, Usage, Vendor};

fn stream(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

/// A chunk with this delta.
pub(super) fn delta(delta: Value) -> Value {
    json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]})
}

pub(super) fn calls(calls: Value) -> Value {
    delta(json!({"tool_calls": calls}))
}

pub(super) fn finished(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// What a stream says that ends well.
pub(super) fn said(chunks: &[Value]) -> (Sum, Vec<Event>) {
    let (events, _, end) = decoded((stream(chunks) + "data: [DONE]\n\n").as_bytes());
    assert_eq!(end, Ok(()));
    (Sum::of(&events), events)
}

fn named(calls: &[(&str, &str, &str)]) -> Vec<(Option<String>, String, String)> {
    let id = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty());
    calls.iter().map(|(i, name, arguments)| (id(i), (*name).to_owned(), (*arguments).to_owned())).collect()
}

fn failed(text: &str) -> FailureClass {
    decoded(text.as_bytes()).2.unwrap_err().class
}

/// What a unary answer with this message says.
pub(super) fn answered(message: Value) -> Sum {
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).to_string();
    let mut events = Vec::new();
    whole(Vendor::OpenAICompatible.row(), None, &body.into(), NOW, &mut events).unwrap();
    Sum::of(&events)
}

#[test]
fn case_4_arguments_that_are_no_string_are_read() {
    for (arguments, expected) in [
        (json!({"p": "a", "é": [1]}), r#"{"p":"a","é":[1]}"#),
        (json!("{\"p\":1}"), "{\"p\":1}"),
        (Value::Null, ""),
        (json!(""), ""),
    ] {
        let call = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}});
        assert_eq!(said(&[calls(json!([call]))]).0.calls, named(&[("a", "f", expected)]));
        assert_eq!(answered(json!({"tool_calls": [call]})).calls, named(&[("a", "f", expected)]));
    }
    let missing = json!({"id": "a", "function": {"name": "f"}});
    assert_eq!(said(&[calls(json!([missing]))]).0.calls, named(&[("a", "f", "")]));
    assert_eq!(answered(json!({"tool_calls": [missing]})).calls, named(&[("a", "f", "")]));
}

#[test]
fn case_34_reasoning_under_two_names_is_told_once_and_before_text() {
    for reasoned in [
        json!({"content": "b", "reasoning_content": "a"}),
        json!({"content": "b", "reasoning": "a"}),
        json!({"content": "b", "reasoning": "a", "reasoning_content": "a"}),
        json!({"content": "b", "reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]}),
        json!({"content": "b", "reasoning_details": [{"type": "reasoning.summary", "summary": "a"}]}),
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "b"}]}),
        json!({"content": [{"type": "thinking", "thinking": "a"}, "b"]}),
        json!({"content": [{"type": "reasoning", "text": "a"}, {"type": "output_text", "text": "b"}]}),
    ] {
        let (sum, events) = said(&[delta(reasoned.clone())]);
        assert_eq!((sum.thinking.as_str(), sum.text.as_str()), ("a", "b"), "{reasoned}");
        assert_eq!(events[1], Event::Thinking(crate::json::text::Text::new("a")), "{reasoned}");
        let sum = answered(reasoned.clone());
        assert_eq!((sum.thinking.as_str(), sum.text.as_str()), ("a", "b"), "{reasoned}");
    }
}

#[test]
fn case_46_a_chunk_that_says_everything_is_told_in_order() {
    let chunk = json!({"id": "c", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "choices": [{
        "index": 0, "finish_reason": "tool_calls", "delta": {
            "tool_calls": [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{\"x\":1}"}},
            ],
            "content": "text", "reasoning": "why",
        },
    }]});
    let (_, events) = said(&[chunk]);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Start { .. } => "start",
            Event::Thinking(_) => "thinking",
            Event::Text(_) => "text",
            Event::Call { .. } => "call",
            Event::Arguments { .. } => "arguments",
            Event::Finish(_) => "finish",
            Event::Usage(_) => "usage",
            _ => "other",
        })
        .collect();
    let expected = ["start", "thinking", "text", "call", "arguments", "call", "arguments", "finish", "usage"];
    assert_eq!(kinds, expected);
    for nothing in [
        json!({"tool_calls": []}),
        json!({"content": ""}),
        json!({"content": null, "tool_calls": null, "refusal": null, "function_call": null, "reasoning": null}),
        json!({"tool_calls": [{}]}),
        json!({"tool_calls": [null]}),
        json!({"content": []}),
        Value::Null,
    ] {
        assert_eq!(said(&[delta(nothing.clone())]).1.len(), 1, "{nothing}: it starts, and says nothing");
    }
}

#[test]
fn case_47_calls_that_share_a_number_are_several_and_a_name_repeated_is_one() {
    let f = |id: &str, name: &str, arguments: &str| json!({"index": 0, "id": id, "function": {"name": name, "arguments": arguments}});
    let without = |mut call: Value| {
        call.as_object_mut().unwrap().remove("index");
        call
    };
    let two = named(&[("a", "f", "{\"x\":1}"), ("b", "f", "{}")]);
    // In one delta, in two, with a number and without.
    let (first, second) = (f("a", "f", "{\"x\":1}"), f("b", "f", "{}"));
    assert_eq!(said(&[calls(json!([first, second]))]).0.calls, two);
    assert_eq!(said(&[calls(json!([first])), calls(json!([second]))]).0.calls, two);
    let (first, second) = (without(first), without(second));
    assert_eq!(said(&[calls(json!([first, second]))]).0.calls, two);
    assert_eq!(said(&[calls(json!([first])), calls(json!([second]))]).0.calls, two);
    // Whole, without ids, as Gemini's compatible API has them.
    let two = named(&[("", "f", "{\"x\":1}"), ("", "f", "{\"x\":2}")]);
    let (first, second) = (f("", "f", "{\"x\":1}"), f("", "f", "{\"x\":2}"));
    assert_eq!(said(&[calls(json!([first, second]))]).0.calls, two);
    assert_eq!(said(&[calls(json!([first])), calls(json!([second]))]).0.calls, two);
    // Without arguments, in one delta.
    let bare = json!([f("", "f", ""), f("", "f", "")]);
    assert_eq!(said(&[calls(bare)]).0.calls, named(&[("", "f", ""), ("", "f", "")]));
    // A name in each chunk, with its id and without, and one without a number.
    for (id, is_numbered) in [("a", true), ("", true), ("a", false), ("", false)] {
        let pieces = ["", "{\"x\"", ":1}", ""].map(|piece| f(id, "f", piece));
        let pieces = pieces.map(|piece| if is_numbered { piece } else { without(piece) });
        let chunks = pieces.map(|piece| calls(json!([piece])));
        assert_eq!(said(&chunks).0.calls, named(&[(id, "f", "{\"x\":1}")]), "{id} {is_numbered}");
    }
    // An id made from the name, under two numbers.
    let same =
        json!([f("f", "f", "{}"), {"index": 1, "id": "f", "function": {"name": "f", "arguments": "{}"}}]);
    assert_eq!(said(&[calls(same)]).0.calls, named(&[("f", "f", "{}"), ("f", "f", "{}")]));
    // The id only in the second chunk, the arguments before the name.
    let late = [
        calls(json!([{"index": 0, "function": {"arguments": "{"}}])),
        calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}])),
    ];
    assert_eq!(said(&late).0.calls, named(&[("a", "f", "{}")]));
}

#[test]
fn a_call_without_a_name_fails() {
    let nameless = calls(json!([{"index": 0, "id": "a", "function": {"arguments": "{}"}}]));
    let chunks = stream(&[delta(json!({"content": "a"})), nameless]);
    for end in ["data: [DONE]\n\n".to_owned(), stream(&[finished("tool_calls")]), String::new()] {
        assert_eq!(failed(&(chunks.clone() + &end)), FailureClass::Garbled);
    }
}

#[test]
fn s2_1_a_chunk_that_is_torn_is_no_part_of_a_whole_answer() {
    let rest = stream(&[delta(json!({"content": "four"})), finished("stop")]);
    for torn in [
        r#"{"choices":[{"index":0,"delta":{"content":"Hel"#,
        "{\"choices\":[{\"delta\":{\"content\":\"a\tb\"}}]}",
    ] {
        assert_eq!(failed(&format!("data: {torn}\n\n{rest}")), FailureClass::Garbled, "{torn}");
    }
}

#[test]
fn a_call_as_function_call_is_one() {
    let legacy = |name: Option<&str>, arguments: &str| {
        delta(json!({"function_call": {"name": name, "arguments": arguments}}))
    };
    let chunks =
        [legacy(Some("f"), ""), legacy(None, "{\"a\""), legacy(None, ":1}"), finished("function_call")];
    let (sum, events) = said(&chunks);
    assert_eq!(sum.calls, named(&[("", "f", "{\"a\":1}")]));
    assert!(events.iter().any(|event| matches!(event, Event::Finish(f) if f.reason == Reason::Calls)));
    let sum = answered(json!({"function_call": {"name": "f", "arguments": "{}"}, "content": null}));
    assert_eq!(sum.calls, named(&[("", "f", "{}")]));
}

#[test]
fn case_55_a_stop_sequence_is_told_and_the_number_of_a_token_is_none() {
    for (key, stop, expected) in [
        ("stop_reason", json!("END"), Some("END")),
        ("matched_stop", json!("END"), Some("END")),
        ("stop_reason", json!(128_009), None),
        ("matched_stop", json!(2), None),
        ("stop_reason", Value::Null, None),
        ("stop_reason", json!("end_turn"), None),
    ] {
        let choice = json!({"index": 0, "delta": {}, "finish_reason": "stop", key: stop});
        let repeated = json!({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]});
        for chunks in [vec![json!({"choices": [choice]})], vec![json!({"choices": [choice]}), repeated]] {
            let (_, events) = said(&chunks);
            let Some(Event::Finish(finish)) = events.last() else { panic!("{events:?}") };
            let told = finish.stop_sequence.as_ref().map(|stop| stop.said().into_owned());
            assert_eq!((finish.reason, told.as_deref()), (Reason::Stop, expected), "{key} {stop}");
        }
    }
}

#[test]
fn case_56_the_last_reason_that_says_something_counts() {
    for (words, reason) in [
        (vec!["stop"], Reason::Stop),
        (vec!["", "eos"], Reason::Stop),
        (vec!["length", ""], Reason::Length),
        (vec!["stop", "length"], Reason::Length),
        (vec!["tool_calls", "tool_calls"], Reason::Calls),
        (vec!["content_filter"], Reason::Filter),
        (vec!["SAFETY"], Reason::Filter),
        (vec!["model_length"], Reason::Length),
        (vec!["who_knows"], Reason::Stop),
    ] {
        let chunks: Vec<Value> = words.iter().map(|word| finished(word)).collect();
        let (_, events) = said(&chunks);
        let last = events.iter().rev().find_map(|event| match event {
            Event::Finish(finish) => Some(finish.reason),
            _ => None,
        });
        assert_eq!(last, Some(reason), "{words:?}");
    }
    assert!(!said(&[finished("")]).1.iter().any(|event| matches!(event, Event::Finish(_))));
}

#[test]
fn usage_is_read_wherever_it_stands() {
    let counts = json!({"prompt_tokens": 2006, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1920}});
    let (mut on_finish, mut in_choice) = (finished("stop"), finished("stop"));
    on_finish["usage"] = counts.clone();
    in_choice["choices"][0]["usage"] = counts.clone();
    let (mut each, mut groq) = (delta(json!({"content": "a"})), finished("stop"));
    each["usage"] = json!({"prompt_tokens": 2006, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1920}});
    groq["x_groq"] = json!({"usage": {"prompt_tokens": 2006, "completion_tokens": 5, "cached_tokens": 1920}});
    for chunks in [
        vec![on_finish.clone()],
        vec![in_choice],
        vec![each, on_finish],
        vec![groq],
        vec![finished("stop"), json!({"choices": [], "usage": counts})],
        vec![json!({"choices": [], "usage": counts}), finished("stop")],
    ] {
        let (_, events) = said(&chunks);
        let last = events.iter().rev().find_map(|event| match event {
            Event::Usage(counted) => Some(*counted),
            _ => None,
        });
        let usage = Usage { input: 86, cache_read: 1920, output: 5, ..Usage::default() };
        assert_eq!(last, Some(Counted { usage, input: true, output: true }), "{chunks:?}");
        assert!(matches!(events[0], Event::Start { .. }));
    }
}

#[test]
fn only_the_first_choice_is_read() {
    let chunk = |index: u64, text: &str| json!({"choices": [{"index": index, "delta": {"content": text}}]});
    let other = json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]});
    let both = json!({"choices": [
        {"index": 1, "delta": {"content": "d"}}, {"delta": {"content": "e"}, "index": 0},
    ]});
    let (sum, _) = said(&[chunk(1, "a"), chunk(0, "b"), chunk(1, "c"), both, finished("stop"), other]);
    assert_eq!((sum.text.as_str(), sum.finish.as_deref()), ("be", Some("stop")));
    let unnumbered = json!({"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]});
    assert_eq!(said(&[unnumbered]).0.text, "a");
}

#[test]
fn what_follows_the_finish_is_read_until_done() {
    let text = stream(&[finished("stop"), delta(json!({"content": "late"}))])
        + "data: [done]\n\n"
        + &stream(&[delta(json!({"content": "too late"}))]);
    let (events, decoder, end) = decoded(text.as_bytes());
    assert_eq!(Sum::of(&events).text, "late");
    assert!(end.is_ok() && decoder.is_done() && decoder.is_finished());
}

#[test]
fn the_tier_that_served_is_told_when_it_changes() {
    let with = |tier: Value, text: &str| {
        let mut chunk = delta(json!({"content": text}));
        chunk["service_tier"] = tier;
        chunk
    };
    let chunks = [
        with(Value::Null, "a"),
        with(json!("auto"), "b"),
        with(json!("auto"), "c"),
        with(json!("flex"), "d"),
    ];
    let (_, events) = said(&chunks);
    let tiers = events.iter().filter_map(|event| match event {
        Event::Tier(tier) => Some(tier.said()),
        _ => None,
    });
    assert_eq!(tiers.collect::<Vec<_>>(), ["auto", "flex"]);
}

#[test]
fn comments_and_empty_frames_say_nothing() {
    let text = ": hi\n\n\n\ndata:\n\nevent: ping\n\ndata: null\n\ndata: [PING]\n\n".to_owned()
        + &stream(&[delta(json!({"content": "a"}))])
        + ": PROCESSING\n\ndata: {}\n\ndata: : keep-alive\n\n"
        + &stream(&[finished("stop")]);
    let (events, decoder, end) = decoded(text.as_bytes());
    assert_eq!((Sum::of(&events).text.as_str(), end, decoder.is_finished()), ("a", Ok(()), true));
}

#[test]
fn s1_1_failures_within_a_stream_are_classified_as_where_it_passes_through() {
    use FailureClass::{Garbled, RateLimited, ServerError};
    let begun = stream(&[delta(json!({"content": "a"}))]);
    for (frame, class) in [
        ("data: {\"error\":{\"message\":\"no\",\"code\":429}}\n\n", RateLimited),
        ("event: error\ndata: {\"message\":\"no\",\"code\":429}\n\n", RateLimited),
        ("error: {\"code\":503,\"message\":\"no\",\"type\":\"server_error\"}\n\n", FailureClass::Overloaded),
        ("data: {\"choices\":[],\"error\":{\"message\":\"no\"}}\n\n", ServerError),
        ("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n", ServerError),
        ("data: {\"choices\":[{\"delta\":{}\n\n", Garbled),
        ("data: <html>\n\n", Garbled),
        ("data: {\"detail\":\"broken\"}\n\ndata: [DONE]\n\n", ServerError),
    ] {
        assert_eq!(failed(&(begun.clone() + frame)), class, "{frame}");
    }
    assert_eq!(failed("<html>\n\n"), Garbled);
    assert_eq!(failed("data: {\"type\":\"message_start\"}\n\n"), Garbled);
}

#[test]
fn s1_1_a_unary_answer_is_judged_as_where_it_passes_through() {
    let read = |body: &'static str| {
        let mut events = Vec::new();
        let row = Vendor::OpenAICompatible.row();
        whole(row, None, &Bytes::from_static(body.as_bytes()), NOW, &mut events).map(|_| events)
    };
    for (body, class) in [
        ("<html>", FailureClass::Garbled),
        ("{\"choices\":[{\"message\":{\"content\":\"a\"}}", FailureClass::Garbled),
        ("{\"error\":{\"message\":\"no\",\"code\":429}}", FailureClass::RateLimited),
    ] {
        assert_eq!(read(body).unwrap_err().class, class, "{body}");
    }
    let blocked = read("{\"choices\":[],\"prompt_filter_results\":[]}").unwrap();
    assert!(
        matches!(&blocked[..], [Event::Start { .. }, Event::Finish(finish)] if finish.reason == Reason::Filter)
    );
}

#[test]
fn s2_17_what_is_not_quite_json_is_read_as_sdks_read_it() {
    let chunk =
        "\u{FEFF}{\"choices\":[{\"delta\":{\"content\":\"\\ud83d a \\q \\u12\"},\"x\":NaN,\"index\":0.0}]}";
    let (events, _, _) = decoded(format!("data: {chunk}\n\n").as_bytes());
    let Some(Event::Text(text)) = events.last() else { panic!("{events:?}") };
    serde_json::from_slice::<String>(text.json()).expect("what goes on is JSON");
    assert!(text.said().starts_with("\u{FFFD} a q"), "{text:?}");
    let latin = b"data: {\"choices\":[{\"delta\":{\"content\":\"caf\xe9\"}}]}\n\n";
    assert_eq!(Sum::of(&decoded(latin).0).text, "caf\u{FFFD}");
}
