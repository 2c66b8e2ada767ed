//! S1.5: what the caller is told when no target answered.

use crate::harness::{Config, Reply, World};
use serde_json::json;
use std::time::Duration;
use weir_config::Disclosure;
use weir_upstream::{Answer, Upstream};

/// Targets with these answers; a wait of a second or more doesn't fit the deadline.
fn targets(answers: &[Answer]) -> (Vec<Upstream>, Config) {
    let upstreams: Vec<Upstream> = answers.iter().map(|_| Upstream::start()).collect();
    upstreams.iter().zip(answers).for_each(|(upstream, answer)| upstream.always(answer.clone()));
    let mut config = Config::over(&upstreams.iter().collect::<Vec<_>>());
    config.route_mut(|route| route.fallback.deadline = Duration::from_millis(900));
    for at in 0..answers.len() {
        config.provider_mut(at, |provider| {
            provider.timeouts.total = Duration::from_millis(250);
            provider.timeouts.first_byte = Duration::from_millis(250);
        });
    }
    (upstreams, config)
}

/// What a unary caller and a stream's caller are told; the same but for their ids.
async fn told(answers: &[Answer]) -> Reply {
    let (_upstreams, config) = targets(answers);
    let world = config.start();
    let (unary, stream) = (world.chat().await, world.stream().await);
    assert_eq!((unary.status, unary.code()), (stream.status, stream.code()), "{unary:?} {stream:?}");
    unary
}

fn is_final(reply: &Reply) {
    assert_eq!(reply.header("x-should-retry"), Some("false"), "{reply:?}");
    assert_eq!(reply.header("retry-after"), None, "{reply:?}");
    assert_eq!(reply.header("retry-after-ms"), None, "{reply:?}");
}

#[tokio::test]
async fn s1_5_the_attempts_are_told_and_no_sdk_retries() {
    let reply = told(&[Answer::bad_key(), Answer::server_error(500)]).await;
    assert_eq!((reply.status, reply.code()), (503, "upstream_unavailable".to_owned()), "{reply:?}");
    is_final(&reply);
    let error = &reply.json()["error"];
    for key in ["message", "type", "param", "code", "attempts"] {
        assert!(error.get(key).is_some(), "no {key} in {error}");
    }
    let outcomes: Vec<&str> = error["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        ["credential", "server_error", "server_error", "server_error"],
        "two repeats in all"
    );
    assert_eq!(reply.header("x-weir-error-source"), Some("upstream"));
}

#[tokio::test]
async fn s1_5_504_only_if_every_attempt_timed_out() {
    let reply = told(&[Answer::hang(), Answer::hang()]).await;
    assert_eq!((reply.status, reply.code()), (504, "upstream_unavailable".to_owned()), "{reply:?}");
    is_final(&reply);
    let reply = told(&[Answer::hang(), Answer::server_error(500)]).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    let reply = told(&[Answer::hang(), Answer::bad_key()]).await;
    assert_eq!(reply.status, 503, "{reply:?}");
}

#[tokio::test]
async fn s1_5_502_only_if_nobody_recovers_without_an_operator() {
    for pair in [
        [Answer::html(400), Answer::bytes(405, "")],
        [Answer::html(404), Answer::html(413)],
        [Answer::bad_key(), Answer::model_missing()],
        [Answer::no_credit(), Answer::forbidden()],
        [Answer::insufficient_quota(), Answer::bad_key()],
    ] {
        let reply = told(&pair).await;
        assert_eq!((reply.status, reply.code()), (502, "upstream_unavailable".to_owned()), "{reply:?}");
        is_final(&reply);
    }
    let reply = told(&[Answer::bad_key(), Answer::rate_limited(None)]).await;
    assert_eq!(reply.status, 503, "{reply:?}");
}

#[tokio::test]
async fn s1_5_a_known_recovery_is_told_exactly() {
    let reply = told(&[Answer::rate_limited(Some(7)), Answer::rate_limited(Some(9))]).await;
    assert_eq!((reply.status, reply.code()), (503, "upstream_unavailable".to_owned()), "{reply:?}");
    let millis: u64 = reply.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((6_000..=7_000).contains(&millis), "7 s from when the first one said so: {millis}");
    assert_eq!(reply.header("retry-after"), Some(&*millis.div_ceil(1_000).to_string()));
    assert_eq!(reply.header("x-should-retry"), None, "never both");
}

#[tokio::test]
async fn s1_5_a_recovery_beyond_a_minute_is_none_to_wait_for() {
    let reply = told(&[Answer::rate_limited(Some(61)), Answer::rate_limited(Some(600))]).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    is_final(&reply);
}

/// Asks as the OpenAI SDKs do: at most twice more, unless told not to, and after the wait that is told, if it is
/// shorter than a minute.
async fn as_an_sdk(world: &World) -> Reply {
    let mut reply = world.chat().await;
    for _ in 0..2 {
        let retries = matches!(reply.status, 408 | 409 | 429 | 500..)
            && reply.header("x-should-retry") != Some("false");
        if !retries {
            break;
        }
        let wait = reply.header("retry-after-ms").map_or(0, |millis| millis.parse().unwrap());
        tokio::time::sleep(Duration::from_millis(if wait < 60_000 { wait } else { 0 })).await;
        reply = world.chat().await;
    }
    reply
}

