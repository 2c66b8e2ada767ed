//! S4.1: tokens and their cost, whoever asks whom; and what the caller is told of them.

use super::said::Said;
use super::{Api, BOTH, ask, over, with};
use crate::harness::Config;
use serde_json::{Value, json};
use weir_config::Prices;
use weir_upstream::{Answer, Chat, Message, Tokens, Told, Upstream, Usage};

const TOKENS: Tokens =
    Tokens { input: 100, output: 50, cache_read: 40, cache_write_5m: 30, cache_write_1h: 20, thinking: 10 };
const USAGE: Usage = Usage { prompt: 140, completion: 50, cached: 40, reasoning: 10 };

fn priced(account: Api, upstream: &Upstream) -> Config {
    let mut config = over(&[(account, upstream)]);
    config.provider_mut(0, |provider| {
        provider.models[0].prices = Some(Prices {
            input: "3".parse().unwrap(),
            output: "15".parse().unwrap(),
            cache_read: Some("0.3".parse().unwrap()),
            cache_write: Some("3.75".parse().unwrap()),
            cache_write_1h: Some("6".parse().unwrap()),
        });
    });
    config
}

/// What callers are told in the counts of their API.
fn assert_told(caller: Api, account: Api, usage: &Value) {
    let written = if account == Api::Messages { 50 } else { 0 };
    match caller {
        Api::Chat => {
            assert_eq!(usage["prompt_tokens"], 140 + written, "{usage}");
            assert_eq!(usage["completion_tokens"], 50, "{usage}");
            assert_eq!(usage["total_tokens"], 190 + written, "{usage}");
            assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 40, "{usage}");
            assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 10, "{usage}");
        }
        Api::Messages => {
            assert_eq!(usage["input_tokens"], 100, "{usage}");
            assert_eq!(usage["output_tokens"], 50, "{usage}");
            assert_eq!(usage["cache_read_input_tokens"], 40, "{usage}");
            assert_eq!(usage["cache_creation_input_tokens"].as_u64().unwrap_or_default(), written, "{usage}");
        }
    }
}

/// A caller's request, and one for the counts of a stream.
fn request(caller: Api, stream: bool) -> Value {
    match caller {
        Api::Chat if stream => with(caller.request(true), json!({"stream_options": {"include_usage": true}})),
        _ => caller.request(stream),
    }
}

async fn counts(account: Api, answer: Answer) {
    let upstream = Upstream::start();
    let world = priced(account, &upstream).start();
    upstream.always(answer);
    for (caller, stream) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
        let reply = ask(&world, caller, &request(caller, stream)).await;
        assert_told(caller, account, &Said::of(caller, &reply).usage);
        if !stream {
            let cost = if account == Api::Messages { "0.001294500" } else { "0.001062000" };
            assert_eq!(reply.header("x-weir-cost-usd"), Some(cost), "{reply:?}");
        }
    }
    let metrics = {
        world.usage_lines(4).await;
        world.admin("/metrics").await.text
    };
    let (written, hour) = if account == Api::Messages { (30, 20) } else { (0, 0) };
    let classes = [
        ("input", 100),
        ("cache_read", 40),
        ("cache_write", written),
        ("cache_write_1h", hour),
        ("output", 40),
        ("reasoning", 10),
    ];
    for (class, count) in classes {
        let start = format!("weir_tokens_total{{class=\"{class}\"");
        let line = metrics.lines().find(|line| line.starts_with(&start)).unwrap_or("");
        assert!(
            line.ends_with(&format!(" {}", 4 * count)) || line.ends_with(&format!(" {}.0", 4 * count)),
            "{class}: {line}"
        );
    }
    let expected: Value = classes
        .into_iter()
        .map(|(class, count)| (class.to_owned(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    // In billionths: 100 at 3, 40 at 0.3, 30 at 3.75, 20 at 6, 50 at 15 dollars a million.
    let cost = if account == Api::Messages { 1_294_500 } else { 1_062_000 };
    for line in world.usage() {
        assert_eq!(line["tokens"], expected, "{line}");
        assert_eq!((&line["cost_nano_usd"], &line["assumed"]), (&json!(cost), &json!(false)), "{line}");
        assert_eq!((&line["outcome"], &line["provider"]), (&json!("ok"), &json!("default/p1")), "{line}");
    }
}

#[tokio::test]
async fn s4_1_tokens_of_an_account_of_messages_are_split_once() {
    for told in [Told::Twice, Told::AtStart] {
        counts(Api::Messages, Message::says("Yes.").usage(TOKENS).told(told).answer()).await;
    }
}

#[tokio::test]
async fn s4_1_tokens_of_an_account_of_chat_are_split_once() {
    counts(Api::Chat, Chat::says("Yes.").usage(Some(USAGE)).answer()).await;
}

#[tokio::test]
async fn s2_6_usage_is_asked_for_of_an_account_of_chat_and_kept_from_who_did_not_ask() {
    let (upstream, world) = super::one(Api::Chat);
    ask(&world, Api::Messages, &Api::Messages.request(true)).await;
    assert_eq!(upstream.last().unwrap().json()["stream_options"], json!({"include_usage": true}));
    let (upstream, world) = super::one(Api::Messages);
    upstream.always(Message::says("x"));
    let reply = ask(&world, Api::Chat, &Api::Chat.request(true)).await;
    assert_eq!(Said::of(Api::Chat, &reply).usage, Value::Null, "{reply:?}");
    let reply = ask(&world, Api::Chat, &request(Api::Chat, true)).await;
    let events = reply.events();
    let usage: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(21)), "{reply:?}");
}

#[tokio::test]
async fn s2_15_what_no_account_counts_is_assumed_and_told() {
    for account in BOTH {
        let upstream = Upstream::start();
        let world = over(&[(account, &upstream)]).start();
        let text = "word ".repeat(200);
        upstream.always(match account {
            Api::Chat => Chat::says(&text).usage(None).answer(),
            Api::Messages => Message::says(&text).usage(None).answer(),
        });
        for (caller, stream) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
            let reply = ask(&world, caller, &request(caller, stream)).await;
            assert_eq!(Said::of(caller, &reply).text, text, "{reply:?}");
        }
        for line in world.usage() {
            assert_eq!(line["assumed"], true, "{line}");
            assert!(line["tokens"]["output"].as_u64() > Some(100), "{line}");
            assert!(line["cost_nano_usd"].as_u64() > Some(0), "{line}");
        }
    }
}
