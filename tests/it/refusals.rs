//! S1.8, S1.10, S1.11, S10.13: what a vendor's refusal becomes, and what of its words reaches a caller.

use crate::harness::{Config, Reply, World, streamed, unary};
use crate::tools::start;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weir_config::{Disclosure, Secret};
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

fn one(change: impl FnOnce(&mut Config)) -> (Upstream, World) {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    change(&mut config);
    (upstream, config.start())
}

/// A stream that has begun, and then fails with `error`.
async fn broken_by(upstream: &Upstream, world: &World, error: Value) -> Reply {
    let gate = Gate::new();
    upstream.always(Chat::says("a few words").error_after(2, error).answer().hold_at(At::Event(2), &gate));
    let stream = world.open_stream(streamed()).await; // committed, so that the error is told in it
    gate.open();
    Reply::read(stream).await
}

#[tokio::test]
async fn s1_8_what_the_api_did_not_say_moves_on_and_is_a_502_at_the_end() {
    let strangers = [
        Answer::html(400),
        Answer::bytes(400, "Client sent an HTTP request to an HTTPS server.\n"),
        Answer::html(404),
        Answer::bytes(405, ""),
        Answer::bytes(411, ""),
        Answer::html(413),
        Answer::bytes(414, "URI Too Long"),
        Answer::bytes(421, ""),
        Answer::bytes(426, ""),
        Answer::bytes(431, ""),
        Answer::html(451),
        Answer::json(405, r#"{"detail":"Method Not Allowed"}"#),
    ];
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let both = Config::over(&[&first, &second]).start();
    let alone = Config::over(&[&first]).start();
    for stranger in strangers {
        first.always(stranger.clone());
        let before = first.count();
        for reply in [both.chat().await, both.stream().await] {
            assert_eq!(reply.content(), "from the second", "{stranger:?} {reply:?}");
        }
        for reply in [alone.chat().await, alone.stream().await] {
            assert_eq!(
                (reply.status, &*reply.code()),
                (502, "upstream_unavailable"),
                "{stranger:?} {reply:?}"
            );
            assert_eq!(reply.json()["error"]["attempts"][0]["outcome"], "misdirected", "{reply:?}");
            assert_eq!(reply.header("x-should-retry"), Some("false"), "{reply:?}");
        }
        assert_eq!(first.count() - before, 4, "it is not repeated");
    }
}

#[tokio::test]
async fn s2_17_a_refusal_whose_json_is_slightly_off_is_the_callers_all_the_same() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let world = Config::over(&[&first, &second]).start();
    let bodies: [&[u8]; 6] = [
        b"\xEF\xBB\xBF{\"error\":{\"message\":\"bad x\",\"code\":\"invalid_value\"}}",
        b"{\"error\":{\"message\":\"bad x\",\"code\":\"invalid_value\",\"got\":\"caf\xe9\"}}",
        b"{\"error\":{\"got\":\"\\ud83d\",\"message\":\"bad x\",\"code\":\"invalid_value\"}}",
        b"{\"error\":{\"got\":NaN,\"message\":\"bad x\",\"code\":\"invalid_value\"}}",
        b"{\"error\":{\"got\":1e400,\"message\":\"bad x\",\"code\":\"invalid_value\"}}",
        b"{\"error\":{\"message\":\"bad\tx\",\"code\":\"invalid_value\"}}",
    ];
    for body in bodies {
        first.always(Answer::json(400, body));
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!((reply.status, &*reply.code()), (400, "invalid_value"), "{reply:?}");
            assert_eq!(reply.json()["error"]["message"], "bad x", "{reply:?}");
        }
    }
    assert_eq!(second.count(), 0, "nobody else is asked, nor paid");
}

