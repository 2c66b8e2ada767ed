//! S2.4: the caller leaves.

use crate::caller::Caller;
use crate::harness::{Config, World, streamed, unary};
use crate::quiet::alone;
use crate::raw::{Raw, chat, chat_head};
use crate::tools::{eventually, load};
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use weir_config::{OnAbort, Provider};
use weir_upstream::{Answer, At, Chat, Gate, Upstream, Usage, When, Writes};

const TRIES: usize = 100;

fn one(on_abort: OnAbort) -> (Upstream, World) {
    one_with(on_abort, |_| ())
}

fn one_with(on_abort: OnAbort, change: impl FnOnce(&mut Provider)) -> (Upstream, World) {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| {
        provider.on_abort = on_abort;
        change(provider);
    });
    (upstream, config.start_with(|options| options.keep_alive = Duration::from_millis(20)))
}

/// Asserts that of `TRIES` callers who left, all but one in a hundred were noticed upstream within 50 ms.
fn within_50_ms(mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    assert_eq!(latencies.len(), TRIES);
    let p99 = latencies[TRIES * 99 / 100 - 1];
    assert!(p99 <= Duration::from_millis(50), "p99 {p99:?}, worst {:?}", latencies[TRIES - 1]);
}

#[tokio::test]
async fn s2_4_a_unary_caller_who_leaves_takes_the_upstream_along() {
    let _alone = alone().await;
    let (upstream, world) = one(OnAbort::Unknown);
    upstream.always(Answer::says("too late").hang_at(At::Start));
    let mut latencies = Vec::new();
    for number in 1..=TRIES {
        let caller = Caller::send(&world, &unary()).await;
        upstream.wait_for_requests(number).await.unwrap();
        let left = caller.leave();
        upstream.wait_for_cancelled(number).await.unwrap();
        latencies.push(upstream.cancelled()[number - 1].at - left);
    }
    within_50_ms(latencies);
}

#[tokio::test]
async fn s2_4_a_caller_who_sent_more_behind_its_body_takes_the_upstream_along_when_it_leaves() {
    let (upstream, world) = one(OnAbort::Unknown);
    upstream.always(Answer::says("too late").hang_at(At::Start));
    let request = chat(&unary().to_string());
    for (number, more) in ["\r\n", &request].into_iter().enumerate() {
        let mut caller = Raw::to(&world).await;
        caller.send(format!("{request}{more}")).await;
        upstream.wait_for_requests(number + 1).await.unwrap();
        drop(caller);
        upstream.wait_for_cancelled(number + 1).await.unwrap();
    }
}

#[tokio::test]
async fn s2_4_a_streams_caller_who_leaves_takes_the_upstream_along() {
    let _alone = alone().await;
    let (upstream, world) = one(OnAbort::Stops);
    upstream.always(Chat::says("Hello").answer().hang_at(At::Event(2)));
    let mut latencies = Vec::new();
    for number in 1..=TRIES {
        let mut caller = Caller::send(&world, &streamed()).await;
        caller.read_until("Hello").await;
        let left = caller.leave();
        upstream.wait_for_cancelled(number).await.unwrap();
        latencies.push(upstream.cancelled()[number - 1].at - left);
    }
    within_50_ms(latencies);
    let lines = world.usage_lines(TRIES).await;
    assert!(
        lines.iter().all(|line| line["outcome"] == "canceled" && line["assumed"] == true),
        "{}",
        lines[0]
    );
    assert!(lines.iter().all(|line| line["tokens"]["output"].as_u64() > Some(0)), "{}", lines[0]);
}

#[tokio::test]
async fn s2_4_a_caller_who_leaves_before_the_content_takes_the_upstream_along() {
    let (upstream, world) = one(OnAbort::Unknown);
    upstream.always(Answer::says("too late").hang_at(At::Event(1)));
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until(": ping").await;
    caller.leave();
    upstream.wait_for_cancelled(1).await.unwrap();
    says_canceled(&world.usage_lines(1).await[0]);
}

#[tokio::test]
async fn s2_4_what_was_sent_for_a_caller_who_left_is_assumed_to_be_billed() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let world = Config::over(&[&first, &second]).start();
    first.always(Answer::overloaded());
    second.always(Answer::hang());
    for (body, asked) in [(unary(), 1), (streamed(), 2)] {
        let caller = Caller::send(&world, &body).await;
        second.wait_for_requests(asked).await.unwrap();
        caller.leave();
        second.wait_for_cancelled(asked).await.unwrap();
    }
    for line in world.usage_lines(2).await {
        assert_eq!((&line["provider"], &line["assumed"]), (&"default/p2".into(), &true.into()), "{line}");
        let tokens = &line["tokens"];
        assert!(tokens["input"].as_u64() > Some(10) && tokens["output"] == 0, "{line}");
        assert!(line["cost_nano_usd"].as_u64() > Some(0), "{line}");
    }
}

