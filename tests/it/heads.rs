//! Heads of requests: what cannot be read, what is served nowhere, how they are cut.

use crate::harness::{KEY, World, unary};
use crate::raw::{Raw, RawReply, chat, chat_head};
use crate::tools::{SHORT, body_of, over};
use tokio::io::AsyncWriteExt;
use weir_upstream::{Answer, At, Upstream};

fn world() -> (Upstream, World) {
    let upstream = Upstream::start();
    let world = over(&upstream, |_| {});
    (upstream, world)
}

/// What every refusal has.
fn check(reply: &RawReply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
    assert_eq!(reply.header("x-weir-error-source"), Some("caller"), "{reply:?}");
    assert!(reply.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    assert!(reply.header("date").is_some(), "{reply:?}");
    for key in ["message", "type", "param", "code"] {
        assert!(reply.json()["error"].get(key).is_some(), "{key}: {reply:?}");
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: weir\r\nx-api-key: {KEY}\r\n\r\n")
}

/// A chat with so many more header lines.
fn with_lines(lines: usize) -> String {
    with_lines_and(lines, &unary().to_string())
}

fn with_lines_and(lines: usize, body: &str) -> String {
    let more: String = (0..lines).map(|n| format!("x-{n}: 1\r\n")).collect();
    chat_head(&format!("{more}content-length: {}\r\n", body.len())) + body
}

#[tokio::test]
async fn s10_6_many_small_headers_pass_as_long_as_they_fit() {
    let (upstream, world) = world();
    let mut caller = Raw::to(&world).await;
    let lines = [1, 90, 95, 96, 97, 98, 101, 150, 1000, 6000];
    for lines in lines {
        assert_eq!(Raw::to(&world).await.ask(with_lines(lines)).await.status, 200, "{lines}");
        assert_eq!(caller.ask(with_lines(lines)).await.status, 200, "{lines} on a kept connection");
    }
    let mut slow = Raw::to(&world).await;
    let request = with_lines(300);
    for piece in request.as_bytes().chunks(700) {
        slow.send(piece).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.reply().await.unwrap().status, 200);
    assert_eq!(upstream.count(), lines.len() * 2 + 1);
}

/// The more of a body comes with a head, the more of it lies behind the head when that is judged.
#[tokio::test]
async fn s10_6_what_follows_a_head_of_many_lines_does_not_count_as_head() {
    let (_upstream, world) = world();
    for (first, lines, second) in
        [(200 << 10, 120, 100 << 10), (1 << 20, 120, 1 << 20), (200 << 10, 1000, 100 << 10)]
    {
        let mut caller = Raw::to(&world).await;
        assert_eq!(caller.ask(with_lines_and(1, &body_of(first))).await.status, 200);
        let burst = with_lines_and(lines, &body_of(second));
        assert_eq!(caller.ask(&burst).await.status, 200, "{lines} lines and {second} bytes");
        assert_eq!(caller.ask(&burst).await.status, 200, "and again");
    }
    // Empty lines in front of a head are none that end it.
    let mut caller = Raw::to(&world).await;
    assert_eq!(caller.ask(with_lines_and(1, &body_of(200 << 10))).await.status, 200);
    let burst = "\r\n\r\n".to_owned() + &with_lines_and(20_000, &body_of(100 << 10));
    check(&caller.ask(burst).await, 431, "headers_too_large");
}

#[tokio::test]
async fn s10_15_a_head_that_cannot_be_read_is_refused_as_everything_else() {
    let (upstream, world) = world();
    let large = |bytes: usize| chat_head(&format!("x-filler: {}\r\n", "f".repeat(bytes)));
    for (head, status, code) in [
        ("GARBAGE\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("GET /v1/models HTTP/1.1\r\nbad header\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("GET /v1/models HTTP/9.9\r\nhost: weir\r\n\r\n".to_owned(), 400, "invalid_request"),
        (chat_head("content-length: 1\r\ncontent-length: 2\r\n"), 400, "invalid_request"),
        (chat_head("transfer-encoding: gzip\r\n"), 400, "invalid_request"),
        (large(66 << 10), 431, "headers_too_large"),
        (large(1 << 20), 431, "headers_too_large"),
        (with_lines(20_000), 431, "headers_too_large"),
    ] {
        for kept in [false, true] {
            let mut caller = Raw::to(&world).await;
            if kept {
                assert_eq!(caller.ask(get("/v1/models")).await.status, 200);
            }
            let reply = caller.ask(&head).await;
            check(&reply, status, code);
            assert_eq!(reply.header("connection"), Some("close"));
            assert_eq!(caller.rest().await, b"", "the connection ends");
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn s10_15_what_is_asked_of_models_is_told_to_keys_alone() {
    let (_upstream, world) = world();
    for path in
        ["/v1/models/%ff", "/v1/models/%", "/v1/models/%C3%28", "/v1/models/no%20such", "/v1/models/a/b"]
    {
        let anonymous = format!("GET {path} HTTP/1.1\r\nhost: weir\r\n\r\n");
        check(&Raw::to(&world).await.ask(anonymous).await, 401, "invalid_api_key");
        check(&Raw::to(&world).await.ask(get(path)).await, 404, "model_not_found");
    }
    for path in ["/v1/models/chat", "/v1/models/%63hat", "/v1//models/chat/"] {
        let reply = Raw::to(&world).await.ask(get(path)).await;
        assert_eq!((reply.status, &reply.json()["id"]), (200, &"chat".into()), "{path}");
        assert!(reply.header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test]
async fn s10_15_head_is_answered_like_get_without_the_body() {
    let (_upstream, world) = world();
    for (path, status) in [("/v1/models", 200), ("/v1/models/chat", 200), ("/v1/models/none", 404)] {
        let get = world.client.get(world.url(path)).bearer_auth(KEY).send().await.unwrap();
        let length = get.headers()["content-length"].clone();
        let head = world.client.head(world.url(path)).bearer_auth(KEY).send().await.unwrap();
        assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (status, &length), "{path}");
        assert!(head.headers().contains_key("x-request-id"));
        assert_eq!(head.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_browsers_preflight_is_refused_and_allows_nothing() {
    let (_upstream, world) = world();
    for (path, allow) in [("/v1/chat/completions", "POST"), ("/v1/models", "GET, HEAD")] {
        let preflight = format!(
            "OPTIONS {path} HTTP/1.1\r\nhost: weir\r\norigin: https://app.example\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n"
        );
        let reply = Raw::to(&world).await.ask(preflight).await;
        check(&reply, 405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow));
        assert!(!reply.headers.keys().any(|name| name.starts_with("access-control-")), "{reply:?}");
    }
    let chat = chat(&unary().to_string()).replace("host:", "origin: https://app.example\r\nhost:");
    let reply = Raw::to(&world).await.ask(chat).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.headers.keys().any(|name| name.starts_with("access-control-")), "{reply:?}");
}

#[tokio::test]
async fn slashes_too_many_lead_to_the_same_endpoint() {
    let (upstream, world) = world();
    let paths = [
        "/v1//chat/completions",
        "/v1/chat/completions/",
        "//v1/chat//completions",
        "/v1/v1//chat/completions/",
    ];
    for path in paths {
        let request = chat(&unary().to_string()).replace("/v1/chat/completions", path);
        assert_eq!(Raw::to(&world).await.ask(request).await.status, 200, "{path}");
    }
    assert_eq!(upstream.count(), paths.len());
    for path in ["/v1/models/", "/v1//models", "//v1/models//"] {
        assert_eq!(Raw::to(&world).await.ask(get(path)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let (upstream, world) = world();
    let body = unary().to_string();
    let head = chat_head(&format!("content-length: {}\r\n", body.len()));
    for (hosts, status) in [
        ("", 400),
        ("host: weir\r\nhost: weir\r\n", 400),
        ("host: a\r\nHost: b\r\n", 400),
        ("host: weir\r\n", 200),
        ("host:\r\n", 200),
    ] {
        for (head, body) in [
            (head.replace("host: weir\r\n", hosts), body.as_str()),
            (get("/v1/models").replace("host: weir\r\n", hosts), ""),
        ] {
            let reply = Raw::to(&world).await.ask(head + body).await;
            assert_eq!(reply.status, status, "{hosts:?}");
            if status == 400 {
                check(&reply, 400, "invalid_request");
            }
        }
    }
    assert_eq!(upstream.count(), 2);
    let old = get("/v1/models").replace("host: weir\r\n", "").replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(Raw::to(&world).await.ask(old).await.status, 200, "HTTP/1.0 knows none");
}

#[tokio::test]
async fn a_host_can_be_read_one_way_alone() {
    let (_upstream, world) = world();
    for (host, status) in [
        ("weir", 200),
        ("weir:8080", 200),
        ("weir:", 200),
        ("my_service.default.svc.cluster.local:80", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("[fe80::1%25eth0]", 200),
        ("a%20b", 200),
        ("a, b", 400),
        ("a b", 400),
        ("user@weir", 400),
        ("http://weir/", 400),
        ("weir/v1", 400),
        ("weir?x", 400),
        ("weir:80:81", 400),
        ("weir:http", 400),
        ("[::1", 400),
        ("[::1]x", 400),
        ("::1", 400),
        ("weir\\x", 400),
        ("we\u{ef}r", 400),
    ] {
        let reply = Raw::to(&world)
            .await
            .ask(get("/v1/models").replace("host: weir", &format!("host: {host}")))
            .await;
        assert_eq!(reply.status, status, "{host:?}");
        if status == 400 {
            check(&reply, 400, "invalid_request");
        }
    }
}

/// The HTTP library takes whatever ends with `chunked`, and would give us compressed bytes.
#[tokio::test]
async fn s10_20_a_transfer_coding_beside_chunked_is_refused_by_its_name() {
    let (upstream, world) = world();
    let body = unary().to_string();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (codings, status, named) in [
        ("transfer-encoding: chunked\r\n", 200, ""),
        ("transfer-encoding: Chunked\r\n", 200, ""),
        ("transfer-encoding: , chunked\r\n", 200, ""),
        ("transfer-encoding: gzip, chunked\r\n", 400, "gzip"),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", 400, "gzip"),
        ("transfer-encoding: identity, chunked\r\n", 400, "identity"),
        ("transfer-encoding: chunked, chunked\r\n", 400, "chunked, chunked"),
    ] {
        let mut caller = Raw::to(&world).await;
        let reply = caller.ask(chat_head(codings) + &chunks).await;
        assert_eq!(reply.status, status, "{codings:?}");
        if status == 400 {
            check(&reply, 400, "invalid_request");
            let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(named), "{message}");
        }
        assert_eq!(caller.ask(get("/v1/models")).await.status, 200, "the connection goes on");
    }
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn s10_16_how_a_request_is_cut_changes_nothing() {
    let (upstream, world) = world();
    let request = chat(&unary().to_string());
    for size in [1, 2, 3, 5, 17, 100] {
        let mut caller = Raw::to(&world).await;
        caller.stream.set_nodelay(true).unwrap();
        for piece in request.as_bytes().chunks(size) {
            caller.send(piece).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(caller.reply().await.unwrap().status, 200, "{size}");
    }
    assert_eq!(upstream.count(), 6);
}

/// An end from the caller's side means that it has left: nobody can tell one who still listens from one who does not.
#[tokio::test]
async fn s2_4_who_ends_its_side_has_left_and_is_recorded() {
    let (upstream, world) = world();
    upstream.always(Answer::says("late").hang_at(At::Start));
    let mut caller = Raw::to(&world).await;
    // The end comes with the request, before it could be looked at.
    caller.send(chat(&unary().to_string())).await;
    caller.stream.shutdown().await.unwrap();
    assert_eq!(caller.rest().await, b"");
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!((&line["outcome"], &line["status"]), (&"canceled".into(), &499.into()), "{line}");
    let mut caller = Raw::to(&world).await;
    caller.send(chat(&unary().to_string())).await;
    tokio::time::sleep(SHORT).await; // the end comes while it is answered
    caller.stream.shutdown().await.unwrap();
    assert_eq!(caller.rest().await, b"");
    assert_eq!(world.usage_lines(2).await[1]["outcome"], "canceled");
}
