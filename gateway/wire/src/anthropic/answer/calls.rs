//! The cases by number, of tool calls towards a Messages caller.

use super::tests::{arguments, call, finish, said, text, writer};
use super::*;
use crate::hub::Reason;
use serde_json::{Value, json};

#[test]
fn case_45_calls_that_come_by_turns_come_out_one_after_the_other() {
    let mut writer = writer();
    let mut out = Writer::default();
    let events = [
        call(0, "x"),
        call(1, "y"),
        arguments(0, "{\"a\":"),
        arguments(1, "{\"b\":"),
        arguments(0, "1}"),
        arguments(1, "2}"),
    ];
    let mut held = Vec::new();
    for event in events.clone() {
        writer.event(event, &mut out);
        held.push(writer.held_bytes() > 0);
    }
    assert_eq!(held, [false, false, false, true, false, false], "the first that is whole lets the second go");
    let message = said(&events);
    assert_eq!(message["content"][0]["input"], json!({"a": 1}));
    assert_eq!(message["content"][1]["input"], json!({"b": 2}));
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn a_whole_call_does_not_wait_for_the_next() {
    let mut writer = writer();
    let mut out = Writer::default();
    for event in [call(0, "x"), arguments(0, "{\"a\":1}"), call(1, "y"), arguments(1, "{")] {
        writer.event(event, &mut out);
    }
    assert_eq!(writer.held_bytes(), 0);
    let written = String::from_utf8(out.bytes().to_vec()).unwrap();
    assert!(written.ends_with("\"partial_json\":\"{\"}}\n\n"), "{written}");
}

#[test]
fn case_56_calls_decide() {
    for reason in [Reason::Stop, Reason::Calls, Reason::Length, Reason::Filter] {
        let message = said(&[call(0, "x"), arguments(0, "{}"), finish(reason)]);
        assert_eq!(message["stop_reason"], "tool_use", "{reason:?}");
    }
    assert_eq!(said(&[call(0, "x"), arguments(0, "{}")])["stop_reason"], "tool_use");
    assert_eq!(said(&[text("a"), finish(Reason::Calls)])["stop_reason"], "end_turn");
    assert_eq!(said(&[text("a"), finish(Reason::Length)])["stop_reason"], "max_tokens");
    assert_eq!(said(&[text("a"), finish(Reason::Length), finish(Reason::Stop)])["stop_reason"], "end_turn");
    // What a model got wrong itself is its call all the same.
    let message = said(&[call(0, "x"), arguments(0, "{\"a\""), finish(Reason::Calls)]);
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["content"][0]["input"], json!({"INVALID_JSON": "{\"a\""}));
}

#[test]
fn case_57_a_call_that_was_cut_off_stays_as_it_is() {
    for piece in ["{\"city", "{\"a\":1,", "{"] {
        let message = said(&[call(0, "x"), arguments(0, piece), finish(Reason::Length)]);
        assert_eq!(message["stop_reason"], "max_tokens");
        assert_eq!(message["content"][0]["input"], json!({"INVALID_JSON": piece}));
    }
    // Before its arguments began: nothing is made up for it.
    let mut writer = writer();
    let mut out = Writer::default();
    for event in [call(0, "x"), finish(Reason::Length)] {
        writer.event(event, &mut out);
    }
    writer.end(&mut out);
    let out = out.bytes();
    assert!(!String::from_utf8_lossy(&out).contains("input_json_delta"));
    assert_eq!(checker::message(&out)["stop_reason"], "max_tokens");
    // The one before it was whole.
    let message = said(&[call(0, "x"), call(1, "y"), arguments(1, "{"), finish(Reason::Length)]);
    assert_eq!(message["content"][0]["input"], json!({}));
    assert_eq!(message["stop_reason"], "max_tokens");
}

#[test]
fn a_call_without_arguments_has_none() {
    for pieces in [vec![], vec![""], vec![" "], vec!["null"], vec!["", "{}"], vec!["{", "}"]] {
        let mut events = vec![call(0, "x")];
        events.extend(pieces.iter().map(|piece| arguments(0, piece)));
        events.push(finish(Reason::Calls));
        assert_eq!(said(&events)["content"][0]["input"], json!({}), "{pieces:?}");
        let mut writer = writer();
        let mut out = Writer::default();
        events.into_iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        let out = String::from_utf8(out.bytes().to_vec()).unwrap();
        assert!(out.contains("input_json_delta") && !out.contains("null\"}}"), "{pieces:?}: {out}");
    }
}

#[test]
fn arguments_keep_their_bytes() {
    let written = "{\"b\": 1.0, \"a\":[ ], \"é\": \"\\u00e9\", \"b2\":1e400}";
    let body = whole(
        vec![call(0, "x"), arguments(0, written)],
        "msg_1",
        &Text::new("m"),
        &(Box::new(|_: &str| None) as CallersName),
        None,
    );
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains(&format!("\"input\":{written}")), "{body}");
}

#[test]
fn case_3_ids_are_given_where_there_are_none_and_never_twice() {
    let ids = |id: &str, events: Vec<Event>| -> Vec<String> {
        let names: CallersName = Box::new(|_| None);
        let body = whole(events, id, &Text::new("m"), &names, None);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let content = body["content"].as_array().unwrap();
        content.iter().map(|block| block["id"].as_str().unwrap().to_owned()).collect()
    };
    let events = vec![call(0, ""), call(1, ""), call(2, "same"), call(3, "same"), call(4, "functions.f:0")];
    let (first, second) = (ids("msg_1", events.clone()), ids("msg_2", events.clone()));
    assert_eq!(first, ids("msg_1", events), "the same each time");
    assert_eq!((first[2].as_str(), first[4].as_str()), ("same", "functions.f:0"), "a vendor's own stay");
    let mut made: Vec<&String> = [0, 1, 3].iter().flat_map(|at| [&first[*at], &second[*at]]).collect();
    for id in &made {
        let hex = id.strip_prefix("toolu_").unwrap();
        assert!(hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 6);
}

#[test]
fn case_1_names_are_the_callers() {
    let names: CallersName = Box::new(|name| (name == "f0").then(|| Text::new("mcp__long \"name\"")));
    let body = whole(vec![call(0, "x"), call(1, "y")], "msg_1", &Text::new("m"), &names, None);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["content"][0]["name"], "mcp__long \"name\"");
    assert_eq!(body["content"][1]["name"], "f1");
}
