//! The shapes of errors, and what is no chat request.

use crate::harness::{Config, KEY, Reply, World, unary};
use crate::raw::{Raw, chat_head};
use serde_json::{Value, json};
use weir_config::Disclosure;
use weir_upstream::{Answer, Upstream};

/// What every refusal has.
fn check(reply: &Reply, status: u16, code: &str, source: &str) -> Value {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
    assert_eq!(reply.header("x-weir-error-source"), Some(source), "{reply:?}");
    assert!(reply.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    let error = body["error"].clone();
    for key in ["message", "type", "param", "code"] {
        assert!(error.get(key).is_some(), "{key}: {reply:?}");
    }
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{reply:?}");
    assert!(error["type"].is_string() && (error["param"].is_string() || error["param"].is_null()));
    error
}

fn over(answer: Answer) -> (Upstream, World) {
    let upstream = Upstream::start();
    upstream.always(answer);
    let world = Config::over(&[&upstream]).start();
    (upstream, world)
}

#[tokio::test]
async fn what_is_no_chat_request_is_refused_with_the_place_or_the_field() {
    let (upstream, world) = over(Answer::says("hi"));
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(300));
    let cases: &[(&str, Option<&str>, &[&str])] = &[
        ("", None, &["line 1, column 1"]),
        ("   \n ", None, &["line 2, column 2"]),
        ("{", None, &["line 1, column 2"]),
        ("{\"model\":\"chat\",\n \"messages\": nope}", None, &["line 2, column 14"]),
        ("[]", None, &["must be an object"]),
        ("\"chat\"", None, &["must be an object"]),
        ("null", None, &["must be an object"]),
        ("{}", Some("model"), &["`model`", "missing"]),
        (r#"{"model":null}"#, Some("model"), &["must be a string", "null"]),
        (r#"{"model":7}"#, Some("model"), &["must be a string", "a number"]),
        (r#"{"model":["chat"]}"#, Some("model"), &["must be a string", "an array"]),
        (r#"{"model":""}"#, Some("model"), &["empty"]),
        (&long, Some("model"), &["300 bytes"]),
        (r#"{"model":"chat","stream":"yes"}"#, Some("stream"), &["must be a boolean", "a string"]),
        (r#"{"model":"chat","stream":1}"#, Some("stream"), &["must be a boolean"]),
        (r#"{"model":"chat","stream_options":3}"#, Some("stream_options"), &["must be an object"]),
        (
            r#"{"model":"chat","stream_options":{"include_usage":"x"}}"#,
            Some("stream_options.include_usage"),
            &["must be a boolean"],
        ),
        (r#"{"model":"chat","model":"other"}"#, Some("model"), &["twice"]),
        (r#"{"model":"chat","mod\u0065l":"other"}"#, Some("model"), &["twice"]),
        (r#"{"model":"chat","Model":"other"}"#, Some("model"), &["`Model` must be written `model`"]),
        (r#"{"model":"chat","\u004DODEL":"other"}"#, Some("model"), &["`MODEL` must be"]),
        (r#"{"model":"chat","Stream":true}"#, Some("stream"), &["`Stream` must be written `stream`"]),
        (r#"{"model":"chat"} {}"#, None, &["line 1, column 18"]),
        ("\u{feff}{\"model\":\"chat\",}", None, &["line 1, column 17"]),
        ("model=chat", None, &["line 1, column 1"]),
    ];
    for (body, param, texts) in cases {
        let error = check(&world.post((*body).to_owned()).await, 400, "invalid_request", "caller");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["param"].as_str(), *param, "{body:?}: {error}");
        for text in *texts {
            assert!(error["message"].as_str().unwrap().contains(text), "{body:?}: {error}");
        }
    }
    let reply = world.post(&b"{\"model\":\"ch\xffat\"}"[..]).await;
    assert!(check(&reply, 400, "invalid_request", "caller")["message"].as_str().unwrap().contains("UTF-8"));
    assert_eq!(upstream.count(), 0, "none of this is an upstream's business");
}

#[tokio::test]
async fn s10_20_a_compressed_body_is_refused_and_what_is_not_compressed_is_not() {
    let (upstream, world) = over(Answer::says("hi"));
    let ask = async |encoding: &str| {
        let request = world.client.post(world.url("/v1/chat/completions")).bearer_auth(KEY);
        Reply::read(
            request.header("content-encoding", encoding).body(unary().to_string()).send().await.unwrap(),
        )
        .await
    };
    for encoding in ["gzip", "GZip", "x-gzip", "Br", "zstd", "deflate", "identity, gzip"] {
        let error = check(&ask(encoding).await, 415, "compressed_body", "caller");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].as_str().unwrap().contains("Content-Encoding"), "{error}");
    }
    let request = world.client.post(world.url("/v1/chat/completions")).bearer_auth(KEY);
    let twice = request.header("content-encoding", "identity").header("content-encoding", "gzip");
    let reply = Reply::read(twice.body(unary().to_string()).send().await.unwrap()).await;
    check(&reply, 415, "compressed_body", "caller");
    assert_eq!(upstream.count(), 0);
    for encoding in ["identity", "Identity", "none", "utf-8", "", "identity, identity"] {
        assert_eq!(ask(encoding).await.status, 200, "{encoding:?}");
    }
}

#[tokio::test]
async fn an_unknown_url_is_told_the_known_ones() {
    let (_upstream, world) = over(Answer::says("hi"));
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1"),
        ("POST", "/chat/completions"),
        ("POST", "/v1/chat/completions/x"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/embeddings"),
        ("DELETE", "/v2/models"),
        ("GET", "/admin"),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = world.client.request(method, world.url(path)).body("{}").send().await.unwrap();
        let error = check(&Reply::read(response).await, 404, "unknown_url", "caller");
        for known in ["POST /v1/chat/completions", "GET /v1/models"] {
            assert!(error["message"].as_str().unwrap().contains(known), "{error}");
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (_upstream, world) = over(Answer::says("hi"));
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("PUT", "/v1/models/chat", "GET"),
    ] {
        let parsed = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = world.client.request(parsed, world.url(path)).bearer_auth(KEY).send().await.unwrap();
        let reply = Reply::read(response).await;
        check(&reply, 405, "method_not_allowed", "caller");
        assert!(
            reply.header("allow").is_some_and(|allow| allow.contains(allowed)),
            "{method} {path}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn a_doubled_prefix_is_tolerated() {
    let (_upstream, world) = over(Answer::says("hi"));
    let post = world.client.post(world.url("/v1/v1/chat/completions")).bearer_auth(KEY);
    assert_eq!(post.body(unary().to_string()).send().await.unwrap().status(), 200);
    let list = world.client.get(world.url("/v1/v1/models")).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(list.status(), 200);
}

#[tokio::test]
async fn every_refusal_of_a_request_has_the_four_keys() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    let fresh = World::start();
    let not_ready = fresh.chat().await;
    check(&not_ready, 503, "not_ready", "gateway");
    assert_eq!(not_ready.header("retry-after"), Some("1"));
    let world = config.requests_per_minute(1000).start();
    check(&world.post_as("nobody", "{}").await, 401, "invalid_api_key", "caller");
    let unknown = json!({"model": "no such model \" \\ \n \u{7f}"});
    check(&world.post(unknown.to_string()).await, 404, "model_not_found", "caller");
    upstream.always(Answer::server_error(500));
    let error = check(&world.chat().await, 503, "upstream_unavailable", "upstream");
    assert!(error["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()), "{error}");
    upstream.always(Answer::bad_key());
    check(&world.chat().await, 502, "upstream_unavailable", "upstream");
    upstream.always(Answer::caller_fault());
    let reply = world.chat().await;
    assert_eq!(reply.header("x-weir-error-source"), Some("upstream"));
    assert_eq!(reply.status, 400);
    world.running().apply(config.requests_per_minute(1).0.clone());
    check(&world.chat().await, 429, "key_requests_exceeded", "caller");
    config.requests_per_minute(0).gateway_mut(|gateway| gateway.listener.max_body_bytes = 100);
    world.running().apply(config.0.clone());
    let reply = world.post("x".repeat(200)).await;
    check(&reply, 413, "body_too_large", "caller");
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test]
async fn upstream_garbage_is_an_upstreams_fault_and_none_of_it_shows() {
    for garbage in [
        Answer::garbage(),
        Answer::html(200),
        Answer::invalid_json(),
        Answer::truncated_json(),
        Answer::json(200, "[1,2,3]"),
        Answer::bytes(200, ""),
        Answer::bytes(204, ""),
        Answer::json(200, [0xff, 0xfe, 0x00].as_slice()),
        Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\nhello"),
        Answer::raw("HTTP/1.1 200 OK\r\nbad header\r\n\r\n"),
        Answer::raw("HTTP/9.9 200 OK\r\n\r\n"),
    ] {
        let (_upstream, world) = over(garbage.clone());
        for reply in [world.chat().await, world.stream().await] {
            let error = check(&reply, 503, "upstream_unavailable", "upstream");
            assert_eq!(error["attempts"][0]["outcome"], "garbled", "{garbage:?} {error}");
        }
    }
}

#[tokio::test]
async fn disclosure_decides_what_attempts_tell() {
    let upstream = Upstream::start();
    upstream.always(Answer::server_error(500));
    let mut config = Config::over(&[&upstream]);
    let world = config.start();
    for (disclosure, keys) in [
        (Disclosure::Full, &["model", "outcome", "provider", "reason", "status"][..]),
        (Disclosure::Names, &["model", "outcome", "provider"][..]),
        (Disclosure::None, &[][..]),
    ] {
        config.gateway_mut(|gateway| gateway.listener.disclosure = disclosure);
        world.running().apply(config.0.clone());
        let reply = world.chat().await;
        let error = check(&reply, 503, "upstream_unavailable", "upstream");
        let mut told: Vec<String> = error["attempts"][0]
            .as_object()
            .map(|attempt| attempt.keys().cloned().collect())
            .unwrap_or_default();
        told.sort();
        assert_eq!(told, keys, "{error}");
        if disclosure == Disclosure::None {
            assert!(error.get("attempts").is_none(), "{error}");
            assert!(!reply.text.contains("p1") && !reply.text.contains("gpt"), "{reply:?}");
        }
    }
    upstream.always(Answer::says("hi"));
    let reply = world.chat().await;
    assert!(
        !reply.headers.keys().any(|name| name.starts_with("x-weir-provider") || name == "x-weir-model"),
        "{reply:?}"
    );
}

/// Most clients read nothing before they have sent everything.
#[tokio::test]
async fn who_sends_a_large_body_still_reads_why_it_was_refused() {
    let (upstream, world) = over(Answer::says("hi"));
    let length = 24 << 20;
    let body = vec![b' '; length];
    let refused = [
        ("/v1/chat/completions", "authorization: Bearer nobody\r\n", 401, "invalid_api_key"),
        (
            "/v1/chat/completions",
            "authorization: Bearer KEY\r\ncontent-encoding: gzip\r\n",
            415,
            "compressed_body",
        ),
        ("/v1/embeddings", "authorization: Bearer KEY\r\n", 404, "unknown_url"),
    ];
    for (path, headers, status, code) in refused {
        let headers = headers.replace("KEY", KEY);
        let mut caller = Raw::to(&world).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: weir\r\n{headers}content-length: {length}\r\n\r\n");
        assert!(
            caller.send(head).await && caller.send(&body).await,
            "{path} broke off while it was written to"
        );
        let reply = caller.reply().await.expect("no answer");
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        // All of the body was read, so the connection goes on.
        let again = caller.ask("GET /v1/models HTTP/1.1\r\nhost: weir\r\n\r\n").await;
        assert_eq!(again.status, 401);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn who_waits_for_100_continue_is_refused_before_it_sends() {
    let (_upstream, world) = over(Answer::says("hi"));
    let mut caller = Raw::to(&world).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\nexpect: 100-continue\r\ncontent-length: 9000\r\n\r\n";
    assert_eq!(caller.ask(head).await.status, 401);
    let body = unary().to_string();
    let mut caller = Raw::to(&world).await;
    caller.send(chat_head(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len()))).await;
    caller.read_past("100 Continue\r\n\r\n").await;
    caller.send(body).await;
    caller.read_past("200 OK").await;
}

#[tokio::test]
async fn s9_6_who_was_told_to_continue_still_reads_why_it_was_refused() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.gateway_mut(|gateway| gateway.listener.max_body_bytes = 256 << 10);
    let world = config.start();
    for _ in 0..5 {
        let mut caller = Raw::to(&world).await;
        caller.send(chat_head("expect: 100-continue\r\ntransfer-encoding: chunked\r\n")).await;
        caller.read_past("100 Continue\r\n\r\n").await;
        let piece = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
        for _ in 0..200 {
            assert!(caller.send(&piece).await, "it listens until the end");
        }
        caller.send("0\r\n\r\n").await;
        caller.read_past("body_too_large").await;
    }
    // What is expected beside that asks for no `100 Continue`, and its body comes.
    let body = unary().to_string();
    let head = "POST /nowhere HTTP/1.1\r\nhost: weir\r\nexpect: patience\r\n";
    let mut caller = Raw::to(&world).await;
    caller.send(format!("{head}content-length: {}\r\n\r\n", body.len())).await;
    assert_eq!(caller.reply().await.unwrap().status, 404);
    caller.send(body).await;
    assert_eq!(caller.ask("GET /v1/models HTTP/1.1\r\nhost: weir\r\n\r\n").await.status, 401);
}
