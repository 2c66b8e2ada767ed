//! S9.3: one byte budget for all bodies that are held.

use crate::harness::{Reply, World, streamed, unary};
use crate::raw::{Raw, chat, chat_head};
use crate::tools::{H2, body_of, eventually, load, over};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_upstream::{Answer, At, Chat, Framing, Gate, Upstream};

/// A caller that has sent all of `body` but its last byte.
async fn almost(world: &World, body: &str) -> Raw {
    let mut caller = Raw::to(world).await;
    caller.send(chat_head(&format!("content-length: {}\r\n", body.len()))).await;
    caller.send(&body[..body.len() - 1]).await;
    caller
}

#[tokio::test]
async fn s9_3_bodies_beyond_the_memory_budget_are_turned_away_after_a_second() {
    let upstream = Upstream::start();
    let world = Arc::new(over(&upstream, |options| options.memory_budget = Some(1 << 20)));
    let large = body_of(600 << 10);
    let mut first = almost(&world, &large).await;
    eventually("it is being received", async || load(&world).await.1 == 1).await;
    for chunked in [false, true] {
        let began = Instant::now();
        let mut second = Raw::to(&world).await;
        let request = if chunked {
            chat_head("transfer-encoding: chunked\r\n")
                + &format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len())
        } else {
            chat(&large)
        };
        let reply = second.ask(request).await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"), "chunked: {chunked}");
        assert_eq!(reply.header("x-weir-error-source"), Some("gateway"));
        assert!(
            began.elapsed() >= Duration::from_secs(1),
            "it waits for others to finish: {:?}",
            began.elapsed()
        );
        let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        let millis: u64 = reply.header("retry-after-ms").unwrap().parse().unwrap();
        assert!((1..=5).contains(&seconds) && seconds == millis.div_ceil(1000), "{seconds} {millis}");
        // Small ones have room all the while.
        assert_eq!(world.chat().await.status, 200);
    }
    assert_eq!(first.ask(&large[large.len() - 1..]).await.status, 200, "who was there first is unharmed");
    for n in 0..20 {
        assert_eq!(world.post(large.clone()).await.status, 200, "{n}: everything was given back");
    }
}

#[tokio::test]
async fn s9_3_what_is_given_back_goes_to_who_waits() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let large = body_of(600 << 10);
    // It waits a second: on a busy machine that may be over before the first is answered.
    for _ in 0..5 {
        let mut first = almost(&world, &large).await;
        eventually("it is being received", async || load(&world).await.1 == 1).await;
        let mut second = Raw::to(&world).await;
        second.send(chat(&large)).await;
        eventually("the other waits", async || load(&world).await.1 == 2).await;
        assert_eq!(first.ask(&large[large.len() - 1..]).await.status, 200);
        if second.reply().await.unwrap().status == 200 {
            return;
        }
        eventually("nothing runs", async || load(&world).await.1 == 0).await;
    }
    panic!("who waited was given nothing, five times");
}

#[tokio::test]
async fn s9_3_who_leaves_or_breaks_off_gives_everything_back() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let large = body_of(600 << 10);
    for _ in 0..5 {
        drop(almost(&world, &large).await);
        eventually("nothing runs", async || load(&world).await == (0, 0)).await;
    }
    upstream.always(Answer::hang());
    let mut caller = Raw::to(&world).await;
    caller.send(chat(&large)).await;
    upstream.wait_for_requests(1).await.unwrap();
    drop(caller);
    upstream.wait_for_cancelled(1).await.unwrap();
    eventually("nothing runs", async || load(&world).await == (0, 0)).await;
    upstream.always(Answer::says("hi"));
    assert_eq!(world.post(large).await.status, 200);
}

#[tokio::test]
async fn s9_3_a_stream_under_way_holds_no_body() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.then(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let mut body: serde_json::Value = serde_json::from_str(&body_of(600 << 10)).unwrap();
    body["stream"] = true.into();
    let stream = world.open_stream(body).await;
    gate.reached_by(1).await;
    assert_eq!(world.post(body_of(600 << 10)).await.status, 200, "there is room for another");
    gate.open();
    assert_eq!(Reply::read(stream).await.content(), "one two");
}