#[tokio::test]
async fn s4_1_an_attempt_that_fails_costs_nothing() {
    let (upstream, world) = one(OnAbort::Unknown);
    upstream.always(Answer::bad_key());
    assert_eq!(world.chat().await.status, 502);
    let line = world.usage_lines(1).await.remove(0);
    assert!(
        line["tokens"].is_null() && line["cost_nano_usd"].is_null() && line["assumed"] == false,
        "{line}"
    );
}

/// An upstream that bills on; how it ends its answers is up to the gate.
fn bills_on(answer: Answer, at: At) -> (Upstream, World, Gate) {
    let (upstream, world) = one(OnAbort::Continues);
    let gate = Gate::new();
    upstream.always(answer.hold_at(at, &gate));
    (upstream, world, gate)
}

/// Returns once the gateway has noticed that `caller` has left.
async fn leaves(caller: Caller, world: &World) {
    caller.leave();
    world.nobody_is_served().await;
}

/// Two upstreams of which the first bills on.
fn first_bills_on() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    config.provider_mut(0, |provider| provider.on_abort = OnAbort::Continues);
    let world = config.start();
    (first, second, world)
}

async fn books_the_true_usage(upstream: &Upstream, world: &World, gate: &Gate) {
    gate.open();
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!((&line["outcome"], &line["assumed"]), (&"canceled".into(), &false.into()), "{line}");
    assert_eq!((&line["tokens"]["input"], &line["tokens"]["output"]), (&90.into(), &35.into()), "{line}");
    assert!(line["cost_nano_usd"].as_u64() > Some(0), "{line}");
    assert_eq!(upstream.cancelled().len(), 0);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn s2_4_what_a_vendor_bills_on_for_is_read_to_its_end() {
    let chat = Chat::pieces(["one ", "two ", "three"]).usage(Some(Usage::new(90, 35)));
    let (upstream, world, gate) = bills_on(chat.answer(), At::Event(2));
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until("one ").await;
    leaves(caller, &world).await;
    books_the_true_usage(&upstream, &world, &gate).await;
}

#[tokio::test]
async fn s2_4_what_a_vendor_bills_on_for_is_read_before_its_content_too() {
    let chat = Chat::says("Hello").usage(Some(Usage::new(90, 35)));
    let (upstream, world, gate) = bills_on(chat.answer(), At::Start);
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until(": ping").await;
    leaves(caller, &world).await;
    books_the_true_usage(&upstream, &world, &gate).await;
}

#[tokio::test]
async fn s2_4_a_unary_answer_that_a_vendor_bills_on_for_is_read_to_its_end() {
    let chat = Chat::says("Hello").usage(Some(Usage::new(90, 35)));
    let (upstream, world, gate) = bills_on(chat.answer(), At::Start);
    let caller = Caller::send(&world, &unary()).await;
    gate.reached_by(1).await;
    leaves(caller, &world).await;
    books_the_true_usage(&upstream, &world, &gate).await;
}

#[tokio::test]
async fn s2_4_an_answer_is_read_on_no_longer_than_for_its_caller() {
    let (upstream, world) = one_with(OnAbort::Continues, |provider| {
        provider.timeouts.idle = Duration::from_millis(200);
    });
    upstream.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until("one ").await;
    caller.leave();
    // Nobody would wait for so long: without bounds of the provider's an answer is read on for 30 s.
    upstream.wait_for(Duration::from_secs(15), |upstream| !upstream.cancelled().is_empty()).await.unwrap();
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!((&line["outcome"], &line["assumed"]), (&"canceled".into(), &true.into()), "{line}");
}

#[tokio::test]
async fn s2_4_what_is_read_on_is_booked_when_the_process_ends_first() {
    let (_upstream, world, _gate) = bills_on(Chat::pieces(["one ", "two"]).answer(), At::Event(2));
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until("one ").await;
    leaves(caller, &world).await;
    let line = world.usage().remove(0);
    assert_eq!(line["assumed"], true, "{line}");
    assert!(line["tokens"]["output"].as_u64() > Some(0), "{line}");
    assert!(line["cost_nano_usd"].as_u64() > Some(0), "{line}");
}

#[tokio::test]
async fn s2_4_nobody_is_asked_anew_for_a_caller_who_left() {
    let (first, second, world) = first_bills_on();
    let gate = Gate::new();
    first.always(Answer::server_error(500).hold_at(At::Start, &gate));
    let caller = Caller::send(&world, &unary()).await;
    gate.reached_by(1).await;
    leaves(caller, &world).await;
    gate.open();
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!(line["attempts"].as_array().unwrap().len(), 1, "{line}");
    assert_eq!((first.count(), second.count()), (1, 0));
}

#[tokio::test]
async fn s2_4_behind_one_that_bills_on_a_target_that_does_not_is_canceled() {
    let (first, second, world) = first_bills_on();
    first.always(Answer::overloaded());
    second.always(Answer::hang());
    for (body, asked) in [(unary(), 1), (streamed(), 2)] {
        let caller = Caller::send(&world, &body).await;
        second.wait_for_requests(asked).await.unwrap();
        caller.leave();
        second.wait_for_cancelled(asked).await.unwrap();
    }
}

#[tokio::test]
async fn s2_4_reading_on_is_bounded_by_a_mebibyte() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| {
        provider.on_abort = OnAbort::Continues;
        provider.models[0].context_window = None; // it bounds what is assumed
    });
    let world = config.start();
    let frame = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(1_000)
    );
    upstream.always(Answer::endless(frame, Duration::from_micros(100)));
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until("xxx").await;
    caller.leave();
    upstream.wait_for_cancelled(1).await.unwrap();
    let written = upstream.cancelled()[0].written;
    // What sockets buffer on the way was written too.
    assert!((1 << 20..8 << 20).contains(&written), "{written}");
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!(line["assumed"], true, "{line}");
    let output = line["tokens"]["output"].as_u64().unwrap();
    assert!((200_000..300_000).contains(&output), "as much as was read: {line}");
}

