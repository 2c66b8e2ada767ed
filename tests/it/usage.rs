//! S2.6, S4.1, S4.7: how a stream's usage is had, what an answer costs, and the line that says so.

use crate::harness::{Config, Reply, World, streamed, unary};
use serde_json::{Value, json};
use weir_config::Prices;
use weir_upstream::{Answer, Chat, Upstream, Usage, When};

pub(crate) fn one(change: impl FnOnce(&mut Config)) -> (Upstream, World) {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    change(&mut config);
    (upstream, config.start())
}

pub(crate) fn asking() -> Value {
    let mut body = streamed();
    body["stream_options"] = json!({"include_usage": true});
    body
}

/// The chunks that have no choice: the extra ones.
fn extra(reply: &Reply) -> Vec<Value> {
    let chunks = reply.events().into_iter().filter_map(|event| serde_json::from_str::<Value>(&event).ok());
    chunks.filter(|chunk| chunk["choices"].as_array().is_some_and(Vec::is_empty)).collect()
}

#[tokio::test]
async fn s2_6_usage_is_asked_for_and_kept_from_who_did_not_ask() {
    let (upstream, world) = one(|_| {});
    upstream.always(Chat::pieces(["Hel", "lo"]).usage(Some(Usage::new(100, 20))));
    let reply = world.stream().await;
    assert!(upstream.last().unwrap().asks_usage());
    assert!(reply.is_whole() && extra(&reply).is_empty(), "{reply:?}");
    let nulls = reply.events().iter().filter(|event| event.contains("\"usage\":null")).count();
    assert_eq!(nulls, 4, "role, two pieces and the finish keep theirs: {}", reply.text);
    let line = &world.usage()[0];
    assert_eq!((&line["tokens"]["input"], &line["tokens"]["output"]), (&json!(100), &json!(20)), "{line}");
    assert_eq!(line["assumed"], false, "{line}");
}

#[tokio::test]
async fn s2_6_who_asks_for_usage_gets_it() {
    let (upstream, world) = one(|_| {});
    upstream.always(Chat::says("Hello").usage(Some(Usage::new(100, 20))));
    let reply = world.post(asking().to_string()).await;
    let extra = extra(&reply);
    assert_eq!(extra.len(), 1, "{reply:?}");
    assert_eq!(extra[0]["usage"]["prompt_tokens"], 100);
    assert_eq!(world.usage()[0]["tokens"]["input"], 100);
}

#[tokio::test]
async fn s2_6_usage_that_comes_unasked_is_kept_from_who_did_not_ask() {
    let (upstream, world) = one(|_| {});
    upstream.always(Chat::says("Hello").usage(Some(Usage::new(100, 20))).usage_in_stream(When::Always));
    assert_eq!(extra(&world.stream().await).len(), 0);
    assert_eq!(extra(&world.post(asking().to_string()).await).len(), 1);
}

#[tokio::test]
async fn s2_6_usage_that_nobody_tells_is_assumed() {
    let (upstream, world) = one(|_| {});
    let text = "word ".repeat(100);
    upstream.always(Chat::pieces([&*text; 3]).usage(None));
    let reply = world.chat().await;
    assert!(reply.header("x-weir-cost-usd").is_some(), "{reply:?}");
    assert!(world.stream().await.is_whole());
    for line in world.usage() {
        assert_eq!(line["assumed"], true, "{line}");
        let (input, output) =
            (line["tokens"]["input"].as_u64().unwrap(), line["tokens"]["output"].as_u64().unwrap());
        assert!((10..100).contains(&input), "{line}");
        assert!((300..500).contains(&output), "1,500 bytes: {line}");
        assert!(line["cost_nano_usd"].as_u64() > Some(0), "{line}");
    }
}

