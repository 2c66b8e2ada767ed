//! What is read and written again is the same conversation.

use super::*;
use crate::anthropic::request::read;
use proptest::prelude::*;

/// What was said, by whom, in order; results apart, since they go first.
#[derive(Debug, PartialEq, Default)]
struct Heard {
    said: Vec<(String, String)>,
    results: Vec<(String, String)>,
}

fn heard(body: &Value) -> Heard {
    let mut heard = Heard::default();
    for turn in body["messages"].as_array().unwrap() {
        let role = turn["role"].as_str().unwrap();
        for block in turn["content"].as_array().unwrap() {
            let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
            match block["type"].as_str().unwrap() {
                "text" if text("text").trim().is_empty() => {}
                "text" => heard.said.push((role.to_owned(), text("text"))),
                "tool_use" => {
                    heard.said.push((
                        role.to_owned(),
                        format!("{} {} {}", text("id"), text("name"), block["input"]),
                    ));
                }
                "tool_result" => heard.results.push((text("tool_use_id"), text("content"))),
                "thinking" => {
                    let signature = text("signature").replace("weir_a1.", "");
                    heard.said.push((role.to_owned(), format!("{} {signature}", text("thinking"))));
                }
                other => panic!("{other}"),
            }
        }
    }
    heard
}

fn said() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ -~é\"\\\\\n\t😀]{0,12}", "[a-z]{5000}"]
}

fn input() -> impl Strategy<Value = Value> {
    prop::collection::vec(("[a-z\"\\\\]{1,3}", said()), 0..3).prop_map(|fields| {
        Value::Object(fields.into_iter().map(|(key, text)| (key, Value::from(text))).collect())
    })
}

/// A user speaks, an assistant answers, perhaps after some thought, and calls tools.
#[derive(Debug)]
struct Step {
    asks: Vec<String>,
    answers: Vec<String>,
    /// What they are called with and what comes of it.
    calls: Vec<(Value, String)>,
    thinks: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let calls = prop::collection::vec((input(), said()), 0..3);
    let texts = || prop::collection::vec(said(), 0..3);
    (texts(), texts(), calls, any::<bool>()).prop_map(|(asks, answers, calls, thinks)| Step {
        asks,
        answers,
        calls,
        thinks,
    })
}

fn body(steps: Vec<Step>) -> Value {
    let mut messages = vec![json!({"role": "user", "content": [block("Hello")]})];
    let mut next = 0;
    for Step { asks, answers, calls, thinks } in steps {
        messages.push(
            json!({"role": "user", "content": asks.iter().map(|text| block(text)).collect::<Vec<_>>()}),
        );
        let mut content: Vec<Value> = answers.iter().map(|text| block(text)).collect();
        if thinks {
            content.insert(0, json!({"type": "thinking", "thinking": "hm", "signature": "weir_a1.Eq/=" }));
        }
        let mut results = Vec::new();
        for (input, came) in calls {
            content.push(json!({"type": "tool_use", "id": format!("t{next}"), "name": "n", "input": input}));
            results.push(json!({"type": "tool_result", "tool_use_id": format!("t{next}"), "content": came}));
            next += 1;
        }
        messages.push(json!({"role": "assistant", "content": content}));
        messages.push(json!({"role": "user", "content": results}));
    }
    messages.push(json!({"role": "user", "content": [block("Go on.")]}));
    json!({"model": "m", "max_tokens": 9, "messages": messages})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn what_is_read_and_written_is_the_same_conversation(steps in prop::collection::vec(step(), 0..5), pretty: bool) {
        let body = body(steps);
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
        let chat = read(&Bytes::from(text.unwrap())).unwrap();
        let (again, told) = written_for(&chat, &to("claude-opus-4-6", None));
        prop_assert_eq!(told, Vec::<String>::new());
        let (mut before, mut after) = (heard(&body), heard(&again));
        // An empty result needs no words.
        before.results.iter_mut().chain(&mut after.results).for_each(|(_, said)| *said = said.trim().to_owned());
        prop_assert_eq!(&before, &after);
        let roles: Vec<_> = again["messages"].as_array().unwrap().iter().map(|turn| turn["role"].clone()).collect();
        prop_assert!(roles.windows(2).all(|pair| pair[0] != pair[1]), "turns alternate: {roles:?}");
        let twice = read(&Bytes::from(again.to_string())).unwrap();
        prop_assert_eq!(twice.turns.len(), roles.len());
    }

    #[test]
    fn each_result_keeps_its_call_whatever_the_ids(
        steps in prop::collection::vec(prop::collection::vec("[ab.]{0,2}", 1..5), 1..6)
    ) {
        let mut turns = Vec::new();
        for (step, ids) in steps.iter().enumerate() {
            let calls = ids.iter().enumerate().map(|(at, id)| call(id, "n", &format!(r#"{{"is":"{step}/{at}"}}"#)));
            turns.push((Role::Assistant, calls.collect()));
            // In another order than the calls; those of one id keep theirs.
            let mut results: Vec<_> = ids.iter().enumerate().collect();
            results.sort_by_key(|(at, id)| (std::cmp::Reverse(*id), *at));
            for (at, id) in results {
                turns.push((Role::User, vec![text("x"), result(id, &format!("{step}/{at}"))]));
            }
        }
        let body = written(&chat(turns));
        let mut seen = std::collections::HashSet::new();
        for pair in body["messages"].as_array().unwrap().chunks(2) {
            let (calls, after) = (pair[0]["content"].as_array().unwrap(), pair[1]["content"].as_array().unwrap());
            let results = &after[..calls.len()];
            prop_assert!(results.iter().all(|block| block["type"] == "tool_result"), "results first: {after:?}");
            for call in calls {
                let id = call["id"].as_str().unwrap();
                prop_assert!(super::super::ids::is_plain(id) && seen.insert(id.to_owned()), "{id}");
                let result = results.iter().find(|result| result["tool_use_id"] == id).unwrap();
                prop_assert_eq!(&result["content"], &call["input"]["is"]);
            }
        }
    }
}
