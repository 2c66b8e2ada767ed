//! S9.1, S9.2: when a gateway is ready, and how it ends.

use crate::harness::{Config, KEY, Reply, World, streamed, unary};
use crate::raw::{Raw, chat};
use crate::tools::{H2, PATIENCE, eventually, load, many, read_h2, start};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};
use weir_config::Snapshot;
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

/// A drain under way.
struct Drain {
    done: JoinHandle<Duration>,
    hurry: Arc<AtomicBool>,
}

impl Drain {
    fn of(world: &Arc<World>) -> Self {
        let (world, hurry) = (Arc::clone(world), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&hurry);
        let done = spawn_blocking(move || {
            let began = Instant::now();
            world.running().drain(|| asked.load(Ordering::Relaxed));
            began.elapsed()
        });
        Self { done, hurry }
    }

    /// How long it took.
    async fn ended(self) -> Duration {
        tokio::time::timeout(PATIENCE * 2, self.done).await.expect("the drain goes on").unwrap()
    }
}

fn draining(config: &mut Config, removal_delay: Duration, drain_timeout: Duration) -> &mut Config {
    config.gateway_mut(|gateway| {
        gateway.listener.removal_delay = removal_delay;
        gateway.listener.drain_timeout = drain_timeout;
    })
}

/// Returns when no connection is accepted any more.
async fn deaf(world: &World) {
    eventually("the data port refuses connections", async || TcpStream::connect(world.data).await.is_err())
        .await;
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn s9_1_readiness_goes_off_at_once_and_requests_are_served_on() {
    let upstream = Upstream::start();
    let world = Arc::new(draining(&mut Config::over(&[&upstream]), LONG, LONG).start());
    let mut kept = Raw::to(&world).await;
    let before = kept.ask(chat(&unary().to_string())).await;
    assert_eq!((before.status, before.header("connection")), (200, None));
    assert_eq!(world.admin("/readyz").await.status, 200);
    let drain = Drain::of(&world);
    eventually("not ready", async || world.admin("/readyz").await.status == 503).await;
    assert_eq!(world.admin("/livez").await.status, 200);
    // New connections and kept ones: each gets its answer, and is told not to send another request here.
    for mut caller in [kept, Raw::to(&world).await, Raw::to(&world).await] {
        let reply = caller.ask(chat(&unary().to_string())).await;
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{reply:?}");
        assert_eq!(caller.rest().await, b"");
    }
    let mut caller = Raw::to(&world).await;
    let reply =
        caller.ask(format!("GET /v1/models HTTP/1.1\r\nhost: weir\r\nx-api-key: {KEY}\r\n\r\n")).await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    drain.hurry.store(true, Ordering::Relaxed);
    assert!(drain.ended().await < LONG);
}

#[tokio::test]
async fn s9_1_200_streams_that_end_in_time_end_whole() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.always(Chat::says("").events(10).answer().hold_at(At::Event(5), &gate));
    let world = Arc::new(draining(&mut Config::over(&[&upstream]), Duration::ZERO, LONG).start());
    let mut h2 = H2::to(&world).await;
    let mut on_h2 = Vec::new();
    for _ in 0..20 {
        on_h2.push(h2.open(&streamed()).await.into_body());
    }
    let streams = many(180, 180, {
        let world = Arc::clone(&world);
        move |_| {
            let world = Arc::clone(&world);
            async move { world.open_stream(streamed()).await }
        }
    })
    .await;
    gate.reached_by(200).await;
    let drain = Drain::of(&world);
    deaf(&world).await;
    gate.open();
    let whole: String = (0..10).map(|n| format!("t{n} ")).collect();
    for stream in streams {
        let reply = Reply::read(stream).await;
        assert_eq!((reply.content(), reply.broken), (whole.clone(), false));
        assert_eq!(reply.events().last().unwrap(), "[DONE]");
    }
    for body in on_h2 {
        let (text, broken) = read_h2(body).await;
        assert!(!broken && text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    let took = drain.ended().await;
    assert!(took < LONG / 2, "it ends with the last stream, not with its time: {took:?}");
}

#[tokio::test]
async fn s9_1_streams_that_do_not_end_in_time_are_told_so_in_band() {
    let upstream = Upstream::start();
    upstream.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
    let timeout = Duration::from_millis(300);
    let world = Arc::new(draining(&mut Config::over(&[&upstream]), Duration::ZERO, timeout).start());
    let mut h2 = H2::to(&world).await;
    let on_h2 = h2.open(&streamed()).await.into_body();
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(world.open_stream(streamed()).await);
    }
    eventually("six are open", async || load(&world).await.1 == 6).await;
    let drain = Drain::of(&world);
    let mut texts = vec![read_h2(on_h2).await];
    for stream in streams {
        let reply = Reply::read(stream).await;
        texts.push((reply.text, reply.broken));
    }
    for (text, broken) in texts {
        assert!(!broken, "{text}");
        assert!(text.contains("one ") && !text.contains("[DONE]"), "{text}");
        let last: serde_json::Value =
            serde_json::from_str(text.trim_end().rsplit("data: ").next().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], "shutting_down", "{text}");
        assert!(last["error"]["message"].as_str().unwrap().contains("shutting down"), "{text}");
        assert!(!text.contains("finish_reason\":\"stop"), "no invented end: {text}");
    }
    upstream.wait_for_cancelled(6).await.unwrap();
    assert!(drain.ended().await >= timeout);
}

