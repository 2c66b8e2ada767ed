//! S4.7, S9.1: what the usage log says of a request that ended before its answer did: who was being asked, and what
//! its caller had seen.

use crate::caller::Caller;
use crate::harness::{Config, World, streamed, unary};
use crate::raw::{Raw, chat};
use crate::tools::{H2, PATIENCE, load};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::time::Duration;
use weir_config::OnAbort;
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

/// An upstream that answers nothing, and a gateway that begins streams soon and drains for no time.
fn hanging(on_abort: OnAbort) -> (Upstream, World) {
    let upstream = Upstream::start();
    upstream.always(Answer::hang());
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| provider.on_abort = on_abort);
    config.gateway_mut(|gateway| gateway.listener.drain_timeout = Duration::ZERO);
    let world = config.start_with(|options| options.keep_alive = Duration::from_millis(20));
    (upstream, world)
}

/// Drains to the end, then stops: the lines of the usage log.
fn drained(world: World) -> Vec<Value> {
    world.running().drain(|| false);
    world.usage()
}

/// Asserts the status and the outcome of a line, and how its attempts ended.
#[track_caller]
fn says(line: &Value, status: u16, outcome: &str, attempts: &[&str]) {
    assert_eq!((&line["status"], &line["outcome"]), (&json!(status), &json!(outcome)), "{line}");
    let ended: Vec<_> = line["attempts"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(ended, attempts, "{line}");
}

/// Asserts that a line books what was sent, and assumes it.
#[track_caller]
fn books_what_was_sent(line: &Value) {
    assert!(line["tokens"]["input"].as_u64() > Some(0) && line["tokens"]["output"] == 0, "{line}");
    assert!(line["cost_nano_usd"].as_u64() > Some(0) && line["assumed"] == true, "{line}");
}

#[tokio::test]
async fn s4_7_whom_a_request_was_at_when_its_caller_left_is_in_its_line() {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.always(Answer::overloaded());
    second.always(Answer::hang());
    let keep_alive = Duration::from_millis(100);
    let world = Config::over(&[&first, &second]).start_with(|options| options.keep_alive = keep_alive);
    for (n, body, begun) in [(1, unary(), false), (2, streamed(), false), (3, streamed(), true)] {
        let mut caller = Caller::send(&world, &body).await;
        second.wait_for_requests(n).await.unwrap();
        if begun {
            caller.read_until(": ping").await;
        }
        caller.leave();
        second.wait_for_cancelled(n).await.unwrap();
        let line = world.usage_lines(n).await.remove(n - 1);
        says(&line, 499, "canceled", &["overloaded", "canceled"]);
        books_what_was_sent(&line);
        let last = &line["attempts"][1];
        assert_eq!((&last["provider"], &last["target"]), (&json!("default/p2"), &json!("p2")), "{line}");
        assert_eq!((&last["model"], &last["status"]), (&json!("gpt"), &Value::Null), "{line}");
        let took = last["duration_us"].as_u64().unwrap();
        assert!(took > 0 && Some(took) <= line["duration_us"].as_u64(), "{line}");
        assert!(!begun || took > 20_000, "as long as it went on: {line}");
    }
    let metrics = world.admin("/metrics").await.text;
    let counted = r#"weir_attempts_total{provider="default/p2",model="gpt",outcome="canceled"} 3"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn s4_7_an_attempt_ends_as_its_request_also_amid_its_answer() {
    for (on_abort, usage) in [(OnAbort::Stops, false), (OnAbort::Continues, true)] {
        let (upstream, world) = hanging(on_abort);
        let gate = Gate::new();
        upstream.always(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
        let mut caller = Caller::send(&world, &streamed()).await;
        caller.read_until("one ").await;
        caller.leave();
        world.nobody_is_served().await;
        gate.open();
        let line = world.usage_lines(1).await.remove(0);
        says(&line, 499, "canceled", &["canceled"]);
        assert_eq!(
            (&line["attempts"][0]["status"], &line["assumed"]),
            (&json!(200), &json!(!usage)),
            "{line}"
        );
        let metrics = world.admin("/metrics").await.text;
        let counted = metrics.lines().filter(|line| line.starts_with("weir_attempts_total{"));
        let expected = r#"weir_attempts_total{provider="default/p1",model="gpt",outcome="canceled"} 1"#;
        assert_eq!(counted.collect::<Vec<_>>(), [expected]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_1_an_attempt_whose_answer_the_drains_end_cuts_has_not_answered() {
    let (upstream, world) = hanging(OnAbort::Unknown);
    upstream.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
    let mut caller = Raw::to(&world).await;
    caller.send(chat(&streamed().to_string())).await;
    caller.read_past("one ").await;
    let lines = tokio::task::block_in_place(|| drained(world));
    let text = String::from_utf8(caller.rest().await).unwrap();
    assert!(text.contains(r#""code":"shutting_down""#), "{text}");
    says(&lines[0], 200, "shutting_down", &["shutting_down"]);
}

#[tokio::test]
async fn s4_7_nobody_is_asked_while_a_request_waits_for_its_next_attempt() {
    let upstream = Upstream::start();
    upstream.always(Answer::overloaded());
    let mut config = Config::over(&[&upstream]);
    let long = Duration::from_secs(60);
    config.route_mut(|route| (route.retry.backoff_base, route.retry.backoff_max) = (long, long));
    let world = config.start();
    let caller = Caller::send(&world, &unary()).await;
    upstream.wait_for_requests(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    caller.leave();
    let line = world.usage_lines(1).await.remove(0);
    says(&line, 499, "canceled", &["overloaded"]);
    assert!(line["cost_nano_usd"].is_null(), "{line}");
}

#[tokio::test]
async fn s4_7_who_left_has_left_also_when_the_process_ends_while_the_answer_is_read_on() {
    for (body, heard) in [(unary(), None), (streamed(), Some(": ping")), (streamed(), Some("one "))] {
        let (upstream, world) = hanging(OnAbort::Continues);
        if heard == Some("one ") {
            upstream.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
        }
        let mut caller = Caller::send(&world, &body).await;
        upstream.wait_for_requests(1).await.unwrap();
        if let Some(heard) = heard {
            caller.read_until(heard).await;
        }
        caller.leave();
        world.nobody_is_served().await;
        assert!(upstream.cancelled().is_empty());
        let line = world.usage().remove(0);
        says(&line, 499, "canceled", &["canceled"]);
        assert!(line["cost_nano_usd"].as_u64() > Some(0) && line["assumed"] == true, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_1_a_stream_begun_for_nobody_that_the_drains_end_cuts_is_recorded_as_its_caller_saw_it() {
    for on_abort in [OnAbort::Stops, OnAbort::Continues] {
        let (upstream, world) = hanging(on_abort);
        let mut caller = Raw::to(&world).await;
        caller.send(chat(&streamed().to_string())).await;
        caller.read_past("200 OK").await;
        caller.read_past(": ping\n\n").await;
        let lines = tokio::task::block_in_place(|| drained(world));
        let text = String::from_utf8(caller.rest().await).unwrap();
        assert!(text.contains(r#""code":"shutting_down""#) && text.ends_with("0\r\n\r\n"), "{text}");
        says(&lines[0], 200, "shutting_down", &["shutting_down"]);
        books_what_was_sent(&lines[0]);
        upstream.wait_for_cancelled(1).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_1_what_the_process_drops_is_recorded_as_its_caller_saw_it() {
    for on_abort in [OnAbort::Stops, OnAbort::Continues] {
        let (upstream, world) = hanging(on_abort);
        // As at a second signal: nobody is told anything any more.
        let mut begun = Raw::to(&world).await;
        begun.send(chat(&streamed().to_string())).await;
        begun.read_past(": ping\n\n").await;
        let mut h2 = H2::to(&world).await;
        let on_h2 = h2.open(&streamed()).await;
        assert_eq!(on_h2.status(), 200);
        upstream.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
        let mut answered = Raw::to(&world).await;
        answered.send(chat(&streamed().to_string())).await;
        answered.read_past("one ").await;
        upstream.always(Answer::hang());
        let mut unheard = Raw::to(&world).await;
        unheard.send(chat(&unary().to_string())).await;
        upstream.wait_for_requests(4).await.unwrap();
        let mut lines = tokio::task::block_in_place(|| world.usage());
        // Whoever was just looked at may hear of it all the same: with the status that is recorded.
        let text = unheard.rest().await;
        assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&text));
        for caller in [&mut begun, &mut answered] {
            assert!(caller.rest().await.starts_with(b"HTTP/1.1 200 OK"));
        }
        lines.sort_by_key(|line| (line["stream"] == true, line["first_token_us"].is_u64()));
        assert_eq!(lines.len(), 4, "{lines:#?}");
        says(&lines[0], 503, "shutting_down", &["shutting_down"]);
        says(&lines[1], 200, "shutting_down", &["shutting_down"]);
        says(&lines[2], 200, "shutting_down", &["shutting_down"]);
        says(&lines[3], 200, "shutting_down", &["shutting_down"]);
        lines.iter().take(3).for_each(books_what_was_sent);
        upstream.wait_for(PATIENCE, |upstream| upstream.connections_open() == 0).await.unwrap();
    }
}

#[tokio::test]
async fn s4_7_a_begun_stream_whose_attempts_all_fail_is_recorded_as_its_caller_saw_it() {
    let (upstream, world) = hanging(OnAbort::Unknown);
    upstream.always(Answer::bad_key().wait_at(At::Start, Duration::from_millis(200)));
    let reply = world.stream().await;
    assert_eq!((reply.status, &reply.stream_error().unwrap()["code"]), (200, &json!("upstream_unavailable")));
    let line = world.usage_lines(1).await.remove(0);
    says(&line, 200, "upstream_unavailable", &["credential"]);
    assert!(line["cost_nano_usd"].is_null(), "{line}");
}

#[tokio::test]
async fn s4_7_a_panic_within_an_attempt_ends_its_request_and_no_other() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let (gate, late) = (Gate::new(), Gate::new());
    let config = Config::over(&[&first, &second]);
    let world = config.start_with(|options| {
        options.workers = NonZeroUsize::new(1);
        options.keep_alive = Duration::from_millis(20);
    });
    first.then(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let mut other = Caller::send(&world, &streamed()).await;
    other.read_until("one ").await;
    // A fault of ours: a time that ends beyond all time. No object compiles to one.
    let mut faulty = config.clone();
    faulty.provider_mut(0, |provider| provider.timeouts.total = Duration::MAX);
    world.running().apply(faulty.0);
    for body in [unary(), streamed()] {
        let mut caller = Raw::to(&world).await;
        caller.send(chat(&body.to_string())).await;
        assert_eq!(caller.rest().await, b"", "its connection ends without an answer");
    }
    // The same at the second target, for a stream that has begun.
    let mut faulty = config.clone();
    faulty.provider_mut(1, |provider| provider.timeouts.first_byte = Duration::MAX);
    world.running().apply(faulty.0);
    first.then(Answer::server_error(500).hold_at(At::Start, &late));
    let mut begun = Raw::to(&world).await;
    begun.send(chat(&streamed().to_string())).await;
    begun.read_past(": ping\n\n").await;
    late.open();
    let text = String::from_utf8(begun.rest().await).unwrap();
    assert!(!text.ends_with("0\r\n\r\n"), "it does not look whole: {text}");
    let mut lines = world.usage_lines(3).await;
    // It panics before anything is sent.
    assert!(lines.iter().all(|line| line["tokens"].is_null()), "{lines:#?}");
    says(&lines.remove(2), 200, "internal_error", &["server_error", "internal_error"]);
    lines.iter().for_each(|line| says(line, 500, "internal_error", &["internal_error"]));
    assert_eq!(world.admin("/readyz").await.status, 200);
    assert_eq!(load(&world).await.1, 1, "only the other is left");
    gate.open();
    other.read_until("[DONE]").await;
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 200);
    assert_eq!(second.count(), 0);
}