#[tokio::test]
async fn s9_3_an_answer_that_its_caller_does_not_take_stays_counted() {
    let upstream = Upstream::start();
    upstream.then(Answer::says("x".repeat(3 << 20)));
    let world = over(&upstream, |options| options.memory_budget = Some(4 << 20));
    let mut slow = Raw::narrow(world.data).await;
    slow.send(chat(&unary().to_string())).await;
    slow.read_past("200 OK").await;
    let large = body_of(2 << 20);
    assert_eq!(world.post(large.clone()).await.code(), "overloaded");
    assert_eq!(slow.reply().await.unwrap().body.len() >> 20, 3);
    assert_eq!(world.post(large).await.status, 200, "taken, and given back");
}

#[tokio::test]
async fn s9_3_an_answer_that_its_caller_does_not_take_holds_no_request() {
    let upstream = Upstream::start();
    upstream.then(Answer::says("x".repeat(3 << 20)));
    let world = over(&upstream, |options| options.memory_budget = Some(16 << 20));
    let mut slow = Raw::narrow(world.data).await;
    slow.send(chat(&body_of(8 << 20))).await;
    slow.read_past("200 OK").await;
    assert_eq!(world.post(body_of(6 << 20)).await.status, 200);
    assert_eq!(slow.reply().await.unwrap().body.len() >> 20, 3);
}

#[tokio::test]
async fn s9_3_answers_that_an_http2_caller_does_not_take_stay_counted() {
    let upstream = Upstream::start();
    upstream.always(Answer::says("x".repeat(40 << 10)));
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let mut caller = H2::narrow(world.data, 1).await;
    let mut answers = Vec::new();
    for _ in 0..15 {
        answers.push(caller.open(&unary()).await);
    }
    assert_eq!(world.post(body_of(300 << 10)).await.code(), "overloaded");
    drop(answers);
    eventually("all is given back", async || world.post(body_of(300 << 10)).await.status == 200).await;
}

#[tokio::test]
async fn s9_3_an_answer_that_is_announced_and_does_not_come_stands_in_nobodys_way() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    let body = format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, "x".repeat(3 << 20));
    upstream.then(Answer::json(200, body).framing(Framing::Length).hold_at(At::Byte(100), &gate));
    let world = over(&upstream, |options| options.memory_budget = Some(4 << 20));
    let mut slow = Raw::to(&world).await;
    slow.send(chat(&unary().to_string())).await;
    gate.reached_by(1).await;
    for _ in 0..3 {
        assert_eq!(world.post(body_of(2 << 20)).await.status, 200);
    }
    gate.open();
    assert_eq!(slow.reply().await.unwrap().status, 200);
}

#[tokio::test]
async fn s9_3_an_event_that_is_held_until_it_is_complete_counts() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    let event = |text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let events = [event("first"), event(&"x".repeat(60 << 10)), "data: [DONE]\n\n".to_owned()];
    let most = events[0].len() + (58 << 10);
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let streams = 10;
    let large = body_of(300 << 10);
    upstream.always(Answer::by(move |seen| match seen.body.windows(8).any(|part| part == b"\"stream\"") {
        true => Answer::events(events.clone()).hold_at(At::Byte(most), &gate.clone()),
        false => Answer::says("hi"),
    }));
    let mut open = Vec::new();
    for _ in 0..streams {
        open.push(world.open_stream(streamed()).await);
    }
    eventually("they count", async || world.post(large.clone()).await.code() == "overloaded").await;
    drop(open);
    eventually("all is given back", async || world.post(large.clone()).await.status == 200).await;
}