#[tokio::test]
async fn s10_3_what_stands_around_a_vendors_message_reaches_nobody() {
    let (upstream, world) = one(|config| {
        config.gateway_mut(|gateway| gateway.listener.disclosure = Disclosure::None);
    });
    // Words by which it is known as the caller's, so that what may be told of it is.
    for body in [
        r#"{"error":{"message":"maximum context length \ud83d","code":400},"account":"acme-corp-prod"}"#,
        r#"{"error":{"message":"maximum context length"},"account":"acme-corp-prod" oops"#,
        r#"{'error':'maximum context length','account':'acme-corp-prod'}"#,
        r#"["acme-corp-prod: maximum context length" oops"#,
    ] {
        for status in [200, 400, 500] {
            upstream.always(Answer::json(status, body));
            for reply in [world.chat().await, world.stream().await] {
                assert!(reply.status >= 400 && !reply.text.contains("acme"), "{reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn s1_11_a_context_that_is_too_long_has_one_code() {
    let (upstream, world) = one(|_| {});
    for (status, body) in [
        (400, r#"{"error":"prompt too long; exceeded max context length by 4 tokens"}"#), // Ollama
        (
            400,
            r#"{"error":{"message":"This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens.","code":400}}"#,
        ), // OpenRouter
        (
            400,
            r#"{"error":{"message":"Too many tokens in the prompt.","type":"too_many_prompt_tokens","code":400}}"#,
        ), // Perplexity
        (400, r#"{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}"#),
        (
            413,
            r#"{"error":{"message":"prompt is too long: 3 tokens > 2 maximum","type":"invalid_request_error"}}"#,
        ),
    ] {
        upstream.always(Answer::json(status, body));
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!((reply.status, &*reply.code()), (status, "context_length_exceeded"), "{reply:?}");
        }
    }
    let error = json!({"message": "prompt is too long", "type": "too_many_prompt_tokens", "code": 400});
    let reply = broken_by(&upstream, &world, error).await;
    assert_eq!(reply.stream_error().unwrap()["code"], "context_length_exceeded", "{reply:?}");
}

#[tokio::test]
async fn s1_10_a_refusal_inside_a_stream_is_told_as_it_would_be_outside() {
    for disclosure in [Disclosure::None, Disclosure::Names, Disclosure::Full] {
        let (upstream, world) = one(|config| {
            config.gateway_mut(|gateway| gateway.listener.disclosure = disclosure);
        });
        let error = json!({
            "message": "Failed to call a function.", "type": "invalid_request_error", "code": "tool_use_failed",
            "status_code": 400,
        });
        let reply = broken_by(&upstream, &world, error).await;
        let told = reply.stream_error().unwrap();
        assert_eq!(
            (&told["type"], &told["code"]),
            (&json!("invalid_request_error"), &json!("tool_use_failed"))
        );
        let message = told["message"].as_str().unwrap();
        assert_eq!(message.contains("call a function"), disclosure != Disclosure::None, "{message}");

        let error =
            json!({"message": "Shard seven fell over.", "type": "server_error", "code": "shard_down"});
        let reply = broken_by(&upstream, &world, error).await;
        let told = reply.stream_error().unwrap();
        assert_eq!(
            (&told["type"], &told["code"]),
            (&json!("upstream_error"), &json!("upstream_unavailable"))
        );
        let message = told["message"].as_str().unwrap();
        assert_eq!(message.contains("Shard seven"), disclosure == Disclosure::Full, "{message}");
    }
}

/// Message, type, code and param of an error, wherever it stands.
fn words(reply: &Reply) -> [Value; 4] {
    let error = reply.stream_error().unwrap_or_else(|| reply.json()["error"].clone());
    ["message", "type", "code", "param"].map(|key| error[key].clone())
}

#[tokio::test]
async fn s1_10_a_begun_stream_is_refused_in_the_words_of_an_answer_of_its_own_and_at_none_in_none_of_the_vendors()
 {
    for disclosure in [Disclosure::None, Disclosure::Names, Disclosure::Full] {
        let upstream = Upstream::start();
        let mut config = Config::over(&[&upstream]);
        config.gateway_mut(|gateway| gateway.listener.disclosure = disclosure);
        let world = start(&config, |options| options.keep_alive = Duration::from_millis(20));
        for code in ["tool_use_failed", "zq_internal"] {
            let error = json!({
                "message": "Zq refuses this.", "type": "invalid_request_error", "code": code, "param": "messages.1",
            });
            let refusal = Answer::json(400, json!({ "error": error }).to_string());
            upstream.always(refusal.clone());
            let outside = world.chat().await;
            let gate = Gate::new();
            upstream.always(refusal.hold_at(At::Start, &gate));
            let stream = world.open_stream(streamed()).await; // begun, because nobody has said anything
            gate.open();
            let inside = Reply::read(stream).await;
            assert_eq!((outside.status, inside.status), (400, 200));
            assert_eq!(words(&outside), words(&inside), "{disclosure:?}");
            let is_told = disclosure != Disclosure::None;
            assert_eq!(inside.text.contains("Zq refuses"), is_told, "{disclosure:?} {inside:?}");
            assert_eq!(
                inside.text.contains(code),
                is_told || code == "tool_use_failed",
                "{disclosure:?} {inside:?}"
            );
        }
    }
}

#[tokio::test]
async fn s10_13_our_credential_reaches_nobody_however_a_vendor_quotes_it() {
    let secret = "together_abc123DEF456";
    for disclosure in [Disclosure::None, Disclosure::Names, Disclosure::Full] {
        let (upstream, world) = one(|config| {
            config.gateway_mut(|gateway| gateway.listener.disclosure = disclosure);
            config.0.credentials.values_mut().for_each(|credential| *credential = Secret::new(secret));
        });
        // As it is, in base64 after a user's name, and a part of it.
        for quoted in [secret, "dXNlcjp0b2dldGhlcl9hYmMxMjNERUY0NTY=", "abc123DEF456", "…c123DEF4…"] {
            let error = json!({
                "message": format!("Wrong key {quoted}; use another."), "type": quoted, "code": quoted,
                "param": format!("headers.{quoted}"), "status_code": 400,
            });
            for status in [200, 400, 500] {
                upstream.always(Answer::json(status, json!({ "error": error }).to_string()));
                for reply in [world.chat().await, world.stream().await] {
                    assert!(reply.status >= 400 && !tells(&reply), "{quoted} {reply:?}");
                }
            }
            let reply = broken_by(&upstream, &world, error).await;
            assert!(reply.stream_error().is_some() && !tells(&reply), "{quoted} {reply:?}");
        }
        let reply = {
            upstream.always(Answer::error(
                400,
                "invalid_request_error",
                Some("invalid_value"),
                "No key of ours.",
            ));
            world.chat().await
        };
        assert_eq!(reply.text.contains("No key of ours."), disclosure != Disclosure::None, "{reply:?}");
        let log = std::fs::read_to_string(world.usage_path()).unwrap_or_default();
        assert!(!log.contains("abc123"), "{log}");
    }
}

/// Whether a part of the credential is left in `reply` that is no ordinary word.
fn tells(reply: &Reply) -> bool {
    let all = format!("{reply:?}");
    ["abc123", "123DEF", "DEF456", "hYmMxMjNERUY"].iter().any(|part| all.contains(part))
}

#[tokio::test]
async fn s10_3_a_callers_own_url_is_told_and_no_other() {
    let (upstream, world) = one(|_| {});
    let own = "https://cats.example/a.png?size=1&x=2";
    let ours = format!("http://127.0.0.1:{}/v1/chat/completions", upstream.port());
    let mut body = unary();
    // Whether a guess of our address is right must not show.
    body["messages"][0]["content"] =
        json!([{"type": "image_url", "image_url": {"url": own}}, {"type": "text", "text": ours}]);
    let message = format!("Error while downloading {own}. See https://vendor.example/docs and {ours}.");
    upstream.always(Answer::error(400, "invalid_request_error", Some("invalid_image_url"), &message));
    let told = |reply: Reply| reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(
        told(world.post(body.to_string()).await),
        format!("Error while downloading {own}. See [url] and [url].")
    );
    let escaped = body.to_string().replace('/', r"\/");
    assert_eq!(
        told(world.post(escaped).await),
        format!("Error while downloading {own}. See [url] and [url].")
    );
    assert_eq!(told(world.chat().await), "Error while downloading [url]. See [url] and [url].");
}

/// A vendor chooses how many addresses there are in its message, and a caller how long the request is that they are
/// looked for in.
#[tokio::test]
async fn s10_3_many_addresses_in_a_message_cost_a_worker_little() {
    let (upstream, world) = one(|_| {});
    let own = "https://cats.example/a.png";
    let message = format!("{own} {own} {}", "http://x.example/ ".repeat(400));
    upstream.always(Answer::error(400, "invalid_request_error", None, &message));
    let mut body = unary();
    let began = Instant::now();
    for (mib, stay) in [(1, 2), (20, 1)] {
        body["messages"][0]["content"] = json!("http://x.example".repeat(mib << 16) + own);
        let reply = world.post(body.to_string()).await;
        let text = reply.json()["error"]["message"].to_string();
        assert_eq!((reply.status, text.matches(own).count()), (400, stay), "{mib} MiB: {text}");
        assert!(text.contains("[url] [url] [url]"), "{text}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
