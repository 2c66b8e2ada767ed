//! S1.1, S1.4: what an upstream's failure is taken for, and where the request goes then.

use crate::harness::{Config, Reply, World, unary};
use crate::raw::{Raw, chat_head};
use serde_json::{Value, json};
use std::time::Duration;
use weir_config::{FailureClass, FailureSet};
use weir_upstream::{Answer, At, Chat, Upstream};

/// OpenAI's 429 for one request above the account's tokens per minute.
const TOO_LARGE: &str = r#"{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 60000.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;

fn two() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let world = Config::over(&[&first, &second]).start();
    (first, second, world)
}

#[tokio::test]
async fn s1_1_every_failure_that_may_moves_on_unseen() {
    let (first, second, world) = two();
    let failures: Vec<(&str, Answer)> = vec![
        ("server_error", Answer::reset()), // first: on a kept connection it would be asked once more
        ("rate_limited", Answer::rate_limited(None)),
        ("overloaded", Answer::overloaded()),
        ("server_error", Answer::server_error(500)),
        ("credential", Answer::bad_key()),
        ("billing", Answer::no_credit()),
        ("billing", Answer::insufficient_quota()),
        ("forbidden", Answer::forbidden()),
        ("model_missing", Answer::model_missing()),
        ("too_large", Answer::json(429, TOO_LARGE)),
        ("misdirected", Answer::html(400)),
        ("misdirected", Answer::html(413)),
        ("misdirected", Answer::bytes(405, "")),
        ("misdirected", Answer::bytes(421, "Misdirected Request")),
        ("misdirected", Answer::redirect(307, "http://127.0.0.1:1/")),
        ("garbled", Answer::invalid_json()),
        ("garbled", Answer::truncated_json()),
        ("garbled", Answer::gzip(b"{}")),
        ("garbled", Answer::garbage()),
        ("garbled", Answer::html(200)),
    ];
    for (i, (_, failure)) in failures.iter().enumerate() {
        for stream in [false, true] {
            first.always(failure.clone());
            let reply = if stream { world.stream().await } else { world.chat().await };
            assert_eq!(reply.status, 200, "{i} stream={stream} {reply:?}");
            assert_eq!(reply.content(), "from the second", "{i} {reply:?}");
            assert_eq!(reply.header("x-weir-attempts"), Some("2"), "{i} {reply:?}");
        }
    }
    assert_eq!(second.count(), failures.len() * 2);
    let outcomes: Vec<String> = world
        .usage()
        .iter()
        .map(|line| line["attempts"][0]["outcome"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<&str> = failures.iter().flat_map(|(class, _)| [*class, *class]).collect();
    assert_eq!(outcomes, expected);
}

/// The failure of the first target, by class, as it was asked unary and by stream.
async fn outcomes(failures: Vec<(&str, Answer)>, stream: bool) {
    let (first, second, world) = two();
    for (expected, failure) in &failures {
        first.always(failure.clone());
        let reply = if stream { world.stream().await } else { world.chat().await };
        assert!(reply.is_whole(), "{expected} stream={stream}: {reply:?}");
        assert_eq!(reply.content(), "from the second", "{expected} stream={stream}: {reply:?}");
    }
    assert_eq!(second.count(), failures.len());
    let lines = world.usage();
    let seen = lines.iter().map(|line| line["attempts"][0]["outcome"].as_str().unwrap().to_owned());
    let expected = failures.iter().map(|(class, _)| (*class).to_owned());
    assert_eq!(seen.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "stream={stream}");
}

#[tokio::test]
async fn s1_1_the_vendors_code_decides_before_the_status() {
    let told = |status, kind, code| Answer::error(status, kind, Some(code), "What happened.");
    let failures = || {
        vec![
            ("billing", told(429, "insufficient_quota", "insufficient_quota")),
            ("billing", told(400, "invalid_request_error", "billing_hard_limit_reached")),
            ("credential", told(400, "invalid_request_error", "invalid_api_key")),
            ("model_missing", told(400, "invalid_request_error", "model_not_found")),
            ("rate_limited", told(500, "server_error", "rate_limit_exceeded")),
            ("rate_limited", told(402, "billing_error", "in_flight_budget_exhausted")),
            ("overloaded", told(400, "invalid_request_error", "engine_overloaded")),
            ("too_large", Answer::json(429, TOO_LARGE)),
        ]
    };
    outcomes(failures(), false).await;
    outcomes(failures(), true).await;
}

#[tokio::test]
async fn s1_1_an_error_inside_of_a_200_is_a_failure() {
    let failures = || {
        vec![
            ("server_error", Answer::error_inside_200()),
            ("rate_limited", Answer::error(200, "requests", Some("rate_limit_exceeded"), "Slow down.")),
            ("credential", Answer::error(200, "invalid_request_error", Some("invalid_api_key"), "Who?")),
            ("overloaded", Answer::json(200, r#"{"type":"error","error":{"type":"overloaded_error"}}"#)),
            (
                "server_error",
                Answer::json(200, r#"{"error":{"message":"upstream died","code":502},"choices":[]}"#),
            ),
        ]
    };
    outcomes(failures(), false).await;
    outcomes(failures(), true).await;
}

#[tokio::test]
async fn s1_1_an_error_event_before_the_content_is_a_failure() {
    let inside = |error: Value| Chat::says("from the first").error_after(1, error).answer();
    let failures = vec![
        ("rate_limited", inside(json!({"message": "Slow down.", "code": "rate_limit_exceeded"}))),
        ("billing", inside(json!({"message": "No money.", "type": "insufficient_quota"}))),
        ("overloaded", inside(json!({"message": "Busy.", "code": 503}))),
        ("server_error", Answer::events(["event: error\ndata: {\"error\":{\"message\":\"died\"}}\n\n"])),
        ("server_error", Answer::events(["error: {\"code\":500,\"message\":\"died\"}\n\n"])),
    ];
    outcomes(failures, true).await;
}

/// A 400 whose text tells of our account, and of where the vendor is.
fn telling() -> Answer {
    let message = "Invalid value for 'temperature': see https://api.vendor.example/v1/docs?key=abc. Request by \
                   organization org-Ab12Cd34Ef56Gh78 with key sk-p1-credential-sentinel.";
    let error = json!({
        "message": message, "type": "invalid_request_error", "param": "temperature", "code": "invalid_value",
    });
    Answer::json(400, json!({ "error": error }).to_string())
        .header("openai-organization", "org-Ab12Cd34Ef56Gh78")
        .header("x-request-id", "req_vendors_own")
}

#[tokio::test]
async fn s1_1_the_callers_own_mistake_stops_and_is_told_without_secrets() {
    let (first, second, world) = two();
    first.always(telling());
    for reply in [world.chat().await, world.stream().await] {
        assert_eq!(reply.status, 400, "{reply:?}");
        let error = &reply.json()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["code"], "invalid_value");
        assert_eq!(error["param"], "temperature");
        assert!(error["message"].as_str().unwrap().starts_with("Invalid value for 'temperature'"), "{error}");
        let all = format!("{reply:?}");
        for secret in ["org-Ab12", "sk-p1", "sentinel", "vendor.example", "https:", "req_vendors_own"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
    assert_eq!((first.count(), second.count()), (2, 0));
}

#[tokio::test]
async fn s1_1_a_mistake_told_inside_of_a_200_is_the_callers_400() {
    let (first, second, world) = two();
    first.always(Answer::error(200, "invalid_request_error", None, "Invalid value for 'n'."));
    for reply in [world.chat().await, world.stream().await] {
        assert_eq!(
            (reply.status, reply.json()["error"]["message"].as_str()),
            (400, Some("Invalid value for 'n'."))
        );
    }
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s1_1_a_content_policy_refusal_stops() {
    let (first, second, world) = two();
    first.always(Answer::content_policy());
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.code()), (400, "content_policy_violation".to_owned()), "{reply:?}");
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s1_1_a_content_policy_refusal_moves_on_where_the_route_opts_in() {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.always(Answer::content_policy());
    let mut config = Config::over(&[&first, &second]);
    let on: FailureSet = FailureClass::ALL.into_iter().collect();
    config.route_mut(|route| route.fallback.on = on);
    let world = config.start();
    assert!(world.chat().await.is_whole());
    assert_eq!((first.count(), second.count()), (1, 1));
    first.always(Answer::caller_fault());
    assert_eq!(world.chat().await.status, 400, "nothing opts in to the caller's own mistakes");
    assert_eq!(second.count(), 1);
}

/// Three targets with windows of 128,000, 8,000 and, if given, so many tokens.
fn windows(largest: Option<u64>) -> ([Upstream; 3], Config) {
    let upstreams = [(); 3].map(|()| Upstream::start());
    let mut config = Config::over(&upstreams.iter().collect::<Vec<_>>());
    for (at, window) in [Some(128_000), Some(8_000), largest].into_iter().enumerate() {
        config.provider_mut(at, |provider| provider.models[0].context_window = window);
    }
    (upstreams, config)
}

#[tokio::test]
async fn s1_1_a_context_too_long_goes_only_to_larger_windows() {
    for largest in [Some(1_000_000), None] {
        let ([first, second, third], config) = windows(largest);
        let world = config.start();
        first.always(Answer::context_length());
        third.always(Answer::says("from the third"));
        let reply = world.chat().await;
        assert_eq!((reply.status, reply.content()), (200, "from the third".to_owned()), "{reply:?}");
        assert_eq!((first.count(), second.count(), third.count()), (1, 0, 1));
    }
}

#[tokio::test]
async fn s1_5_a_small_windows_refusal_hides_no_outage() {
    let ([first, second, third], mut config) = windows(Some(4_000));
    config.provider_mut(0, |provider| {
        provider.timeouts.total = LATE;
        provider.timeouts.first_byte = LATE;
    });
    let world = config.start();
    second.always(Answer::context_length());
    for outage in [Answer::hang(), Answer::server_error(500), Answer::overloaded(), Answer::reset()] {
        first.always(outage);
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!((reply.status, &*reply.code()), (503, "upstream_unavailable"), "{reply:?}");
        }
    }
    assert_eq!(third.count(), 0);
    first.always(Answer::says("from the first"));
    assert!(world.chat().await.is_whole());
}

#[tokio::test]
async fn s1_1_a_context_too_long_for_all_is_the_callers_400() {
    let ([first, second, third], config) = windows(Some(100_000));
    let world = config.start();
    first.always(Answer::context_length());
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.code()), (400, "context_length_exceeded".to_owned()), "{reply:?}");
    assert_eq!((first.count(), second.count(), third.count()), (1, 0, 0));
}

fn asked(upstreams: &[Upstream]) -> Vec<usize> {
    upstreams.iter().map(Upstream::count).collect()
}

fn start(targets: usize, failure: &Answer) -> (Vec<Upstream>, Config) {
    let upstreams: Vec<Upstream> = (0..targets).map(|_| Upstream::start()).collect();
    upstreams.iter().for_each(|upstream| upstream.always(failure.clone()));
    let config = Config::over(&upstreams.iter().collect::<Vec<_>>());
    (upstreams, config)
}

#[tokio::test]
async fn s1_4_each_target_is_asked_once_and_at_most_five_of_them() {
    for targets in [1, 3, 5, 7] {
        let (upstreams, config) = start(targets, &Answer::bad_key());
        let reply = config.start().chat().await;
        assert_eq!(reply.status, 502, "{reply:?}");
        let expected: Vec<usize> = (0..targets).map(|at| usize::from(at < 5)).collect();
        assert_eq!(asked(&upstreams), expected);
    }
}

#[tokio::test]
async fn s1_4_max_attempts_counts_every_attempt() {
    for (targets, max, expected) in
        [(3, 2, vec![1, 1, 0]), (1, 1, vec![1]), (2, 3, vec![2, 1]), (2, 1, vec![1, 0])]
    {
        let (upstreams, mut config) = start(targets, &Answer::server_error(500));
        config.route_mut(|route| route.fallback.max_attempts = Some(max));
        let reply = config.start().chat().await;
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(reply.json()["error"]["attempts"].as_array().unwrap().len(), max as usize);
        let mut asked = asked(&upstreams);
        asked.sort_unstable_by(|a, b| b.cmp(a)); // which of two is asked again is a matter of jitter
        assert_eq!(asked, expected, "{targets} targets, at most {max} attempts");
    }
}

/// Longer than the deadline below.
const LATE: Duration = Duration::from_millis(400);

fn with_deadline() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    config.route_mut(|route| route.fallback.deadline = Duration::from_millis(150));
    config.provider_mut(0, |provider| {
        provider.timeouts.total = LATE;
        provider.timeouts.first_byte = LATE;
    });
    (first, second, config.start())
}

#[tokio::test]
async fn s1_4_no_attempt_starts_after_the_deadline() {
    let (first, second, world) = with_deadline();
    for upstream in [&first, &second] {
        upstream.always(Answer::rate_limited(Some(1)));
    }
    for reply in [world.chat().await, world.stream().await] {
        assert_eq!(reply.status, 503, "{reply:?}");
    }
    assert_eq!((first.count(), second.count()), (2, 2), "a second is longer than the deadline");
}

#[tokio::test]
async fn s1_4_the_time_that_an_attempt_ran_does_not_cost_the_rescue() {
    let (first, second, world) = with_deadline();
    second.always(Answer::says("from the second"));
    for late in [Answer::server_error(500).wait_at(At::Start, LATE / 2), Answer::hang()] {
        first.always(late);
        for reply in [world.chat().await, world.stream().await] {
            assert!(reply.is_whole() && reply.content() == "from the second", "{reply:?}");
        }
    }
    assert_eq!((first.count(), second.count()), (4, 4));
}

#[tokio::test]
async fn s1_4_a_body_that_came_slowly_does_not_cost_the_first_attempt() {
    let (_first, _second, world) = with_deadline();
    let body = unary().to_string();
    let mut slow = Raw::to(&world).await;
    slow.send(chat_head(&format!("content-length: {}\r\n", body.len()))).await;
    tokio::time::sleep(LATE).await; // what is measured: longer than the deadline
    let reply = slow.ask(body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn s1_4_an_attempt_that_runs_is_not_ended_by_the_deadline() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    config.route_mut(|route| route.fallback.deadline = Duration::from_millis(150));
    let world = config.start();
    first.always(Answer::says("late, but here").wait_at(At::Start, LATE).wait_at(At::Byte(9), LATE));
    let replies: [Reply; 2] = [world.chat().await, world.stream().await];
    for reply in replies {
        assert!(reply.is_whole() && reply.content() == "late, but here", "{reply:?}");
    }
    assert_eq!((first.count(), second.count()), (2, 0));
}
