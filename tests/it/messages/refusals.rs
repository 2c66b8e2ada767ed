//! Refusals of `/v1/messages` have Anthropic's form, whoever refuses and why; lists of models follow the caller's API.

use super::{Api, ask, ask_as, one, over, request, two};
use crate::harness::{Config, KEY, Reply, World, key};
use serde_json::json;
use std::num::NonZeroU32;
use std::time::Duration;
use weir_config::{Backend, Mock, MockReply, Vendor};
use weir_upstream::{Answer, Upstream, anthropic};

/// Asserts that `reply` refuses as Anthropic does; its message.
fn refused(reply: &Reply, status: u16, kind: &str) -> String {
    let body = reply.json();
    let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(fields.iter().all(|name| ["type", "error", "request_id"].contains(name)), "{reply:?}");
    assert_eq!(
        (reply.status, &body["type"], &body["error"]["type"]),
        (status, &json!("error"), &json!(kind)),
        "{reply:?}"
    );
    let id = reply.header("request-id");
    assert!(id.is_some_and(|id| id.starts_with("req_")) && id == reply.header("x-request-id"), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{reply:?}");
    message.to_owned()
}

#[tokio::test]
async fn s10_15_a_refusal_of_messages_has_anthropics_shape() {
    let (upstream, world) = one(Api::Messages);
    let hello = Api::Messages.request(false);
    for stream in [false, true] {
        let unknown = super::with(Api::Messages.request(stream), json!({"model": "no-such-model"}));
        let message = refused(&ask(&world, Api::Messages, &unknown).await, 404, "not_found_error");
        assert!(message.contains("no-such-model"), "{message}");
    }
    for (body, word) in [
        ("{", ""),
        ("[]", ""),
        (r#"{"model":"chat","messages":[{"role":"user","content":"x"}]"#, ""),
        (r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":1}"#, "model"),
        (r#"{"model":7,"messages":[]}"#, "model"),
    ] {
        let message = refused(&ask_as(&world, Api::Messages, KEY, body).await, 400, "invalid_request_error");
        assert!(message.contains(word), "{body}: {message}");
    }
    let gzip = request(&world, Api::Messages, KEY).header("content-encoding", "gzip").body(hello.to_string());
    refused(&Reply::read(gzip.send().await.unwrap()).await, 415, "invalid_request_error");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn s10_5_every_bad_key_of_messages_is_refused_alike() {
    let (upstream, config) = {
        let upstream = Upstream::start();
        let mut config = over(&[(Api::Messages, &upstream)]);
        let mut suspended = key("suspended", "weir_suspended_0123456789abcdefghijklmn");
        suspended.suspended = true;
        config.0.keys.push(std::sync::Arc::new(suspended));
        (upstream, config)
    };
    let world = config.start();
    let body = Api::Messages.request(false).to_string();
    let mut messages = Vec::new();
    for key in ["nobody", "weir_suspended_0123456789abcdefghijklmn", ""] {
        messages.push(refused(
            &ask_as(&world, Api::Messages, key, body.clone()).await,
            401,
            "authentication_error",
        ));
    }
    let bare = world.client.post(world.url("/v1/messages")).header("anthropic-version", "2023-06-01");
    let reply = Reply::read(bare.body(body.clone()).send().await.unwrap()).await;
    refused(&reply, 401, "authentication_error");
    assert_eq!(messages[0], messages[1]);
    assert_eq!(upstream.count(), 0);
    // Its SDKs send a token so.
    upstream.always(weir_upstream::Message::says("x"));
    let bearer = world.client.post(world.url("/v1/messages")).bearer_auth(KEY);
    assert_eq!(Reply::read(bearer.body(body).send().await.unwrap()).await.status, 200);
}

#[tokio::test]
async fn s1_5_a_429_of_messages_is_the_callers_own_and_says_when() {
    let upstream = Upstream::start();
    upstream.always(weir_upstream::Message::says("x"));
    let mut config = over(&[(Api::Messages, &upstream)]);
    config.key_mut(|key| key.limits.requests_per_minute = NonZeroU32::new(1));
    let world = config.start();
    let first = ask(&world, Api::Messages, &Api::Messages.request(false)).await;
    assert_eq!((first.status, first.header("x-ratelimit-remaining-requests")), (200, Some("0")), "{first:?}");
    for stream in [false, true] {
        let reply = ask(&world, Api::Messages, &Api::Messages.request(stream)).await;
        refused(&reply, 429, "rate_limit_error");
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{reply:?}");
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn s1_5_when_all_accounts_fail_callers_of_messages_are_told_so() {
    let (first, second, world) = two(Api::Messages);
    for (one, other, status) in [
        (anthropic::overloaded(), Answer::rate_limited(None), 503),
        (anthropic::bad_key(), Answer::bad_key(), 502),
    ] {
        first.always(one);
        second.always(other);
        for stream in [false, true] {
            let reply = ask(&world, Api::Messages, &Api::Messages.request(stream)).await;
            refused(&reply, status, "api_error");
            assert_eq!(reply.header("x-weir-error-source"), Some("upstream"), "{reply:?}");
            let attempts = reply.json()["error"]["attempts"].as_array().map(Vec::len);
            assert!(attempts >= Some(2), "{reply:?}");
            assert!(!reply.text.contains("sentinel"), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn s1_5_a_timeout_of_messages_is_a_504() {
    let upstream = Upstream::start();
    upstream.always(Answer::hang());
    let mut config = over(&[(Api::Messages, &upstream)]);
    config.provider_mut(0, |provider| {
        provider.timeouts.first_byte = Duration::from_millis(100);
        provider.timeouts.total = Duration::from_millis(100);
    });
    config.route_mut(|route| route.fallback.max_attempts = Some(1));
    let reply = ask(&config.start(), Api::Messages, &Api::Messages.request(false)).await;
    refused(&reply, 504, "api_error");
}

async fn get(world: &World, path: &str, header: Option<(&str, &str)>) -> Reply {
    let request = world.client.get(world.url(path)).bearer_auth(KEY);
    let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn models_are_listed_as_the_callers_api_has_it() {
    let (_upstream, world) = one(Api::Chat);
    let version = Some(("anthropic-version", "2023-06-01"));
    let list = get(&world, "/v1/models", version).await;
    let body = list.json();
    assert_eq!((list.status, &body["has_more"]), (200, &json!(false)), "{list:?}");
    assert_eq!((&body["first_id"], &body["last_id"]), (&json!("chat"), &json!("chat")), "{list:?}");
    let model = &body["data"][0];
    assert_eq!(
        (&model["type"], &model["id"], &model["display_name"]),
        (&json!("model"), &json!("chat"), &json!("chat"))
    );
    assert!(model["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{model}");
    assert_eq!(&get(&world, "/v1/models/chat", version).await.json(), model);
    // Whatever is refused beside the path that targets answer has the same form, and the id in the same header.
    refused(&get(&world, "/v1/models/none", version).await, 404, "not_found_error");
    refused(&get(&world, "/v1/messages/count_tokens", version).await, 404, "not_found_error");
    refused(&get(&world, "/v1/messages", None).await, 405, "invalid_request_error");

    let list = get(&world, "/v1/models", None).await.json();
    assert_eq!((&list["object"], &list["data"][0]["object"]), (&json!("list"), &json!("model")), "{list}");
}

#[tokio::test]
async fn the_mock_answers_callers_of_messages() {
    let mut config = Config::new();
    config.add("mock", 1);
    config.provider_mut(0, |provider| {
        provider.vendor = Vendor::Mock;
        provider.backend = Backend::Mock(Mock {
            latency: Duration::ZERO,
            first_byte: Duration::ZERO,
            tokens_per_second: None,
            error_percent: 0,
            error_status: 500,
            reply: MockReply::Echo,
        });
    });
    let world = config.start();
    for stream in [false, true] {
        let reply = ask(&world, Api::Messages, &Api::Messages.request(stream)).await;
        let said = super::said::Said::of(Api::Messages, &reply);
        assert_eq!((said.text.as_str(), said.stop.as_deref()), ("Say hello.", Some("end_turn")), "{reply:?}");
        assert!(said.usage["output_tokens"].as_u64() > Some(0), "{reply:?}");
    }
}