#[tokio::test]
async fn s9_1_a_stream_that_nobody_has_answered_yet_is_told_so_too() {
    let upstream = Upstream::start();
    upstream.always(Answer::hang());
    let mut config = Config::over(&[&upstream]);
    draining(&mut config, Duration::ZERO, Duration::from_millis(100));
    let world = Arc::new(start(&config, |options| options.keep_alive = Duration::from_millis(50)));
    let mut caller = Raw::to(&world).await;
    caller.send(chat(&streamed().to_string())).await;
    caller.read_past(": ping\n\n").await;
    let drain = Drain::of(&world);
    let text = String::from_utf8(caller.rest().await).unwrap();
    assert!(text.contains(r#""code":"shutting_down""#) && text.ends_with("0\r\n\r\n"), "{text}");
    drain.ended().await;
    upstream.wait_for_cancelled(1).await.unwrap();
}

#[tokio::test]
async fn s9_1_a_kept_idle_connection_is_closed_and_a_unary_answer_finishes() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    let world = Arc::new(draining(&mut Config::over(&[&upstream]), Duration::ZERO, LONG).start());
    let mut idle = Raw::to(&world).await;
    assert_eq!(idle.ask(chat(&unary().to_string())).await.status, 200);
    let mut idle_h2 = H2::to(&world).await;
    let first = idle_h2.open(&unary()).await;
    assert!(!read_h2(first.into_body()).await.1);
    upstream.always(Answer::says("late, but whole").hold_at(At::Start, &gate));
    let mut busy = Raw::to(&world).await;
    busy.send(chat(&unary().to_string())).await;
    gate.reached_by(1).await;
    let drain = Drain::of(&world);
    assert_eq!(idle.rest().await, b"", "closed, and nothing said");
    idle_h2.ended().await;
    deaf(&world).await;
    gate.open();
    let reply = busy.reply().await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "late, but whole");
    assert_eq!(busy.rest().await, b"");
    assert!(drain.ended().await < LONG / 2);
}

#[tokio::test]
async fn s9_1_a_unary_answer_that_comes_too_late_is_refused_and_recorded_so() {
    let upstream = Upstream::start();
    upstream.always(Answer::hang());
    let mut config = Config::over(&[&upstream]);
    let world = Arc::new(draining(&mut config, Duration::ZERO, Duration::from_millis(100)).start());
    let mut busy = Raw::to(&world).await;
    busy.send(chat(&unary().to_string())).await;
    upstream.wait_for_requests(1).await.unwrap();
    let drain = Drain::of(&world);
    let reply = busy.reply().await.expect("an answer, not a reset");
    assert_eq!((reply.status, reply.code().as_str()), (503, "shutting_down"));
    assert_eq!(reply.header("x-weir-error-source"), Some("gateway"));
    assert_eq!(reply.header("connection"), Some("close"));
    drain.ended().await;
    upstream.wait_for_cancelled(1).await.unwrap();
    let lines = Arc::into_inner(world).unwrap().usage();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["status"], &lines[0]["outcome"]), (&503.into(), &"shutting_down".into()));
    assert_eq!(
        lines[0]["id"].as_str(),
        reply.header("x-request-id"),
        "support finds it by what the caller has"
    );
}

