//! S4.9: every attempt settles once, its own; the request's cost is the sum.

use crate::caller::Caller;
use crate::harness::{Config, World, streamed, unary};
use crate::tools::{eventually, load};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use weir_config::OnAbort;
use weir_upstream::{Answer, At, Blackhole, Chat, Framing, Gate, Upstream};

const WHOLE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":5000,"total_tokens":5030}}"#;

/// Answers a request with `body` when `first` answers as `answer` says and another one rescues it: its line.
async fn rescued(answer: Answer, body: &Value) -> (Value, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.always(answer);
    second.always(Chat::says("rescued").answer());
    let mut config = Config::over(&[&first, &second]);
    config.provider_mut(0, |provider| {
        provider.timeouts.total = Duration::from_millis(300);
        provider.timeouts.first_token = Duration::from_millis(300);
    });
    let world = config.start();
    let reply = world.post(body.to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!(line["attempts"].as_array().unwrap().len(), 2, "{line}");
    (line, world)
}

/// The sum of a number over the attempts of `line`.
fn sum(line: &Value, of: impl Fn(&Value) -> &Value) -> u64 {
    let attempts = line["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| of(attempt).as_u64().unwrap_or_default()).sum()
}

#[tokio::test]
async fn s4_9_what_a_failed_attempt_was_sent_is_charged_with_what_was_seen_of_its_answer() {
    let said = "seen ".repeat(200);
    let cut = Chat::says(said.as_str()).answer();
    for (answer, body, least) in [
        (cut.clone().close_at(At::Byte(1000)), unary(), 100),
        (Answer::hang(), unary(), 0),
        (Answer::hang(), streamed(), 0),
        (Answer::garbage(), unary(), 0),
        (Answer::truncated_json(), unary(), 0),
        (
            Chat::says(said.as_str()).finish(Some("insufficient_system_resource")).usage(None).answer(),
            unary(),
            200,
        ),
        // A whole answer to a request for a stream.
        (Answer::by(|_| Answer::json(200, WHOLE)), streamed(), 5000),
    ] {
        let (line, world) = rescued(answer, &body).await;
        let failed = &line["attempts"][0];
        assert_eq!(failed["assumed"], json!(least < 5000), "{line}");
        assert!(failed["tokens"]["input"].as_u64() > Some(10), "{line}");
        assert!(failed["tokens"]["output"].as_u64() >= Some(least), "{line}");
        assert!(failed["cost_nano_usd"].as_u64() > Some(0), "{line}");
        let answered = &line["attempts"][1];
        assert_eq!(answered["assumed"], false, "{line}");
        // The request is the sum.
        for class in ["input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning"] {
            assert_eq!(
                line["tokens"][class],
                json!(sum(&line, |attempt| &attempt["tokens"][class])),
                "{line}"
            );
        }
        assert_eq!(line["cost_nano_usd"], json!(sum(&line, |attempt| &attempt["cost_nano_usd"])), "{line}");
        assert_eq!(line["assumed"], failed["assumed"], "{line}");
        // Each is counted with whom it asked.
        let counted = |provider: &str| {
            format!(
                "weir_tokens_total{{class=\"input\",route=\"default/chat\",tenant=\"default\",provider=\"default/{provider}\""
            )
        };
        let text = world.admin("/metrics").await.text;
        let of = |provider: &str| {
            let line = text.lines().find(|line| line.starts_with(&counted(provider))).unwrap();
            line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(json!(of("p1")), failed["tokens"]["input"], "{text}");
        assert_eq!(json!(of("p2")), answered["tokens"]["input"], "{text}");
    }
}

#[tokio::test]
async fn s4_9_a_refusal_costs_nothing_and_neither_does_what_was_never_sent() {
    for answer in [
        Answer::bad_key(),
        Answer::rate_limited(None),
        Answer::overloaded(),
        Answer::server_error(500),
        Answer::model_missing(),
        Answer::error_inside_200(),
    ] {
        for body in [unary(), streamed()] {
            let (line, _world) = rescued(answer.clone(), &body).await;
            let failed = &line["attempts"][0];
            assert!(failed["tokens"].is_null() && failed["cost_nano_usd"].is_null(), "{line}");
            assert_eq!((&failed["assumed"], &line["assumed"]), (&json!(false), &json!(false)), "{line}");
            assert_eq!(line["cost_nano_usd"], line["attempts"][1]["cost_nano_usd"], "{line}");
        }
    }
    // Nobody listens there.
    let (gone, second) = (Upstream::start(), Upstream::start());
    let config = Config::over(&[&gone, &second]);
    drop(gone);
    let world = config.start();
    assert_eq!(world.chat().await.status, 200);
    let line = world.usage_lines(1).await.remove(0);
    assert!(line["attempts"][0]["tokens"].is_null(), "{line}");
}

#[tokio::test]
async fn s4_9_a_request_that_did_not_go_out_whole_costs_nothing() {
    let (listener, second) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Upstream::start());
    second.always(Chat::says("rescued").answer());
    let mut config = Config::new();
    config.add("p1", listener.local_addr().unwrap().port());
    config.add("p2", second.port());
    let world = config.start();
    // More than any socket's buffers take.
    let body = json!({"model": "chat", "user": "x".repeat(12 << 20)}).to_string();
    let early = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    for (n, says, status) in [(1, "", Value::Null), (2, early, json!(200))] {
        let breaks_off = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 64 << 10];
            assert!(connection.read(&mut buffer).await.unwrap() > 0);
            if says.is_empty() {
                connection.set_zero_linger().unwrap();
                return None;
            }
            // It ends in order, behind the head: a reset might overtake that.
            connection.write_all(says.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
            Some(connection)
        };
        let (reply, _kept) = tokio::join!(world.post(body.clone()), breaks_off);
        assert_eq!(reply.status, 200, "{reply:?}");
        let line = world.usage_lines(n).await.remove(n - 1);
        let failed = &line["attempts"][0];
        assert_eq!((&failed["outcome"], &failed["status"]), (&json!("server_error"), &status), "{line}");
        assert!(failed["tokens"].is_null() && failed["cost_nano_usd"].is_null(), "{line}");
        assert_eq!(line["cost_nano_usd"], line["attempts"][1]["cost_nano_usd"], "{line}");
    }
}

#[tokio::test]
async fn s9_16_the_status_of_an_attempt_is_its_answers_also_where_that_is_none() {
    let said = "seen ".repeat(200);
    for (answer, body, outcome, status) in [
        (Answer::bytes(204, ""), unary(), "garbled", json!(204)),
        (
            Chat::says(said.as_str()).answer().status(201).close_at(At::Byte(900)),
            unary(),
            "server_error",
            json!(201),
        ),
        (Chat::says(said.as_str()).answer().hang_at(At::Byte(900)), unary(), "timeout", json!(200)),
        (Answer::json(200, WHOLE), streamed(), "garbled", json!(200)),
        (Answer::hang(), unary(), "timeout", Value::Null),
        (Answer::overloaded(), unary(), "overloaded", json!(529)),
    ] {
        let (line, _world) = rescued(answer, &body).await;
        let failed = &line["attempts"][0];
        assert_eq!((&failed["outcome"], &failed["status"]), (&json!(outcome), &status), "{line}");
    }
}

#[tokio::test]
async fn s4_9_a_timeout_that_a_proxy_tells_is_no_refusal() {
    let (line, _world) = rescued(Answer::html(504), &unary()).await;
    let failed = &line["attempts"][0];
    assert_eq!((&failed["status"], &failed["assumed"]), (&json!(504), &json!(true)), "{line}");
    assert!(failed["tokens"]["input"].as_u64() > Some(10), "{line}");
}

#[tokio::test]
async fn s4_9_a_caller_who_leaves_within_an_answer_pays_for_what_has_come_of_it() {
    let said = "seen ".repeat(10_000);
    let whole = || Chat::says(said.as_str());
    // Usage that comes with the role, before any content.
    let counted = concat!(
        r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt","choices":[{"index":0,"#,
        r#""delta":{"role":"assistant","content":""},"finish_reason":null}],"#,
        r#""usage":{"prompt_tokens":77,"completion_tokens":0,"total_tokens":77}}"#,
        "\n\n"
    );
    for (answer, at, body, input, output) in [
        (whole().answer(), At::Byte(30_000), unary(), 1..100, 7_000..8_000),
        (whole().answer().framing(Framing::Chunked), At::Byte(30_000), unary(), 1..100, 7_000..8_000),
        (Answer::events([counted]), At::End, streamed(), 77..78, 0..1),
    ] {
        let (upstream, gate) = (Upstream::start(), Gate::new());
        upstream.always(answer.hold_at(at, &gate));
        let world = Config::over(&[&upstream]).start();
        let mut lines = 0;
        eventually("what was sent has come", async || {
            let caller = Caller::send(&world, &body).await;
            lines += 1;
            gate.reached_by(1).await;
            load(&world).await; // the gateway takes it in meanwhile, or the next time
            caller.leave();
            upstream.wait_for_cancelled(lines).await.unwrap();
            let line = world.usage_lines(lines).await.remove(lines - 1);
            assert_eq!((&line["assumed"], &line["outcome"]), (&json!(true), &json!("canceled")), "{line}");
            let tokens = |class: &str| line["tokens"][class].as_u64().unwrap();
            input.contains(&tokens("input")) && output.contains(&tokens("output"))
        })
        .await;
    }
}

#[tokio::test]
async fn s4_9_a_caller_who_leaves_while_we_connect_pays_nothing() {
    let nobody = Blackhole::start().unwrap();
    for on_abort in [OnAbort::Stops, OnAbort::Continues] {
        let mut config = Config::new();
        config.add("p1", nobody.port());
        config.provider_mut(0, |provider| provider.on_abort = on_abort);
        let world = config.start_with(|options| options.keep_alive = Duration::from_millis(20));
        let mut caller = Caller::send(&world, &streamed()).await;
        caller.read_until(": ping").await; // the attempt is under way
        caller.leave();
        let line = world.usage_lines(1).await.remove(0);
        let attempt = &line["attempts"][0];
        assert_eq!(
            (&line["outcome"], &attempt["outcome"]),
            (&json!("canceled"), &json!("canceled")),
            "{line}"
        );
        assert!(attempt["tokens"].is_null() && line["tokens"].is_null(), "{on_abort:?} {line}");
    }
}
