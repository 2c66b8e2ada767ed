//! S9.4: what slow callers may take of time and sockets.

use crate::harness::{KEY, World, streamed, unary};
use crate::raw::{Raw, chat, chat_head};
use crate::tools::{H2, SHORT, body_of, eventually, load, over, read_h2};
use http_body_util::BodyExt;
use serde_json::json;
use std::time::{Duration, Instant};
use weir_gateway::Options;
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

#[tokio::test]
async fn s9_4_headers_that_come_slowly_end_the_connection() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.bounds.headers = SHORT);
    let head = chat_head("content-length: 2\r\n");
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    // How many bytes come at once; the others follow one by one, as long as the gateway listens.
    for (text, at_once) in [
        (head.as_str(), 0),
        (&head, 1),
        (&head, 4),
        (&head, head.len() - 100),
        (preface, 4),
        (preface, 14),
        (preface, preface.len()),
    ] {
        let mut caller = Raw::to(&world).await;
        let began = Instant::now();
        caller.send(&text[..at_once]).await;
        let mut left = text[at_once..].bytes();
        let gone = loop {
            let next: Vec<u8> = left.next().into_iter().collect();
            if !caller.send(&next).await {
                break began.elapsed();
            }
            tokio::select! {
                rest = caller.rest() => {
                    assert!(!rest.starts_with(b"HTTP/1.1 2"), "{:?}", String::from_utf8_lossy(&rest));
                    break began.elapsed();
                }
                () = tokio::time::sleep(Duration::from_millis(20)), if !next.is_empty() => {}
            }
        };
        assert!(gone >= SHORT || at_once == 0, "{at_once}: too early, {gone:?}");
        assert!(gone < SHORT * 8, "{at_once} of {text:?}: only after {gone:?}");
    }
    eventually("no connection is left", async || load(&world).await.0 == 0).await;
}

#[tokio::test]
async fn s9_4_a_connection_that_says_nothing_is_closed() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.bounds.headers = SHORT);
    let began = Instant::now();
    assert_eq!(Raw::to(&world).await.rest().await, b"");
    assert!(began.elapsed() >= SHORT && began.elapsed() < SHORT * 8, "{:?}", began.elapsed());
}

#[tokio::test]
async fn s9_4_a_kept_connection_lives_longer_than_the_header_timer() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.bounds.headers = SHORT);
    let models = format!("GET /v1/models HTTP/1.1\r\nhost: weir\r\nx-api-key: {KEY}\r\n\r\n");
    let requests = [
        (chat(&unary().to_string()), 200),
        (models, 200),
        ("GET /nowhere HTTP/1.1\r\nhost: weir\r\n\r\n".to_owned(), 404),
        ("POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\ncontent-length: 2\r\n\r\n{}".to_owned(), 401),
    ];
    let mut callers = Vec::new();
    for (request, status) in &requests {
        // In one piece, and in two: the timer of a head that came slowly ends with the head.
        for cut in [0, 10] {
            let mut caller = Raw::to(&world).await;
            caller.send(&request[..cut]).await;
            tokio::time::sleep(if cut > 0 { SHORT / 2 } else { Duration::ZERO }).await;
            assert_eq!(caller.ask(&request[cut..]).await.status, *status);
            callers.push((caller, request, *status));
        }
    }
    // The time that passes is what is tested.
    tokio::time::sleep(SHORT * 3).await;
    for (caller, request, status) in &mut callers {
        assert_eq!(caller.ask(request.as_str()).await.status, *status, "{request}");
    }
}