#[tokio::test]
async fn s1_4_what_was_repeated_here_is_not_repeated_by_the_sdk() {
    let alone = |answer: Answer| {
        let upstream = Upstream::start();
        upstream.always(answer);
        let config = Config::over(&[&upstream]);
        (upstream, config)
    };
    for failure in [Answer::rate_limited(None), Answer::overloaded(), Answer::server_error(500)] {
        let (upstream, config) = alone(failure.clone());
        let reply = as_an_sdk(&config.start()).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        is_final(&reply);
        assert_eq!(upstream.count(), 3, "as a direct client: {failure:?}");
    }
    // A recovery that is known and lies beyond the deadline is the SDK's to wait for: nothing was repeated here.
    let (upstream, mut config) = alone(Answer::rate_limited(Some(1)));
    config.route_mut(|route| route.fallback.deadline = Duration::from_millis(500));
    let reply = as_an_sdk(&config.start()).await;
    assert_eq!((reply.status, reply.header("x-should-retry")), (503, None), "{reply:?}");
    assert_eq!(reply.header("retry-after"), Some("1"), "{reply:?}");
    assert_eq!(upstream.count(), 3);
    // One that lies beyond what SDKs wait for is nobody's.
    let (upstream, config) = alone(Answer::rate_limited(Some(121)));
    is_final(&as_an_sdk(&config.start()).await);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn s1_5_an_upstreams_429_is_never_the_callers() {
    let reply = told(&[Answer::rate_limited(None), Answer::rate_limited(None)]).await;
    assert_eq!((reply.status, reply.code()), (503, "upstream_unavailable".to_owned()), "{reply:?}");
    is_final(&reply);
}

#[tokio::test]
async fn s1_5_a_request_too_large_for_every_account_is_a_429() {
    let message = "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, \
                   Requested 60000.";
    let large = Answer::error(429, "tokens", Some("rate_limit_exceeded"), message);
    let reply = told(&[large.clone(), large.clone()]).await;
    assert_eq!((reply.status, reply.code()), (429, "request_too_large".to_owned()), "{reply:?}");
    is_final(&reply);
    let reply = told(&[large, Answer::server_error(500)]).await;
    assert_eq!(reply.status, 503, "{reply:?}");
}

#[tokio::test]
async fn s1_5_a_route_without_a_usable_target_is_unavailable_not_unknown() {
    let upstream = Upstream::start();
    let mut suspended = Config::over(&[&upstream]);
    suspended.provider_mut(0, |provider| provider.suspended = true);
    for config in [Config::new(), suspended] {
        let reply = config.start().chat().await;
        assert_eq!((reply.status, reply.code()), (503, "upstream_unavailable".to_owned()), "{reply:?}");
        is_final(&reply);
    }
    assert_eq!(upstream.count(), 0);
}

fn disclosing(disclosure: Disclosure) -> (Vec<Upstream>, World) {
    let message = "The server at https://10.0.0.7 for sk-p1-credential-sentinel had an error.";
    let failure = Answer::error(500, "server_error", None, message);
    let (upstreams, mut config) = targets(&[failure, Answer::bad_key()]);
    config.route_mut(|route| route.fallback.max_attempts = Some(2));
    config.gateway_mut(|gateway| gateway.listener.disclosure = disclosure);
    (upstreams, config.start())
}

#[tokio::test]
async fn s1_5_disclosure_says_how_much_of_the_attempts_is_told() {
    let names = |provider, outcome| json!({"provider": provider, "model": "gpt", "outcome": outcome});
    let expected = json!([names("default/p1", "server_error"), names("default/p2", "credential")]);

    let (_upstreams, world) = disclosing(Disclosure::Names);
    let reply = world.chat().await;
    assert_eq!(reply.json()["error"]["attempts"], expected, "{reply:?}");

    let (_upstreams, world) = disclosing(Disclosure::None);
    let reply = world.chat().await;
    assert_eq!(reply.json()["error"].get("attempts"), None, "{reply:?}");
    assert!(!format!("{reply:?}").contains("default/p1"), "{reply:?}");

    let (_upstreams, world) = disclosing(Disclosure::Full);
    let reply = world.chat().await;
    let first = &reply.json()["error"]["attempts"][0];
    assert_eq!((&first["status"], &first["outcome"]), (&json!(500), &json!("server_error")), "{reply:?}");
    assert!(first["reason"].as_str().unwrap().starts_with("The server at"), "{reply:?}");
    for secret in ["10.0.0.7", "sk-p1", "https:"] {
        assert!(!format!("{reply:?}").contains(secret), "{secret} in {reply:?}");
    }
}

#[tokio::test]
async fn s1_5_disclosure_says_whether_headers_name_who_answered() {
    for (disclosure, provider, model) in [
        (Disclosure::None, None, None),
        (Disclosure::Names, Some("default/p2"), Some("gpt")),
        (Disclosure::Full, Some("default/p2"), Some("gpt")),
    ] {
        let (upstreams, world) = disclosing(disclosure);
        upstreams[1].always(Answer::says("Hello."));
        for reply in [world.chat().await, world.stream().await] {
            assert!(reply.is_whole(), "{reply:?}");
            assert_eq!(reply.header("x-weir-provider"), provider, "{disclosure:?}");
            assert_eq!(reply.header("x-weir-model"), model, "{disclosure:?}");
            assert_eq!(reply.header("x-weir-attempts"), provider.map(|_| "2"), "{disclosure:?}");
        }
    }
}
