//! S10.6: how large headers, bodies, JSON and HTTP/2 connections may be.

use crate::harness::{Config, unary};
use crate::raw::{Raw, chat_head};
use crate::tools::{H2, PATIENCE, SHORT, body_of, h2_chat, load, many, over, read_h2};
use std::time::{Duration, Instant};
use weir_upstream::{Answer, At, Gate, Upstream};

#[tokio::test]
async fn s10_6_headers_above_64_kib_are_refused() {
    let upstream = Upstream::start();
    let world = over(&upstream, |_| {});
    let with = |bytes: usize| {
        let body = unary().to_string();
        chat_head(&format!("x-filler: {}\r\ncontent-length: {}\r\n", "f".repeat(bytes), body.len())) + &body
    };
    assert_eq!(Raw::to(&world).await.ask(with(60 << 10)).await.status, 200);
    for bytes in [66 << 10, 1 << 20] {
        let mut caller = Raw::to(&world).await;
        let reply = caller.ask(with(bytes)).await;
        assert_eq!(reply.status, 431);
        assert_eq!(reply.header("connection"), Some("close"));
        assert_eq!(caller.rest().await, b"");
    }
    let mut many = String::new();
    (0..20_000).for_each(|n| many.push_str(&format!("x-{n}: 1\r\n")));
    assert_eq!(Raw::to(&world).await.ask(chat_head(&many)).await.status, 431);
    let mut h2 = H2::to(&world).await;
    let mut request = h2_chat(&unary());
    for kib in [66, 128, 200] {
        request.headers_mut().insert("x-filler", "f".repeat(kib << 10).parse().unwrap());
        h2.send.ready().await.unwrap();
        let answer = h2.send.send_request(request.clone()).await.unwrap();
        assert_eq!(answer.status(), 431, "{kib} KiB");
        assert!(answer.headers().contains_key("x-request-id"));
        let (text, _) = read_h2(answer.into_body()).await;
        assert!(text.contains("headers_too_large"), "{text}");
    }
    request.headers_mut().insert("x-filler", "f".repeat(60 << 10).parse().unwrap());
    assert_eq!(h2.send.send_request(request).await.unwrap().status(), 200, "the connection goes on");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn s10_6_a_body_of_33_mib_is_refused_however_it_is_told() {
    let upstream = Upstream::start();
    let world = over(&upstream, |_| {});
    let body = vec![b' '; 33 << 20];
    for chunked in [false, true] {
        let mut caller = Raw::to(&world).await;
        let told = if chunked {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("content-length: {}", body.len())
        };
        assert!(caller.send(chat_head(&format!("{told}\r\n"))).await);
        for piece in body.chunks(1 << 20) {
            if chunked {
                caller.send(format!("{:x}\r\n", piece.len())).await;
            }
            assert!(caller.send(piece).await, "broke off while it was written to");
            if chunked {
                caller.send("\r\n").await;
            }
            if piece.as_ptr() == body[16 << 20..].as_ptr() {
                assert_eq!(world.chat().await.status, 200, "others are unharmed");
            }
        }
        if chunked {
            caller.send("0\r\n\r\n").await;
        }
        let reply = caller.reply().await.expect("an answer, not a reset");
        assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_large"));
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains("33554432"));
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn s10_6_the_largest_body_is_taken_to_the_byte() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.gateway_mut(|gateway| gateway.listener.max_body_bytes = 1 << 20);
    let world = config.start();
    let exactly = |bytes: usize| {
        let frame = body_of(0).len();
        let body = body_of(bytes - frame);
        assert_eq!(body.len(), bytes);
        body
    };
    for (bytes, status) in [(1 << 20, 200), ((1 << 20) + 1, 413)] {
        let body = exactly(bytes);
        assert_eq!(world.post(body.clone()).await.status, status);
        let request =
            chat_head("transfer-encoding: chunked\r\n") + &format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n");
        assert_eq!(Raw::to(&world).await.ask(request).await.status, status, "chunked");
        assert_eq!(
            H2::to(&world).await.open(&serde_json::from_str(&body).unwrap()).await.status(),
            status,
            "HTTP/2"
        );
    }
}

#[tokio::test]
async fn s10_6_json_may_be_64_levels_deep() {
    let upstream = Upstream::start();
    let world = over(&upstream, |_| {});
    // The body's own object is the first level.
    let nested = |levels: usize| {
        format!(r#"{{"model":"chat","x":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1))
    };
    let objects = |levels: usize| {
        format!(r#"{{"model":"chat","x":{}1{}}}"#, r#"{"a":"#.repeat(levels - 1), "}".repeat(levels - 1))
    };
    for body in [nested(64), objects(64)] {
        assert_eq!(world.post(body).await.status, 200);
    }
    let unclosed = format!(r#"{{"model":"chat","x":{}"#, "[".repeat(100_000));
    for body in [nested(65), objects(65), nested(100_000), objects(100_000), unclosed, "[".repeat(100_000)] {
        let began = Instant::now();
        let reply = world.post(body).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_request"), "{reply:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn s10_6_an_http2_connection_has_128_streams_at_most() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.always(Answer::says("hi").hold_at(At::Start, &gate));
    let world = over(&upstream, |_| {});
    let mut h2 = H2::to(&world).await;
    h2.send.ready().await.unwrap();
    let send = h2.send.clone();
    let all = tokio::task::JoinSet::from_iter([many(200, 200, move |_| {
        let mut send = send.clone();
        async move { send.send_request(h2_chat(&unary())).await.unwrap().status().as_u16() }
    })]);
    gate.reached_by(128).await;
    assert!(
        tokio::time::timeout(SHORT, gate.reached_by(129)).await.is_err(),
        "the 129th waits at its caller"
    );
    assert_eq!(load(&world).await, (1, 128));
    gate.open();
    let statuses = tokio::time::timeout(PATIENCE, all.join_all()).await.unwrap().concat();
    assert_eq!(statuses, vec![200; 200]);
}