#[tokio::test]
async fn s9_4_a_kept_connection_is_closed_in_the_end() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.then(Answer::says("late").hold_at(At::Start, &gate));
    let world = over(&upstream, |options| options.bounds.kept = SHORT);
    let mut caller = Raw::to(&world).await;
    caller.send(chat(&unary().to_string())).await;
    gate.reached_by(1).await;
    // The time that passes is what is tested: a connection that waits for its answer is not merely kept.
    tokio::time::sleep(SHORT * 2).await;
    gate.open();
    assert_eq!(caller.reply().await.unwrap().status, 200);
    assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 200);
    let began = Instant::now();
    assert_eq!(caller.rest().await, b"");
    assert!(began.elapsed() >= SHORT / 2 && began.elapsed() < SHORT * 8, "{:?}", began.elapsed());
    let mut h2 = H2::to(&world).await;
    let answer = h2.open(&unary()).await;
    assert!(!read_h2(answer.into_body()).await.1);
    h2.ended().await;
}

#[tokio::test]
async fn s9_4_a_body_that_comes_after_its_head_closes_no_connection() {
    let upstream = Upstream::start();
    let (headers, kept) = (SHORT, SHORT * 4);
    let world = over(&upstream, |options| {
        options.bounds.headers = headers;
        options.bounds.kept = kept;
    });
    let body = unary().to_string();
    let head = chat_head(&format!("content-length: {}\r\n", body.len()));
    let mut caller = Raw::to(&world).await;
    let began = Instant::now();
    // The first request arms the timer of kept connections, the second comes shortly before it fires, and the third
    // after a head's time has passed since then.
    for at in [Duration::ZERO, kept - headers / 2, kept + headers * 2] {
        tokio::time::sleep_until((began + at).into()).await;
        let in_flight = load(&world).await.1;
        caller.send(&head).await;
        eventually("the head is read", async || load(&world).await.1 > in_flight).await;
        assert_eq!(caller.ask(&body).await.status, 200, "at {at:?}");
    }
}

#[tokio::test]
async fn s9_4_an_http2_stream_outlives_its_neighbours_and_every_timer_of_idleness() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.then(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let world = over(&upstream, |options| {
        options.bounds.headers = SHORT;
        options.bounds.kept = SHORT;
    });
    let mut h2 = H2::to(&world).await;
    let long = h2.open(&streamed()).await.into_body();
    gate.reached_by(1).await;
    for _ in 0..4 {
        let short = h2.open(&unary()).await;
        assert!(!read_h2(short.into_body()).await.1);
        // The time that passes is what is tested.
        tokio::time::sleep(SHORT).await;
    }
    gate.open();
    let (text, broken) = read_h2(long).await;
    assert!(!broken && text.contains("two") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn s9_4_a_body_of_a_byte_now_and_then_is_too_slow() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.bounds.body_grace = SHORT);
    let body = unary().to_string();
    for head in [
        chat_head(&format!("content-length: {}\r\n", body.len())),
        chat_head("transfer-encoding: chunked\r\n"),
    ] {
        let chunked = head.contains("chunked");
        let mut caller = Raw::to(&world).await;
        let began = Instant::now();
        caller.send(head).await;
        let reply = loop {
            caller.send(if chunked { "1\r\n{\r\n" } else { "{" }).await;
            tokio::select! {
                reply = caller.reply() => break reply.expect("an answer"),
                () = tokio::time::sleep(Duration::from_millis(30)) => {}
            }
        };
        assert_eq!((reply.status, reply.code().as_str()), (408, "body_too_slow"));
        assert_eq!(reply.header("connection"), Some("close"));
        assert_eq!(reply.header("x-weir-error-source"), Some("caller"));
        assert!(began.elapsed() >= SHORT && began.elapsed() < SHORT * 8, "{:?}", began.elapsed());
        assert_eq!(caller.rest().await, b"", "the connection ends");
    }
    let mut h2 = H2::to(&world).await;
    assert_eq!(h2.open(&unary()).await.status(), 200, "others are unharmed");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn s9_4_a_body_that_keeps_the_pace_may_take_long() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| {
        options.bounds.body_grace = SHORT;
        options.bounds.body_rate = 1024;
    });
    let body = body_of(64 << 10);
    let mut caller = Raw::to(&world).await;
    caller.send(chat_head(&format!("content-length: {}\r\n", body.len()))).await;
    let began = Instant::now();
    for piece in body.as_bytes().chunks(8 << 10) {
        caller.send(piece).await;
        tokio::time::sleep(SHORT / 2).await; // the pace is what is tested
    }
    assert!(began.elapsed() > SHORT * 3);
    assert_eq!(caller.reply().await.unwrap().status, 200);
}

