//! What becomes of a request whose body takes time.

use crate::harness::{Config, KEY, World, http_provider, key, unary};
use crate::raw::{Raw, RawReply, chat_head};
use crate::tools::{body_of, eventually, load};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_config::{AllowedModels, Key, ModelPattern, UnixSeconds};
use weir_upstream::Upstream;

/// A chat whose body is on its way.
struct Upload {
    caller: Raw,
    rest: String,
}

impl Upload {
    async fn begin(world: &World, body: String) -> Self {
        let in_flight = load(world).await.1;
        let mut caller = Raw::to(world).await;
        caller.send(chat_head(&format!("content-length: {}\r\n", body.len()))).await;
        let (some, rest) = body.split_at(body.len() / 2);
        caller.send(some).await;
        eventually("it is being received", async || load(world).await.1 > in_flight).await;
        Self { caller, rest: rest.to_owned() }
    }

    async fn finish(mut self) -> RawReply {
        self.caller.ask(self.rest).await
    }
}

/// How a key ends.
type End = fn(&mut Config);

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

#[tokio::test]
async fn s10_14_a_key_that_ends_while_a_body_comes_opens_nothing() {
    let upstream = Upstream::start();
    let config = Config::over(&[&upstream]);
    let ends: [(&str, End); 5] = [
        ("suspended", |config| {
            config.key_mut(|key| key.suspended = true);
        }),
        ("expired", |config| {
            config.key_mut(|key| key.expires_at = Some(UnixSeconds(now())));
        }),
        ("its text ended", |config| {
            config.key_mut(|key| key.digests[0].not_after = Some(UnixSeconds(now())));
        }),
        ("replaced", |config| {
            *Arc::make_mut(&mut config.0.keys[0]) = key("app", "weir_another_key_0123456789abcdefghijk");
        }),
        ("revoked", |config| config.0.keys.clear()),
    ];
    for (how, end) in ends {
        for size in [100, 200 << 10] {
            let world = config.start();
            let upload = Upload::begin(&world, body_of(size)).await;
            let mut changed = config.clone();
            end(&mut changed);
            world.running().apply(changed.0);
            let reply = upload.finish().await;
            assert_eq!((reply.status, reply.code().as_str()), (401, "invalid_api_key"), "{how}");
            assert_eq!(world.usage().remove(0)["status"], 401);
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn s10_14_a_key_whose_time_is_over_when_its_body_has_come_opens_nothing() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    let ends = now() + 2;
    config.key_mut(|key| key.expires_at = Some(UnixSeconds(ends)));
    let world = config.start();
    let upload = Upload::begin(&world, unary().to_string()).await;
    eventually("its time is over", async || now() >= ends).await;
    assert_eq!(upload.finish().await.status, 401);
}

#[tokio::test]
async fn s10_14_what_is_in_force_when_the_body_has_come_rules() {
    let (old, new) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&old]);
    let world = config.start();
    let moved = Upload::begin(&world, unary().to_string()).await;
    *Arc::make_mut(&mut config.0.providers[0]) = http_provider("p1", new.port());
    world.running().apply(config.0.clone());
    assert_eq!(moved.finish().await.status, 200);
    assert_eq!((old.count(), new.count()), (0, 1), "the address of now");

    let restrict: fn(&mut Key) =
        |key| key.allowed_models = AllowedModels(vec![ModelPattern::from("other".to_owned())]);
    let restricted = Upload::begin(&world, unary().to_string()).await;
    world.running().apply(config.key_mut(restrict).0.clone());
    assert_eq!(restricted.finish().await.code(), "model_not_found");
}

#[tokio::test]
async fn s10_14_an_upload_keeps_nothing_of_an_old_configuration() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    let world = config.start();
    assert_eq!(world.chat().await.status, 200);
    assert_eq!(upstream.connections_open(), 1, "kept for the next");
    let upload = Upload::begin(&world, unary().to_string()).await;
    config.0.providers.clear();
    config.0.credentials.clear();
    config.route_mut(|route| route.targets.clear());
    world.running().apply(config.0.clone());
    eventually("the old account's connection is closed", async || upstream.connections_open() == 0).await;
    assert_eq!(upload.finish().await.status, 503);
}

#[tokio::test]
async fn s10_14_a_slow_body_of_a_valid_key_is_answered() {
    let upstream = Upstream::start();
    let config = Config::over(&[&upstream]);
    let world = config.start();
    let upload = Upload::begin(&world, unary().to_string()).await;
    world.running().apply(config.0.clone());
    // Longer than a key is believed unasked.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(upload.finish().await.status, 200);
}

#[tokio::test]
async fn the_time_of_an_upload_is_not_our_overhead() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    let upload = Upload::begin(&world, unary().to_string()).await;
    let slow = Duration::from_millis(800);
    tokio::time::sleep(slow).await; // the time that is not ours
    let reply = upload.finish().await;
    let overhead: f64 = reply.header("x-weir-overhead-ms").unwrap().parse().unwrap();
    assert!(overhead < slow.as_secs_f64() * 1000.0 / 2.0, "{overhead} ms");
    let metrics = world.admin("/metrics").await.text;
    let sum = metrics.lines().find_map(|line| line.strip_prefix("weir_overhead_seconds_sum ")).unwrap();
    assert!(sum.parse::<f64>().unwrap() < slow.as_secs_f64() / 2.0, "{sum} s");
}

/// What is refused for its head alone is told at once, whatever was announced.
#[tokio::test]
async fn s9_6_who_is_refused_for_the_head_hears_it_before_sending_the_body() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    let nobody = "authorization: Bearer nobody\r\n";
    let known = format!("authorization: Bearer {KEY}\r\n");
    for (path, headers, code) in [
        ("/v1/chat/completions", nobody.to_owned(), "invalid_api_key"),
        ("/v1/chat/completions", format!("{known}content-encoding: gzip\r\n"), "compressed_body"),
        ("/v1/embeddings", known.clone(), "unknown_url"),
    ] {
        let mut caller = Raw::to(&world).await;
        let began = Instant::now();
        let body = body_of(3 << 20);
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: weir\r\n{headers}content-length: {length}\r\n\r\n");
        assert_eq!(caller.ask(head).await.code(), code);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        // And the connection goes on once the body is through.
        caller.send(body).await;
        assert_eq!(caller.ask(crate::raw::chat(&unary().to_string())).await.status, 200);
    }
}
