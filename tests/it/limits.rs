//! S3: a key's requests per minute.

use crate::harness::{Config, KEY, MODEL, World, key, unary};
use crate::raw::{Raw, chat_head};
use crate::tools::{body_of, eventually, load, many};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_config::{AllowedModels, Digest, KeyDigest, ModelPattern};
use weir_upstream::Upstream;

fn limited(limit: u32) -> (Upstream, Config) {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.requests_per_minute(limit);
    (upstream, config)
}

/// How many of `count` requests in a row are admitted.
async fn admitted(world: &World, count: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..count {
        let reply = world.chat().await;
        assert!(reply.status == 200 || reply.code() == "key_requests_exceeded", "{reply:?}");
        admitted += usize::from(reply.status == 200);
    }
    admitted
}

#[tokio::test]
async fn s3_1_of_800_requests_at_once_exactly_600_are_admitted() {
    let (upstream, config) = limited(600);
    let world = Arc::new(config.start());
    let statuses = many(800, 50, {
        let world = Arc::clone(&world);
        move |_| {
            let world = Arc::clone(&world);
            async move { world.chat().await.status }
        }
    })
    .await;
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(200), count(429)), (600, 200));
    assert_eq!(upstream.count(), 600, "what is refused does not reach an upstream");
}

#[tokio::test]
async fn s3_1_a_refusal_consumes_nothing() {
    let (upstream, mut config) = limited(2);
    let world = config.start();
    assert_eq!(admitted(&world, 12).await, 2);
    // Had the ten refusals counted, three would not be enough for one more.
    world.running().apply(config.requests_per_minute(3).0.clone());
    assert_eq!(admitted(&world, 5).await, 1);
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn s3_1_what_fails_before_admission_consumes_nothing() {
    let (_upstream, config) = limited(1);
    let world = config.start();
    for body in ["{", "[]", r#"{"model":"nobody"}"#, r#"{"model":7}"#] {
        assert!(matches!(world.post(body).await.status, 400 | 404), "{body}");
    }
    assert_eq!(
        world.post_as("weir_unknown_key_0123456789abcdefghijk", unary().to_string()).await.status,
        401
    );
    assert_eq!(admitted(&world, 2).await, 1);
}

#[tokio::test]
async fn s3_1_a_changed_limit_counts_what_was_admitted_before() {
    let (_upstream, mut config) = limited(4);
    let world = config.start();
    assert_eq!(admitted(&world, 3).await, 3);
    world.running().apply(config.requests_per_minute(2).0.clone());
    assert_eq!(admitted(&world, 2).await, 0, "lowered below what was used");
    world.running().apply(config.requests_per_minute(5).0.clone());
    assert_eq!(admitted(&world, 4).await, 2, "raised");
    world.running().apply(config.requests_per_minute(0).0.clone());
    assert_eq!(admitted(&world, 20).await, 20, "no limit at all");
}

#[tokio::test]
async fn s3_1_a_keys_other_edits_do_not_touch_its_count() {
    let (_upstream, mut config) = limited(3);
    let world = config.start();
    assert_eq!(admitted(&world, 2).await, 2);
    let second =
        KeyDigest { sha256: Digest::of(b"the second text of this key, at rotation"), not_after: None };
    let edits: [fn(&mut weir_config::Key); 4] = [
        |key| key.tenant = "another".to_owned(),
        |key| key.allowed_models = AllowedModels(vec![ModelPattern::from(MODEL.to_owned())]),
        |key| key.suspended = true,
        |key| key.suspended = false,
    ];
    for edit in edits {
        world.running().apply(config.key_mut(edit).0.clone());
    }
    world.running().apply(config.key_mut(|key| key.digests.push(second)).0.clone());
    assert_eq!(
        world.post_as("the second text of this key, at rotation", unary().to_string()).await.status,
        200
    );
    assert_eq!(admitted(&world, 2).await, 0, "both texts are one key");
}

#[tokio::test]
async fn s3_1_a_key_that_comes_back_within_the_minute_is_still_counted() {
    let (_upstream, mut config) = limited(2);
    let world = config.start();
    assert_eq!(admitted(&world, 3).await, 2);
    let mut without = config.clone();
    without.0.keys.clear();
    for _ in 0..3 {
        world.running().apply(without.0.clone());
    }
    assert_eq!(world.chat().await.status, 401);
    world.running().apply(config.0.clone());
    assert_eq!(admitted(&world, 2).await, 0);
    world.running().apply(config.requests_per_minute(3).0.clone());
    assert_eq!(admitted(&world, 2).await, 1);
}

#[tokio::test]
async fn s3_1_keys_are_counted_apart() {
    let (_upstream, mut config) = limited(1);
    let other = "weir_other_key_0123456789abcdefghijklmn";
    let mut second = key("other", other);
    second.limits.requests_per_minute = NonZeroU32::new(1);
    config.0.keys.push(Arc::new(second));
    let world = config.start();
    assert_eq!(admitted(&world, 2).await, 1);
    assert_eq!(world.post_as(other, unary().to_string()).await.status, 200);
    assert_eq!(world.post_as(other, unary().to_string()).await.status, 429);
}

#[tokio::test]
async fn s3_1_a_request_counts_from_its_admission_not_from_its_head() {
    let (_upstream, config) = limited(1);
    let world = config.start();
    let mut slow = Raw::to(&world).await;
    let body = unary().to_string();
    slow.send(chat_head(&format!("content-length: {}\r\n", body.len()))).await;
    eventually("its head has come", async || load(&world).await.1 == 1).await;
    assert_eq!(world.chat().await.status, 200);
    let admitted_by = Instant::now();
    // The time that its body takes is what is measured here.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let body_sent = Instant::now();
    let refused = slow.ask(body).await;
    assert_eq!(refused.status, 429);
    let told = Duration::from_millis(refused.header("retry-after-ms").unwrap().parse().unwrap());
    let free_after = admitted_by + Duration::from_secs(61) - body_sent;
    assert!(told <= free_after + Duration::from_millis(1), "{told:?} is more than {free_after:?}");
}

#[tokio::test]
async fn s3_7_a_key_over_its_limit_is_told_before_its_body_has_come() {
    let (upstream, config) = limited(1);
    let world = config.start();
    assert_eq!(admitted(&world, 2).await, 1);
    for head in [
        "content-length: 33554432\r\n",
        "transfer-encoding: chunked\r\n",
        "content-length: 10\r\nexpect: 100-continue\r\n",
        "content-length: 33554432\r\nexpect: 100-continue\r\n",
    ] {
        let began = Instant::now();
        let reply = Raw::to(&world).await.ask(chat_head(head)).await;
        assert_eq!((reply.status, reply.code().as_str()), (429, "key_requests_exceeded"), "{head}");
        assert!(reply.header("retry-after-ms").is_some(), "{reply:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{head}: {:?}", began.elapsed());
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn s3_7_the_look_takes_nothing() {
    let (_upstream, config) = limited(2);
    let world = config.start();
    let body = body_of(200 << 10);
    let mut slow = Vec::new();
    for n in 1..=3 {
        let mut caller = Raw::to(&world).await;
        caller.send(chat_head(&format!("content-length: {}\r\n", body.len()))).await;
        eventually("it is being received", async || load(&world).await.1 == n).await;
        slow.push(caller);
    }
    assert_eq!(admitted(&world, 1).await, 1, "three have looked");
    let [first, second, third] = &mut slow[..] else { unreachable!() };
    assert_eq!(first.ask(&body).await.status, 200);
    for caller in [second, third] {
        assert_eq!(caller.ask(&body).await.status, 429, "the limit is taken once the body is there");
    }
}

/// Go's notation, which OpenAI uses: `1s`, `6m0s`, `59.728s`, `12ms`.
fn go_duration(text: &str) -> Duration {
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        let unit =
            rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |end| digits + end);
        let number: f64 = rest[..digits].parse().unwrap();
        seconds += number
            * [("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)]
                .iter()
                .find(|(name, _)| *name == &rest[digits..unit])
                .unwrap()
                .1;
        rest = &rest[unit..];
    }
    Duration::from_secs_f64(seconds)
}

#[tokio::test]
async fn s3_5_a_refusal_tells_the_limit_and_when_to_come_back() {
    let (_upstream, config) = limited(2);
    let before = Instant::now();
    let world = config.start();
    assert_eq!(admitted(&world, 2).await, 2);
    let last = Instant::now();
    let asked = Instant::now();
    let reply = world.chat().await;
    let since_first = before.elapsed();
    assert_eq!((reply.status, reply.code().as_str()), (429, "key_requests_exceeded"), "{reply:?}");
    let error = &reply.json()["error"];
    assert_eq!(error["type"], "rate_limit_error");
    assert!(error["message"].as_str().unwrap().contains("limit of 2 requests per minute"), "{error}");
    assert_eq!(reply.header("x-weir-error-source"), Some("caller"));
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(reply.header("x-should-retry"), None, "never both (S1.5)");

    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    let millis: u64 = reply.header("retry-after-ms").unwrap().parse().unwrap();
    assert_eq!(seconds, millis.div_ceil(1000), "one moment, told twice");
    let wait = Duration::from_millis(millis);
    assert!(wait <= Duration::from_secs(59), "SDKs pass over 60 s: {wait:?}");
    assert!(wait + since_first >= Duration::from_secs(59), "and who comes then is told the rest: {wait:?}");
    assert!(
        error["message"].as_str().unwrap().contains("59.000 s") || wait < Duration::from_secs(59),
        "{error}"
    );
    let reset = go_duration(reply.header("x-ratelimit-reset-requests").unwrap());
    assert!(reset >= wait, "empty no sooner than there is room: {reset:?}");
    assert!(reset + since_first >= Duration::from_secs(60), "this is exact: {reset:?}");
    assert!(reset + asked.duration_since(last) <= Duration::from_secs(62), "{reset:?}");
    assert!(!reply.text.contains(KEY));
}

#[tokio::test]
async fn s1_12_a_key_with_a_limit_is_told_what_is_left_of_it() {
    let (upstream, mut config) = limited(3);
    let world = config.start();
    for (at, stream) in [(0, false), (1, true), (2, false)] {
        let reply = if stream { world.stream().await } else { world.chat().await };
        assert!(reply.is_whole(), "{reply:?}");
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("3"), "{reply:?}");
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(&*(2 - at).to_string()), "{reply:?}");
        let reset = go_duration(reply.header("x-ratelimit-reset-requests").unwrap());
        assert!((Duration::from_secs(60)..=Duration::from_secs(61)).contains(&reset), "{reset:?}");
    }
    assert_eq!(world.chat().await.header("x-ratelimit-remaining-requests"), Some("0"), "refused");
    let told =
        |reply: &crate::harness::Reply| reply.headers.keys().any(|name| name.starts_with("x-ratelimit-"));
    world.running().apply(config.requests_per_minute(0).0.clone());
    assert!(!told(&world.chat().await), "a key without a limit");
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn s1_12_a_stream_that_is_begun_before_its_answer_tells_it_too() {
    let (upstream, config) = limited(3);
    let gate = weir_upstream::Gate::new();
    upstream.always(weir_upstream::Answer::says("late").hold_at(weir_upstream::At::Start, &gate));
    let world = crate::tools::start(&config, |options| options.keep_alive = Duration::from_millis(50));
    let begun = world.open_stream(crate::harness::streamed()).await;
    assert_eq!(begun.headers().get("x-ratelimit-remaining-requests").unwrap(), "2");
    gate.open();
    assert!(crate::harness::Reply::read(begun).await.is_whole());
}

#[tokio::test]
async fn s1_12_an_answer_that_failed_tells_it_too() {
    let (upstream, config) = limited(3);
    let world = config.start();
    for (status, left) in [(400, "2"), (503, "1"), (404, "0")] {
        upstream.always(weir_upstream::Answer::error(status, "an_error", None, "no"));
        let reply = world.chat().await;
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(left), "{reply:?}");
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("3"), "{reply:?}");
    }
}