#[tokio::test]
async fn s9_3_what_was_held_of_a_stream_counts_until_its_caller_has_it() {
    let upstream = Upstream::start();
    let chunk = |delta: &str| {
        format!("data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,{delta}}}]}}\n\n")
    };
    let silent = chunk(&format!("\"delta\":{{}},\"more\":\"{}\"", "x".repeat(3 << 10)));
    let mut events = vec![silent; 60];
    events.push(chunk("\"delta\":{\"content\":\"first\"}"));
    upstream.always(Answer::by(move |seen| match seen.body.windows(8).any(|part| part == b"\"stream\"") {
        true => Answer::events(events.clone()).hang_at(At::Event(events.len())),
        false => Answer::says("hi"),
    }));
    let world = over(&upstream, |options| {
        options.memory_budget = Some(2 << 20);
        options.keep_alive = Duration::from_millis(20);
    });
    let mut open = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut stream = world.open_stream(streamed()).await;
        open.spawn(async move { while let Ok(Some(_)) = stream.chunk().await {} });
    }
    eventually("they are taken", async || world.post(body_of(300 << 10)).await.status == 200).await;
    open.abort_all();
}

#[tokio::test]
async fn s9_3_bodies_that_are_announced_and_do_not_come_stand_in_nobodys_way() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(8 << 20));
    let mut slow = Vec::new();
    for n in 0..8 {
        let mut caller = Raw::to(&world).await;
        let told = if n < 6 { "content-length: 8388000\r\n" } else { "transfer-encoding: chunked\r\n" };
        caller.send(chat_head(told)).await;
        caller.send("7d0\r\n{").await;
        slow.push(caller);
    }
    eventually("they are being received", async || load(&world).await.1 == 8).await;
    for size in [10, 1 << 10, 60 << 10, 600 << 10, 4 << 20] {
        for caller in &mut slow {
            caller.send(" ").await;
        }
        assert_eq!(world.post(body_of(size)).await.status, 200, "{size}");
        assert!(world.stream().await.is_whole());
    }
}

#[tokio::test]
async fn s9_3_a_large_body_that_waits_lets_small_ones_pass() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let large = body_of(600 << 10);
    let mut first = almost(&world, &large).await;
    eventually("it is being received", async || load(&world).await.1 == 1).await;
    let mut second = Raw::to(&world).await;
    second.send(chat(&large)).await;
    eventually("the other waits", async || load(&world).await.1 == 2).await;
    for size in [10, 100, 1 << 10, 30 << 10, 60 << 10] {
        assert_eq!(world.post(body_of(size)).await.status, 200, "{size}");
    }
    let mut answer = Box::pin(second.reply());
    let waits_still = poll_fn(|cx| std::task::Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
    assert!(waits_still, "the small ones have waited as long");
    assert_eq!(answer.await.unwrap().code(), "overloaded");
    assert_eq!(first.ask(&large[large.len() - 1..]).await.status, 200);
}

#[tokio::test]
async fn s9_3_what_large_bodies_may_take_leaves_room_for_small_ones() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let piece = body_of(100 << 10);
    let mut large = Vec::new();
    for n in 1..=6 {
        large.push(almost(&world, &piece).await);
        eventually("it is being received", async || load(&world).await.1 == n).await;
    }
    assert_eq!(world.post(piece.clone()).await.code(), "overloaded");
    for size in [10, 1 << 10, 60 << 10] {
        assert_eq!(world.post(body_of(size)).await.status, 200, "{size}");
        assert!(world.stream().await.is_whole());
    }
    for caller in &mut large {
        assert_eq!(caller.ask(&piece[piece.len() - 1..]).await.status, 200);
    }
}

#[tokio::test]
async fn s9_3_an_open_stream_counts_with_what_it_may_hold() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.always(Answer::by(move |seen| match seen.body.windows(8).any(|part| part == b"\"stream\"") {
        true => Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate.clone()),
        false => Answer::says("hi"),
    }));
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let mut open = Vec::new();
    // 32 KiB each, and a sixteenth is for small requests.
    for _ in 0..30 {
        open.push(world.open_stream(streamed()).await);
    }
    let refused = world.stream().await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert_eq!(world.chat().await.status, 200, "a small request has room");
    assert_eq!(upstream.count(), 31, "who has no room asks nobody");
    drop(open.pop());
    eventually("there is room for another", async || world.open_stream(streamed()).await.status() == 200)
        .await;
}