fn endless() -> Answer {
    let frame = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(8 << 10)}}]});
    Answer::endless(format!("data: {frame}\n\n"), Duration::ZERO)
}

#[tokio::test]
async fn s9_4_a_reader_that_takes_nothing_is_dropped_and_its_upstream_with_it() {
    let upstream = Upstream::start();
    upstream.always(endless());
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    let began = Instant::now();
    let mut caller = Raw::narrow(world.data).await;
    caller.send(chat(&streamed().to_string())).await;
    caller.read_past("200 OK").await;
    upstream.wait_for_cancelled(1).await.unwrap();
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    eventually("nothing is left of it", async || load(&world).await == (0, 0)).await;
    let line = &world.usage()[0];
    assert_eq!((&line["outcome"], &line["assumed"]), (&"canceled".into(), &true.into()), "{line}");
}

#[tokio::test]
async fn s9_4_a_reader_that_takes_a_byte_now_and_then_is_dropped() {
    let upstream = Upstream::start();
    upstream.then(endless());
    upstream.then(Answer::huge(3));
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    for body in [streamed(), unary()] {
        let mut caller = Raw::narrow(world.data).await;
        caller.send(chat(&body.to_string())).await;
        caller.read_past("200 OK").await;
        let took = async {
            let mut byte = [0];
            while tokio::io::AsyncReadExt::read(&mut caller.stream, &mut byte)
                .await
                .is_ok_and(|read| read > 0)
            {
                tokio::time::sleep(SHORT / 10).await;
            }
        };
        tokio::select! {
            () = took => {}
            () = eventually("nothing is left of it", async || load(&world).await.1 == 0) => {}
        }
    }
}