#[tokio::test]
async fn s2_4_reading_a_unary_answer_on_is_bounded_too() {
    let body = format!("{{\"choices\":[{{\"message\":{{\"content\":\"{}\"}}}}]}}", "x".repeat(30 << 20));
    let answer = Answer::json(200, body).writes(Writes::Size(300_000));
    let (upstream, world, gate) = bills_on(answer, At::Byte(100));
    let caller = Caller::send(&world, &unary()).await;
    gate.reached_by(1).await;
    leaves(caller, &world).await;
    gate.open();
    upstream.wait_for_cancelled(1).await.unwrap();
    let written = upstream.cancelled()[0].written;
    assert!((1 << 20..20 << 20).contains(&written), "{written}");
}

#[tokio::test]
async fn s2_4_a_stream_that_was_heard_to_its_end_is_no_departure() {
    let (upstream, world) = one(OnAbort::Unknown);
    upstream.always(Chat::says("Hello").usage_in_stream(When::Always));
    assert!(world.stream().await.is_whole());
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!((&line["outcome"], &line["assumed"]), (&"ok".into(), &false.into()), "{line}");
    assert!(upstream.cancelled().is_empty());
}

/// Headers of a body, and its beginning.
const BEGUN: [(&str, &str); 2] =
    [("content-length: 1000\r\n", "{\"model\""), ("transfer-encoding: chunked\r\n", "5\r\n{\"mod")];

/// A caller of whose body no more than its beginning has come.
async fn amid_upload(world: &World, (headers, begun): (&str, &str)) -> Raw {
    let mut caller = Raw::to(world).await;
    caller.send(chat_head(headers) + begun).await;
    eventually("it is being received", async || load(world).await.1 == 1).await;
    caller
}

#[track_caller]
fn says_canceled(line: &Value) {
    assert_eq!((&line["status"], &line["outcome"]), (&499.into(), &"canceled".into()), "{line}");
}

#[tokio::test]
async fn s2_4_who_ends_its_side_within_a_body_is_told_that_it_was_cut() {
    let (upstream, world) = one(OnAbort::Unknown);
    for (n, begun) in (1..).zip(BEGUN) {
        let mut caller = amid_upload(&world, begun).await;
        caller.stream.shutdown().await.unwrap();
        let reply = caller.reply().await.unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (400, "incomplete_body"), "{reply:?}");
        assert_eq!(reply.header("x-weir-error-source"), Some("caller"), "{reply:?}");
        assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
        assert_eq!(caller.rest().await, b"");
        says_canceled(&world.usage_lines(n).await[n - 1]);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn s2_4_who_leaves_amid_an_upload_has_left_and_sent_nothing_wrong() {
    let (upstream, world) = one(OnAbort::Unknown);
    for (n, begun) in (1..).zip(BEGUN) {
        drop(amid_upload(&world, begun).await);
        says_canceled(&world.usage_lines(n).await[n - 1]);
    }
    let mut caller = Raw::to(&world).await;
    let garbled = caller.ask(chat_head("transfer-encoding: chunked\r\n") + "no size\r\n").await;
    assert_eq!((garbled.status, garbled.code().as_str()), (400, "invalid_request"), "{garbled:?}");
    assert_eq!(upstream.count(), 0);
}
