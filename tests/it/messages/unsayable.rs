//! What an account's API has no words for: tuning is left out and told, content goes to who can say it or is refused.

use super::{Api, ask, one, two, with};
use serde_json::{Value, json};
use weir_upstream::Message;

/// A chat about a recording, which Messages has no place for.
fn audio() -> Value {
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let content = json!([{"type": "text", "text": "What is said?"}, audio]);
    with(Api::Chat.request(false), json!({"messages": [{"role": "user", "content": content}]}))
}

#[tokio::test]
async fn tuning_that_messages_has_no_place_for_is_left_out_and_told() {
    let (upstream, world) = one(Api::Messages);
    upstream.always(Message::says("x"));
    let tuned = json!({"seed": 7, "logit_bias": {"50256": -100}, "temperature": 0.5});
    for stream in [false, true] {
        let reply = ask(&world, Api::Chat, &with(Api::Chat.request(stream), tuned.clone())).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut dropped: Vec<&str> = reply.header("x-weir-dropped-params").unwrap().split(", ").collect();
        dropped.sort_unstable();
        assert_eq!(dropped, ["logit_bias", "seed"], "{reply:?}");
        let seen = upstream.last().unwrap().json();
        assert!(seen.get("seed").is_none() && seen.get("logit_bias").is_none(), "{seen}");
        let plain = ask(&world, Api::Chat, &Api::Chat.request(stream)).await;
        assert_eq!(plain.header("x-weir-dropped-params"), None, "{plain:?}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_told_of_the_account_that_answers() {
    let (first, _second, world) = two(Api::Messages);
    first.always(weir_upstream::anthropic::overloaded());
    let tuned = with(Api::Chat.request(false), json!({"seed": 7}));
    let reply = ask(&world, Api::Chat, &tuned).await;
    assert_eq!((reply.status, reply.header("x-weir-dropped-params")), (200, None), "{reply:?}");
}

#[tokio::test]
async fn content_that_no_account_can_say_is_the_callers_400_and_names_the_field() {
    let (upstream, world) = one(Api::Messages);
    let reply = ask(&world, Api::Chat, &audio()).await;
    assert_eq!((reply.status, &*reply.code()), (400, "unsupported_by_target"), "{reply:?}");
    let error = &reply.json()["error"];
    assert!(
        error["param"].as_str().is_some_and(|param| param.starts_with("messages.0.content.1")),
        "{error}"
    );
    assert_eq!(reply.header("x-weir-error-source"), Some("caller"), "{reply:?}");
    assert_eq!(upstream.count(), 0);
    let line = world.usage().remove(0);
    assert_eq!(
        (&line["outcome"], &line["attempts"]),
        (&json!("unsupported_by_target"), &json!([])),
        "{line}"
    );
    assert_eq!(line["cost_nano_usd"], Value::Null, "{line}");
}

#[tokio::test]
async fn content_goes_to_the_account_that_can_say_it_without_an_attempt_at_others() {
    let (first, second, world) = two(Api::Messages);
    second.always(weir_upstream::Answer::says("heard"));
    let reply = ask(&world, Api::Chat, &audio()).await;
    assert_eq!((reply.status, reply.content().as_str()), (200, "heard"), "{reply:?}");
    assert_eq!(reply.header("x-weir-attempts"), Some("1"), "{reply:?}");
    assert_eq!((first.count(), second.count()), (0, 1));
    let sent = second.last().unwrap().json();
    assert_eq!(sent["messages"], audio()["messages"]);
    let line = world.usage().remove(0);
    let attempts = line["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["target"]), (1, &json!("p2")), "{line}");
}

#[tokio::test]
async fn s1_5_what_one_account_cannot_say_hides_no_outage_of_another() {
    let (first, second, world) = two(Api::Messages);
    second.always(weir_upstream::Answer::server_error(500));
    let reply = ask(&world, Api::Chat, &audio()).await;
    assert_eq!((reply.status, &*reply.code()), (503, "upstream_unavailable"), "{reply:?}");
    assert_eq!(first.count(), 0);
}

#[tokio::test]
async fn tools_that_anthropic_runs_are_left_out_for_an_account_of_chat_and_told() {
    let (upstream, world) = one(Api::Chat);
    let tool = json!({"type": "web_search_20250305", "name": "web_search"});
    let request = with(Api::Messages.request(false), json!({"tools": [tool]}));
    let reply = ask(&world, Api::Messages, &request).await;
    assert_eq!((reply.status, reply.header("x-weir-dropped-params")), (200, Some("tools.0")), "{reply:?}");
    assert!(upstream.last().unwrap().json().get("tools").is_none());
}