#[tokio::test]
async fn s9_4_a_whole_answer_that_an_http2_caller_does_not_take_is_given_up() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.then(Answer::says("x".repeat(3 << 20)));
    upstream.then(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let world = over(&upstream, |options| {
        options.memory_budget = Some(4 << 20);
        options.bounds.write_idle = SHORT;
    });
    let mut h2 = H2::narrow(world.data, 64 << 10).await;
    let unread = h2.open(&unary()).await.into_body();
    let neighbour = h2.open(&streamed()).await.into_body();
    eventually("its share is given back", async || world.post(body_of(2 << 20)).await.status == 200).await;
    eventually("the neighbour alone is left", async || load(&world).await.1 == 1).await;
    gate.open();
    let (text, broken) = read_h2(neighbour).await;
    assert!(!broken && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(read_h2(unread).await.1, "it was reset");
}

#[tokio::test]
async fn s9_4_an_http2_caller_that_takes_no_small_answers_leaves_few_behind() {
    let upstream = Upstream::start();
    upstream.always(Answer::says("x".repeat(10 << 10)));
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    let mut h2 = H2::narrow(world.data, 1).await;
    let mut unread = Vec::new();
    for _ in 0..30 {
        unread.push(h2.open(&unary()).await.into_body());
    }
    eventually("nothing runs", async || load(&world).await.1 == 0).await;
    let mut broken = 0;
    for body in unread {
        broken += usize::from(read_h2(body).await.1);
    }
    assert!((20..30).contains(&broken), "{broken} of 30 were reset");
}

#[tokio::test]
async fn s9_4_an_http2_reader_that_takes_nothing_is_dropped_alone() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.then(endless());
    upstream.then(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    let mut h2 = H2::to(&world).await;
    let unread = h2.open(&streamed()).await.into_body();
    let neighbour = h2.open(&streamed()).await.into_body();
    gate.reached_by(1).await;
    upstream.wait_for_cancelled(1).await.unwrap();
    eventually("the neighbour alone is left", async || load(&world).await == (1, 1)).await;
    gate.open();
    let (text, broken) = read_h2(neighbour).await;
    assert!(!broken && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(read_h2(unread).await.1, "it was reset");
}

#[tokio::test]
async fn s9_4_an_http2_caller_that_never_grants_room_is_given_up() {
    let upstream = Upstream::start();
    upstream.then(Answer::says("Hello."));
    upstream.then(endless());
    let world = over(&upstream, |options| options.bounds.write_idle = SHORT);
    let mut h2 = H2::narrow(world.data, 0).await;
    let began = Instant::now();
    for body in [unary(), streamed()] {
        let unread = h2.open(&body).await.into_body();
        assert!(read_h2(unread).await.1, "it was reset: {body}");
    }
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    upstream.wait_for_cancelled(1).await.unwrap();
    eventually("nothing is left of them", async || load(&world).await.1 == 0).await;
}

#[tokio::test]
async fn s9_4_a_first_head_has_as_long_as_any_other() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.bounds.headers = SHORT * 4);
    let mut caller = Raw::to(&world).await;
    tokio::time::sleep(SHORT * 3).await; // the caller says nothing yet, as it may
    let request = chat(&unary().to_string());
    caller.send(&request[..10]).await;
    tokio::time::sleep(SHORT * 3).await;
    caller.send(&request[10..]).await;
    assert_eq!(caller.reply().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn s9_4_a_reader_that_takes_a_little_at_a_time_is_served_on() {
    let upstream = Upstream::start();
    upstream.always(endless());
    // Long enough for a busy machine to fill a piece in.
    let idle = SHORT * 4;
    let world = over(&upstream, |options| options.bounds.write_idle = idle);
    let mut caller = Raw::narrow(world.data).await;
    caller.send(chat(&streamed().to_string())).await;
    caller.read_past("200 OK").await;
    let mut h2 = H2::to(&world).await;
    let mut on_h2 = h2.open(&streamed()).await.into_body();
    let mut piece = vec![0; 64 << 10];
    for _ in 0..12 {
        // Slowly, which is what is tested: three times `write_idle` in all.
        tokio::time::sleep(idle / 4).await;
        let mut taken = 0;
        while taken < piece.len() {
            let read = tokio::io::AsyncReadExt::read(&mut caller.stream, &mut piece[taken..]).await.unwrap();
            assert!(read > 0, "dropped");
            taken += read;
        }
        let mut taken = 0;
        while taken < piece.len() {
            taken += on_h2.frame().await.unwrap().expect("dropped").into_data().unwrap().len();
        }
    }
    assert_eq!(upstream.cancelled().len(), 0);
    drop((caller, on_h2));
    upstream.wait_for_cancelled(2).await.unwrap();
}

#[tokio::test]
async fn s9_4_connections_beyond_the_cap_wait_until_one_ends() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.bounds.connections = 4);
    let mut callers = Vec::new();
    for _ in 0..4 {
        let mut caller = Raw::to(&world).await;
        assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 200);
        callers.push(caller);
    }
    let mut fifth = Raw::to(&world).await;
    fifth.send(chat(&unary().to_string())).await;
    assert!(tokio::time::timeout(SHORT, fifth.reply()).await.is_err(), "it is not served yet");
    assert_eq!((load(&world).await.0, upstream.count()), (4, 4));
    assert_eq!(callers[1].ask(chat(&unary().to_string())).await.status, 200, "the others are unharmed");
    callers.remove(0);
    assert_eq!(fifth.reply().await.unwrap().status, 200);
    let bounds = options().bounds;
    assert_eq!((bounds.connections, bounds.body_rate), (15_000, 64 << 10), "the promise");
    assert_eq!((bounds.headers.as_secs(), bounds.body_grace.as_secs()), (10, 60));
    assert_eq!((bounds.write_idle.as_secs(), bounds.kept.as_secs()), (60, 120));
}

fn options() -> Options {
    let mut kept = None;
    drop(World::start_with(|options| kept = Some(options.clone())));
    kept.unwrap()
}
