//! Blocks and deltas of every kind, and what imitators make of them.

use super::*;

/// What a stream of these events says, without its beginning.
fn content(events: &[&str]) -> Vec<Event> {
    let mut said = read(&stream(events));
    assert_eq!(said.remove(0), Event::Start { id: None, model: None });
    said
}

fn block(block: &str) -> String {
    format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#)
}

fn delta(delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#)
}

const STOP: &str = r#"{"type":"content_block_stop","index":0}"#;

fn text(text: &str) -> Event {
    Event::Text(Text::new(text))
}

#[test]
fn blocks_of_other_callers_are_passed_over_with_their_deltas() {
    for other in [
        r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#,
        r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","title":"t","encrypted_content":"E"}]}"#,
        r#"{"type":"web_fetch_tool_result","tool_use_id":"s","content":{"type":"document"}}"#,
        r#"{"type":"bash_code_execution_tool_result","tool_use_id":"s","content":{}}"#,
        r#"{"type":"mcp_tool_use","id":"s","name":"n","server_name":"x","input":{}}"#,
        r#"{"type":"mcp_tool_result","tool_use_id":"s","content":[{"type":"text","text":"no"}]}"#,
        r#"{"type":"compaction","content":null}"#,
        r#"{"type":"a_word_of_2027","text":"no"}"#,
    ] {
        let said = content(&[
            &block(other),
            &delta(r#"{"type":"input_json_delta","partial_json":"{\"query\":\"a\"}"}"#),
            &delta(r#"{"type":"compaction_delta","content":"no"}"#),
            STOP,
            &block(r#"{"type":"text","text":"","citations":[]}"#),
            &delta(r#"{"type":"text_delta","text":"yes"}"#),
            &delta(r#"{"type":"citations_delta","citation":{"type":"char_location","cited_text":"no"}}"#),
            STOP,
        ]);
        assert_eq!(said, [text("yes"), Event::BlockEnd], "{other}");
        let whole = format!(
            r#"{{"content":[{other},{{"type":"text","text":"yes","citations":[{{"cited_text":"no"}}]}}]}}"#
        );
        assert_eq!(read_whole(&whole)[1..], [text("yes"), Event::BlockEnd], "{other}");
    }
}

#[test]
fn reasoning_without_text_is_kept_in_its_order() {
    // Case 35: what new models send unless asked for more.
    let thinking = r#"{"type":"thinking","thinking":"","signature":""}"#;
    let signature = |mark: &str| delta(&format!(r#"{{"type":"signature_delta","signature":"{mark}"}}"#));
    let said = content(&[
        &block(thinking),
        &signature("s1"),
        STOP,
        &block(r#"{"type":"redacted_thinking","data":"R+/="}"#),
        STOP,
        &block(thinking),
        &signature("s2"),
        STOP,
    ]);
    let expected = [
        Event::Signature(Text::new("s1")),
        Event::BlockEnd,
        Event::Redacted(Text::new("R+/=")),
        Event::BlockEnd,
        Event::Signature(Text::new("s2")),
        Event::BlockEnd,
    ];
    assert_eq!(said, expected);
    let whole = r#"{"content":[{"type":"thinking","thinking":"","signature":"s1"},{"type":"redacted_thinking","data":"R+/="},{"type":"thinking","signature":"s2"}]}"#;
    assert_eq!(read_whole(whole)[1..], expected);
}

#[test]
fn arguments_come_in_pieces_or_with_their_block_but_never_twice() {
    let json = |json: &str| delta(&format!(r#"{{"type":"input_json_delta","partial_json":{json:?}}}"#));
    let tool = |input: &str| block(&format!(r#"{{"type":"tool_use","id":"t","name":"f"{input}}}"#));
    for (input, pieces, expected) in [
        (r#","input":{}"#, vec![""], ""),
        ("", vec![], ""),
        (r#","input":null"#, vec![], ""),
        (r#","input":{ }"#, vec![], ""),
        (r#","input":{}"#, vec!["", "{\"a\"", ":1}"], "{\"a\":1}"),
        (r#","input":{"a":1}"#, vec![], "{\"a\":1}"),
        (r#","input":{"a":1}"#, vec!["{\"a\":1}"], "{\"a\":1}"),
        (r#","input":"{\"a\":1}""#, vec![], "{\"a\":1}"),
        (r#","input":{"a":"\ud83d"}"#, vec![], "{\"a\":\"\\ufffd\"}"),
        (r#","input":{}"#, vec!["{\"city"], "{\"city"),
    ] {
        let mut events = vec![tool(input)];
        events.extend(pieces.iter().map(|piece| json(piece)));
        events.push(STOP.to_owned());
        let said = content(&events.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(calls(&said), [("t".to_owned(), "f".to_owned(), expected.to_owned())], "{input}");
        assert_eq!(said.last(), Some(&Event::BlockEnd));
    }
}

#[test]
fn a_block_ends_also_where_that_is_not_said() {
    let said = content(&[
        &block(r#"{"type":"text","text":"a"}"#),
        &block(r#"{"type":"tool_use","id":"t","name":"f","input":{"a":1}}"#),
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let ends: Vec<usize> = (0..said.len()).filter(|at| said[*at] == Event::BlockEnd).collect();
    assert_eq!(ends, [1, 4]);
    assert_eq!(calls(&said)[0].2, "{\"a\":1}");
}

#[test]
fn text_that_no_block_was_begun_for_is_text() {
    let delta = delta(r#"{"type":"text_delta","text":"\u00e9\n"}"#);
    assert_eq!(content(&[&delta]), [Event::Text(Text::read(r#""\u00e9\n""#.into()))]);
    assert_eq!(content(&[&delta])[0], Event::Text(Text::read(r#""\u00e9\n""#.into())));
}

#[test]
fn a_reseller_that_counts_late_is_believed_late() {
    let events = read(&one("messages-stream-via-openrouter"));
    let told: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Usage(_))).collect();
    assert_eq!(told.len(), 1, "its zeros are no counts");
    assert!(!events.iter().any(|event| matches!(event, Event::Tier(_))), "null is no tier");
}

#[test]
fn the_counts_and_the_tier_are_told_when_they_change() {
    let events = read(&one("messages-stream-text"));
    let tiers: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Tier(_))).collect();
    assert_eq!(tiers, [&Event::Tier(Text::new("standard"))]);
    let outputs: Vec<u64> = events
        .iter()
        .filter_map(|event| if let Event::Usage(counted) = event { Some(counted.usage.output) } else { None })
        .collect();
    assert_eq!(outputs, [1, 9]);
}

#[test]
fn a_refusal_keeps_the_text_so_far_and_says_why() {
    // Case 58, from Anthropic's reference, "Streaming refusals".
    let said = content(&[
        &block(r#"{"type":"text","text":"Well"}"#),
        STOP,
        r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":"bio","explanation":"Not this."}},"usage":{"output_tokens":1}}"#,
    ]);
    assert_eq!(said[0], text("Well"));
    let finish = finish(&said).unwrap();
    assert_eq!((finish.reason, finish.explanation.clone()), (Reason::Filter, Some(Text::new("Not this."))));
}