#[tokio::test]
async fn s9_3_what_is_held_of_a_stream_before_its_content_counts() {
    const STREAMS: usize = 25;
    let (upstream, gate) = (Upstream::start(), Gate::new());
    let silent = format!(
        "data: {{\"object\":\"chat.completion.chunk\",\"more\":\"{}\",\"choices\":[{{\"index\":0,\"delta\":{{}}}}]}}\n\n",
        "x".repeat(10 << 10)
    );
    // Some 200 KiB are held of each: by its 32 KiB alone each of them would have room.
    upstream.always(Answer::events(vec![silent; 20]).hold_at(At::Event(20), &gate));
    let world = Arc::new(over(&upstream, |options| options.memory_budget = Some(1 << 20)));
    let mut streams = tokio::task::JoinSet::new();
    for stream in 1..=STREAMS {
        let world = Arc::clone(&world);
        streams.spawn(async move { world.stream().await.code() });
        let mut refused = None;
        eventually("all of it has come, or there is no room", async || {
            refused = streams.try_join_next();
            refused.is_some() || gate.waiting() == stream
        })
        .await;
        if let Some(code) = refused {
            assert_eq!(code.unwrap(), "overloaded");
            return;
        }
    }
    panic!("{STREAMS} streams have room");
}

/// Callers who have sent `head` and nothing behind it.
async fn who_sent(world: &World, head: &str, count: usize) -> Vec<Raw> {
    let mut callers = Vec::new();
    for _ in 0..count {
        let mut caller = Raw::to(world).await;
        caller.send(head).await;
        callers.push(caller);
    }
    callers
}

#[tokio::test]
async fn s9_3_large_heads_count_while_they_and_their_bodies_come() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let whole = chat_head(&format!("x-filler: {}\r\ncontent-length: 10\r\n", "f".repeat(60 << 10)));
    let unfinished = whole.trim_end();
    for (head, unfinished) in [(whole.as_str(), false), (unfinished, true)] {
        let mut callers = who_sent(&world, head, 40).await;
        eventually("some are turned away", async || {
            let (connections, in_flight) = load(&world).await;
            if unfinished { (10..=17).contains(&connections) } else { (10..=17).contains(&in_flight) }
        })
        .await;
        let reply = callers.last_mut().unwrap().reply().await.expect("an answer");
        assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"), "{unfinished}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
        drop(callers);
        eventually("all is given back", async || world.post(body_of(600 << 10)).await.status == 200).await;
    }
}

#[tokio::test]
async fn s9_3_large_heads_that_come_one_by_one_leave_nothing_counted() {
    let upstream = Upstream::start();
    let world = over(&upstream, |options| options.memory_budget = Some(256 << 10));
    let body = unary().to_string();
    let head = format!("x-filler: {}\r\ncontent-length: {}\r\n", "f".repeat(60 << 10), body.len());
    let request = chat_head(&head) + &body;
    let mut callers = who_sent(&world, "", 10).await;
    for _ in 0..3 {
        for caller in &mut callers {
            assert_eq!(caller.ask(&request).await.status, 200);
            assert_eq!(caller.ask(chat(&body_of(100 << 10))).await.status, 200);
        }
    }
}

#[tokio::test]
async fn s9_3_a_large_head_counts_no_more_while_its_answer_streams() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.always(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let world = over(&upstream, |options| options.memory_budget = Some(1 << 20));
    let body = streamed().to_string();
    let head = format!("x-filler: {}\r\ncontent-length: {}\r\n", "f".repeat(60 << 10), body.len());
    // A stream is 32 KiB, and a head that comes leaves 384 KiB to others: with their heads six would have room.
    let mut callers = who_sent(&world, "", 15).await;
    for caller in &mut callers {
        caller.send(chat_head(&head) + &body).await;
        caller.read_past("one ").await;
    }
    gate.open();
    for caller in &mut callers {
        caller.read_past("[DONE]").await;
    }
}