/// A unary answer and a stream with these usages, one chunk each.
fn with_usage(usages: &[&str]) -> Answer {
    let unary = format!(r#"{{"choices":[{{"message":{{"content":"four"}}}}],"usage":{}}}"#, usages[0]);
    let text = r#"{"choices":[{"index":0,"delta":{"content":"four"},"finish_reason":"stop"}]}"#;
    let chunks = usages.iter().map(|usage| format!(r#"{{"choices":[],"usage":{usage}}}"#));
    let data = [text.to_owned()].into_iter().chain(chunks).chain(["[DONE]".to_owned()]);
    let frames: Vec<String> = data.map(|data| format!("data: {data}\n\n")).collect();
    Answer::by(
        move |seen| {
            if seen.stream() { Answer::events(frames.clone()) } else { Answer::json(200, unary.clone()) }
        },
    )
}

#[tokio::test]
async fn s2_15_of_several_usages_each_count_is_the_largest() {
    let (upstream, world) = one(|_| {});
    let real = r#"{"prompt_tokens":100,"completion_tokens":50}"#;
    for usages in [
        [real, r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#],
        [r#"{"prompt_tokens":100}"#, r#"{"completion_tokens":50}"#],
        [r#"{"prompt_tokens":100,"total_tokens":150}"#, "null"],
    ] {
        upstream.always(with_usage(&usages));
        assert!(world.stream().await.is_whole());
    }
    let kimi = r#"{"choices":[{"index":0,"delta":{"content":"four"},"finish_reason":"stop","usage":{"prompt_tokens":100,"completion_tokens":50}}]}"#;
    upstream.always(Answer::events([format!("data: {kimi}\n\n"), "data: [DONE]\n\n".to_owned()]));
    assert!(world.stream().await.is_whole());
    for line in world.usage() {
        let tokens = &line["tokens"];
        assert_eq!((&tokens["input"], &tokens["output"]), (&json!(100), &json!(50)), "{line}");
        assert_eq!(line["assumed"], false, "{line}");
    }
}

#[tokio::test]
async fn s2_15_counts_that_cannot_be_are_assumed_and_flagged() {
    for window in [Some(128_000), None] {
        let (upstream, world) = one(|config| {
            config.provider_mut(0, |provider| provider.models[0].context_window = window);
        });
        for prompt in ["18446744073709551615", "-1", "4294967295", "1e300"] {
            upstream.always(with_usage(&[&format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":5}}"#)]));
            assert_eq!(world.chat().await.status, 200);
            assert!(world.stream().await.is_whole());
        }
        let largest = window.unwrap_or(20_000_000);
        upstream.always(with_usage(&[&format!(r#"{{"prompt_tokens":{largest},"completion_tokens":5}}"#)]));
        assert_eq!(world.chat().await.status, 200);
        let mut lines = world.usage();
        let believed = lines.pop().unwrap();
        assert_eq!((&believed["tokens"]["input"], &believed["assumed"]), (&json!(largest), &json!(false)));
        for line in lines {
            assert_eq!((&line["assumed"], &line["tokens"]["output"]), (&json!(true), &json!(5)), "{line}");
            assert!(line["tokens"]["input"].as_u64() < Some(100), "{line}");
            assert!(line["cost_nano_usd"].as_u64() < Some(1_000_000), "{line}");
        }
    }
}

/// What was said in place of an output that cannot be, and no more nor less.
#[tokio::test]
async fn s2_15_a_side_that_cannot_be_is_assumed_alone_in_answers_as_in_streams() {
    let text = "word ".repeat(80);
    for window in [Some(1_000), None] {
        let (upstream, world) = one(|config| {
            config.provider_mut(0, |provider| provider.models[0].context_window = window);
        });
        let beyond = window.map_or(4_294_967_295, |window| window + 1);
        let mut expected = Vec::new();
        for (prompt, completion, output) in [(9, beyond, 100), (beyond, 9, 9), (beyond, beyond, 100)] {
            let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion});
            let unary = json!({"choices": [{"message": {"content": text}}], "usage": usage}).to_string();
            let chunk =
                json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]});
            let last = json!({"choices": [], "usage": usage});
            let frames = [format!("data: {chunk}\n\n"), format!("data: {last}\n\ndata: [DONE]\n\n")];
            upstream.always(Answer::by(move |seen| {
                if seen.stream() { Answer::events(frames.clone()) } else { Answer::json(200, unary.clone()) }
            }));
            assert_eq!(world.chat().await.status, 200);
            assert!(world.stream().await.is_whole());
            expected.extend([(prompt == 9, output); 2]);
        }
        for (line, (is_told, output)) in world.usage().iter().zip(expected) {
            let (tokens, input) = (&line["tokens"], line["tokens"]["input"].as_u64().unwrap());
            assert_eq!((&tokens["output"], &line["assumed"]), (&json!(output), &json!(true)), "{line}");
            assert!(if is_told { input == 9 } else { (10..200).contains(&input) }, "{line}");
        }
    }
}

#[tokio::test]
async fn s2_15_what_is_assumed_is_at_most_what_the_model_has_room_for() {
    let (upstream, world) = one(|config| {
        config.provider_mut(0, |provider| provider.models[0].context_window = Some(1_000));
    });
    let mut body = unary();
    body["messages"][0]["content"] = json!("word ".repeat(4_000));
    let text = "word ".repeat(4_000);
    let unary = json!({"choices": [{"message": {"content": text}}]}).to_string();
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]});
    let frames = [format!("data: {chunk}\n\n"), "data: [DONE]\n\n".to_owned()];
    upstream.always(Answer::by(move |seen| {
        if seen.stream() { Answer::events(frames.clone()) } else { Answer::json(200, unary.clone()) }
    }));
    assert_eq!(world.post(body.to_string()).await.status, 200);
    body["stream"] = json!(true);
    assert!(world.post(body.to_string()).await.is_whole());
    for line in world.usage() {
        let tokens = &line["tokens"];
        assert_eq!((&tokens["input"], &tokens["output"]), (&json!(1_000), &json!(1_000)), "{line}");
        assert_eq!(line["assumed"], true, "{line}");
    }
}

#[tokio::test]
async fn s2_15_beside_a_count_that_cannot_be_the_real_one_counts() {
    let (upstream, world) = one(|_| {});
    let absurd = r#"{"prompt_tokens":999999999,"completion_tokens":5}"#;
    let real = r#"{"prompt_tokens":10,"completion_tokens":5}"#;
    for usages in [[absurd, real], [real, absurd]] {
        upstream.always(with_usage(&usages));
        assert!(world.stream().await.is_whole());
    }
    for line in world.usage() {
        let tokens = &line["tokens"];
        assert_eq!((&tokens["input"], &tokens["output"]), (&json!(10), &json!(5)), "{line}");
        assert_eq!(line["assumed"], false, "{line}");
    }
}

/// 1,000 tokens in, 600 of them from the cache, 500 out, 200 of them reasoning.
const MIXED: Usage = Usage { prompt: 1_000, completion: 500, cached: 600, reasoning: 200 };

#[tokio::test]
async fn s4_1_cached_tokens_are_split_once_and_charged_in_integers() {
    let (upstream, world) = one(|_| {});
    upstream.always(Chat::says("Hello").usage(Some(MIXED)));
    let reply = world.chat().await;
    // 400 x 2.50 + 600 x 1.25 + 500 x 10 micro-USD
    assert_eq!(reply.header("x-weir-cost-usd"), Some("0.006750000"), "{reply:?}");
    let streamed = world.stream().await;
    assert_eq!(streamed.header("x-weir-cost-usd"), None, "not known when the headers go out");
    for line in world.usage() {
        let expected = json!({"input": 400, "cache_read": 600, "cache_write": 0, "cache_write_1h": 0, "output": 300, "reasoning": 200});
        assert_eq!((&line["tokens"], &line["cost_nano_usd"]), (&expected, &json!(6_750_000)), "{line}");
        assert_eq!(line["assumed"], false, "{line}");
    }
}

fn priced(change: impl Fn(&mut Option<Prices>)) -> (Upstream, World) {
    one(|config| {
        config.provider_mut(0, |provider| change(&mut provider.models[0].prices));
    })
}

#[tokio::test]
async fn s4_1_a_charge_is_rounded_up_once() {
    let (upstream, world) = priced(|prices| {
        let least = "0.000001".parse().unwrap();
        *prices = Some(Prices { input: least, output: least, cache_read: Some(least), ..Prices::default() });
    });
    upstream.always(Chat::says("Hello").usage(Some(MIXED)));
    // 1,500 tokens at one pico-USD each are 1.5 nano-USD.
    assert_eq!(world.chat().await.header("x-weir-cost-usd"), Some("0.000000002"));
    assert_eq!(world.usage()[0]["cost_nano_usd"], 2);
}

#[tokio::test]
async fn s4_1_without_a_price_for_the_cache_its_tokens_cost_what_others_do() {
    let (upstream, world) = priced(|prices| prices.as_mut().unwrap().cache_read = None);
    upstream.always(Chat::says("Hello").usage(Some(MIXED)));
    assert_eq!(world.chat().await.header("x-weir-cost-usd"), Some("0.007500000"));
}

#[tokio::test]
async fn s4_2_an_unknown_price_is_not_zero() {
    let (_upstream, world) = priced(|prices| *prices = None);
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.header("x-weir-cost-usd")), (200, None), "{reply:?}");
    let line = &world.usage()[0];
    assert_eq!(line["cost_nano_usd"], Value::Null, "{line}");
    assert!(line["tokens"]["input"].as_u64() > Some(0), "{line}");
}

#[tokio::test]
async fn s4_7_each_request_has_one_line_and_none_holds_a_prompt() {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.then(Answer::overloaded());
    let world = Config::over(&[&first, &second]).start();
    let mut body = unary();
    body["messages"][0]["content"] = json!("prompt-sentinel");
    second.always(Answer::says("answer-sentinel"));
    let reply = world.post(body.to_string()).await;
    body["model"] = json!("no such model");
    assert_eq!(world.post(body.to_string()).await.status, 404);
    assert_eq!(world.post("{\"prompt-sentinel").await.status, 400);
    assert_eq!(world.post_as("weir_wrong_key_0123456789abcdefghijkl", body.to_string()).await.status, 401);
    let lines = world.usage_lines(4).await;
    assert_eq!(lines.len(), 4);
    let text = std::fs::read_to_string(world.usage_path()).unwrap();
    for secret in ["sentinel", "weir_test_key", "weir_wrong_key"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let line = lines.iter().find(|line| line["outcome"] == "ok").unwrap();
    assert_eq!(line["id"].as_str(), reply.header("x-request-id"), "{line}");
    assert_eq!(
        (&line["schema"], &line["status"], &line["stream"]),
        (&json!(1), &json!(200), &json!(false)),
        "{line}"
    );
    assert_eq!((&line["key"], &line["tenant"]), (&json!("default/app"), &json!("default")), "{line}");
    assert_eq!((&line["route"], &line["target"]), (&json!("default/chat"), &json!("p2")), "{line}");
    assert_eq!((&line["provider"], &line["model"]), (&json!("default/p2"), &json!("gpt")), "{line}");
    assert_eq!(line["attempts"][0]["outcome"], "overloaded", "{line}");
    assert_eq!(line["attempts"][0]["status"], 529, "{line}");
    assert_eq!(line["attempts"][1]["outcome"], "ok", "{line}");
    assert!(
        line["time"].as_str().unwrap().ends_with('Z') && line["duration_us"].as_u64() > Some(0),
        "{line}"
    );
}