#[tokio::test]
async fn s9_1_a_connection_that_waits_to_be_accepted_is_served() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    draining(&mut config, Duration::ZERO, LONG);
    let world = Arc::new(start(&config, |options| options.bounds.connections = 1));
    let mut first = Raw::to(&world).await;
    assert_eq!(first.ask(chat(&unary().to_string())).await.status, 200);
    let mut second = Raw::to(&world).await; // through the handshake, and no further: the gateway is full
    second.send(chat(&unary().to_string())).await;
    let drain = Drain::of(&world);
    assert_eq!(second.reply().await.expect("an answer, not a reset").status, 200);
    assert_eq!((first.rest().await, second.rest().await), (vec![], vec![]));
    assert!(drain.ended().await < LONG / 2);
}

#[tokio::test]
async fn s9_1_callers_that_have_asked_nothing_hold_up_no_end() {
    let mut config = Config::new();
    draining(&mut config, Duration::ZERO, LONG);
    let world = Arc::new(start(&config, |options| options.bounds.headers = LONG));
    let (mut idle, mut unreadable) = (Raw::to(&world).await, Raw::to(&world).await);
    let refused = unreadable.ask("no HTTP\r\n\r\n").await;
    assert_eq!(refused.status, 400);
    eventually("both are served", async || load(&world).await.0 == 2).await;
    let drain = Drain::of(&world);
    assert_eq!(idle.rest().await, b"", "closed, and nothing said");
    let took = drain.ended().await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    drop(unreadable);
}

#[tokio::test]
async fn s9_1_whoever_hurries_waits_for_nothing() {
    let upstream = Upstream::start();
    upstream.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
    let world = Arc::new(draining(&mut Config::over(&[&upstream]), LONG, LONG).start());
    let stream = world.open_stream(streamed()).await;
    let drain = Drain::of(&world);
    eventually("not ready", async || world.admin("/readyz").await.status == 503).await;
    drain.hurry.store(true, Ordering::Relaxed);
    let took = drain.ended().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let mut world = Arc::into_inner(world).unwrap();
    world.take_running().stop();
    drop(stream);
    upstream.wait_for(PATIENCE, |upstream| upstream.connections_open() == 0).await.unwrap();
}

#[tokio::test]
async fn s9_1_a_gateway_without_traffic_ends_at_once() {
    let world = Arc::new(draining(&mut Config::new(), Duration::ZERO, LONG).start());
    assert!(Drain::of(&world).ended().await < Duration::from_secs(5));
}

#[tokio::test]
async fn s9_2_ready_is_who_has_a_snapshot_be_it_empty() {
    let world = World::start();
    assert_eq!(world.admin("/livez").await.status, 200);
    assert_eq!(world.admin("/readyz").await.status, 503);
    assert_eq!(world.admin("/metrics").await.status, 200);
    assert_eq!(world.admin("/status").await.json()["ready"], false);
    let mut caller = Raw::to(&world).await;
    let models = format!("GET /v1/models HTTP/1.1\r\nhost: weir\r\nx-api-key: {KEY}\r\n\r\n");
    for request in [chat(&unary().to_string()), models.clone()] {
        let reply = caller.ask(request).await;
        assert_eq!((reply.status, reply.code().as_str()), (503, "not_ready"));
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(reply.header("x-weir-error-source"), Some("gateway"));
    }
    let empty = Snapshot::empty(Config::new().0.gateway.as_ref().clone());
    assert_eq!(world.running().apply(empty), 1);
    assert_eq!(world.admin("/readyz").await.status, 200);
    assert_eq!(world.admin("/status").await.json()["ready"], true);
    // The same connection sees it: no request waits for another connection to learn of a snapshot.
    assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 401);
    world.running().apply(Config::new().0);
    assert_eq!(caller.ask(models).await.status, 200);
}

#[tokio::test]
async fn s9_2_probes_answer_while_all_upstreams_hang() {
    let upstream = Upstream::start();
    upstream.always(Answer::hang());
    let world = Arc::new(Config::over(&[&upstream]).start());
    let mut hanging = Vec::new();
    for _ in 0..100 {
        let mut caller = Raw::to(&world).await;
        caller.send(chat(&unary().to_string())).await;
        hanging.push(caller);
    }
    upstream.wait_for_requests(100).await.unwrap();
    let began = Instant::now();
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        assert_eq!(world.admin(path).await.status, 200, "{path}");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(load(&world).await, (100, 100));
    drop(hanging);
    upstream.wait_for_cancelled(100).await.unwrap();
    eventually("all is given back", async || load(&world).await == (0, 0)).await;
    assert_eq!(upstream.count(), 100, "no probe reached it");
}
