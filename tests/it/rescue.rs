//! S1.2, S1.3: what many requests at once see of a failing target, and what an outage sees of them.

use crate::harness::{Config, KEY, Reply, World, key, unary};
use crate::quiet::alone;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use weir_upstream::{Answer, At, Flaky, Gate, Upstream};

/// What is always free, however few requests there are (semantics S1.3: the small floor).
const FLOOR: usize = 10;

/// Ten thousand requests while the preferred target behaves like `first` and another is well: an app sees only
/// answers.
async fn nobody_notices(first: Answer) {
    let _alone = alone().await;
    let (preferred, other) = (Upstream::start(), Upstream::start());
    preferred.always(first);
    other.always(Answer::says("from the other"));
    let world = Config::over(&[&preferred, &other]).start();
    let began = Instant::now();
    let mut replies = world.many(10_000, 64).await;
    // A fast machine is through with them before a slow one has failed often enough.
    while other.count() <= 1_000 && began.elapsed() < Duration::from_secs(30) {
        replies.extend(world.many(1_000, 64).await);
    }
    assert!(replies.len() >= 10_000);
    let bad: Vec<_> = replies.iter().filter(|reply| !reply.is_whole()).collect();
    assert!(bad.is_empty(), "{} of {}, such as {:?}", bad.len(), replies.len(), bad[0]);
    assert!(other.count() > 1_000, "only {} needed rescue: this proves nothing", other.count());
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test]
async fn s1_2_a_target_that_fails_at_random_is_not_seen() {
    nobody_notices(Flaky { percent: 45, answer: Answer::server_error(500), seed: 1 }.into()).await;
}

#[tokio::test]
async fn s1_2_a_target_that_resets_at_random_is_not_seen() {
    nobody_notices(Flaky { percent: 45, answer: Answer::reset(), seed: 2 }.into()).await;
}

#[tokio::test]
async fn s1_2_a_target_that_flaps_every_second_is_not_seen() {
    let (good, bad) = (Answer::says("Hello."), Answer::overloaded());
    nobody_notices(Answer::flap_by_time(Duration::from_secs(1), good, bad)).await;
}

#[tokio::test]
async fn s1_2_a_target_that_flaps_fast_is_not_seen() {
    let (good, bad) = (Answer::says("Hello."), Answer::server_error(502));
    nobody_notices(Answer::flap_by_time(Duration::from_millis(20), good, bad)).await;
}

#[tokio::test]
async fn s1_2_a_target_that_limits_without_saying_how_long_is_not_seen() {
    nobody_notices(Answer::rate_limited(None)).await;
}

#[tokio::test]
async fn s1_2_a_target_that_limits_and_says_how_long_is_not_seen() {
    nobody_notices(Answer::rate_limited(Some(5))).await;
}

#[tokio::test]
async fn s1_2_two_dead_targets_before_a_healthy_one_are_not_seen() {
    let _alone = alone().await;
    let upstreams = [(); 3].map(|()| Upstream::start());
    upstreams[0].always(Answer::server_error(500));
    upstreams[1].always(Answer::rate_limited(None));
    let world = Config::over(&upstreams.iter().collect::<Vec<_>>()).start();
    let replies = world.many(3_000, 64).await;
    assert_eq!(replies.iter().filter(|reply| !reply.is_whole()).count(), 0);
    assert_eq!(upstreams[2].count(), 3_000);
}

/// Three thousand requests while nobody answers.
async fn amplification(failure: Answer) -> f64 {
    let _alone = alone().await;
    let upstreams = [(); 3].map(|()| Upstream::start());
    upstreams.iter().for_each(|upstream| upstream.always(failure.clone()));
    let world = Config::over(&upstreams.iter().collect::<Vec<_>>()).start();
    let replies = world.many(3_000, 32).await;
    let others = replies.iter().filter(|reply| reply.status != 503).count();
    assert_eq!(others, 0, "an outage is told as one");
    let attempts: usize = upstreams.iter().map(Upstream::count).sum();
    assert!(attempts > 3_000, "rescue was not even tried");
    (attempts - FLOOR) as f64 / replies.len() as f64
}

#[tokio::test]
async fn s1_3_a_total_outage_is_amplified_by_a_fifth_at_most() {
    let times = amplification(Answer::server_error(500)).await;
    assert!(times <= 1.2, "{times} attempts for each request");
}

#[tokio::test]
async fn s1_3_an_outage_by_rate_limits_is_amplified_by_a_fifth_at_most() {
    let times = amplification(Answer::rate_limited(None)).await;
    assert!(times <= 1.2, "{times} attempts for each request");
}

#[tokio::test]
async fn s1_3_an_outage_by_resets_is_amplified_by_a_fifth_at_most() {
    let times = amplification(Answer::reset()).await;
    assert!(times <= 1.2, "{times} attempts for each request");
}

/// A chat that fails like `failure` while others have all tokens, which they give back after `held`; and how long it
/// took.
async fn with_one_of_theirs(failure: Answer, held: Duration) -> (Reply, Duration) {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    let mut config = Config::over(&[&upstream]);
    config.route_mut(|route| {
        route.fallback.deadline = Duration::from_secs(3);
        route.retry.backoff_base = Duration::from_millis(50);
    });
    let world = Arc::new(config.start());
    let mut others = JoinSet::new();
    for other in 1..=FLOOR {
        upstream.then(Answer::server_error(500));
        upstream.then(Answer::says("with the last tokens").hold_at(At::Start, &gate));
        let world = Arc::clone(&world);
        others.spawn(async move { world.chat().await });
        gate.reached_by(other).await;
    }
    upstream.then(failure);
    upstream.then(Answer::says("with one of theirs"));
    let began = Instant::now();
    let freed = async {
        upstream.wait_for_requests(2 * FLOOR + 1).await.unwrap();
        tokio::time::sleep(held).await; // what is measured
        gate.open();
    };
    let (reply, ()) = tokio::join!(world.chat(), freed);
    let took = began.elapsed();
    assert_eq!((reply.status, &*reply.content()), (200, "with one of theirs"));
    assert!(others.join_all().await.iter().all(|reply| reply.status == 200));
    assert!(took >= held, "{took:?}");
    (reply, took)
}

#[tokio::test]
async fn s1_4_who_has_waited_for_a_token_waits_no_longer_than_the_deadline() {
    let held = Duration::from_millis(2500);
    let (_reply, took) = with_one_of_theirs(Answer::rate_limited(Some(2)), held).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn the_time_that_a_request_waits_for_a_token_is_not_our_overhead() {
    let held = Duration::from_millis(800);
    let (reply, took) = with_one_of_theirs(Answer::server_error(500), held).await;
    let overhead: f64 = reply.header("x-weir-overhead-ms").unwrap().parse().unwrap();
    let rest = took - held;
    assert!(overhead / 1000.0 <= rest.as_secs_f64(), "{overhead} ms of {took:?}");
}

fn failing_at_random(then: Answer) -> (Upstream, Upstream, World) {
    let (preferred, other) = (Upstream::start(), Upstream::start());
    preferred.always(Flaky { percent: 45, answer: Answer::server_error(503), seed: 3 });
    other.always(then);
    let world = Config::over(&[&preferred, &other]).start();
    (preferred, other, world)
}

#[tokio::test]
async fn s1_3_rescue_is_not_rationed_while_all_of_it_is_on_its_way() {
    let gate = Gate::new();
    let slow = Answer::says("from the other").hold_at(At::Start, &gate);
    let (preferred, other, world) = failing_at_random(slow);
    let both = async {
        preferred.wait_for_requests(200).await.unwrap();
        gate.reached_by(1).await;
        gate.open();
    };
    let (replies, ()) = tokio::join!(world.many(200, 200), both);
    assert!(replies.iter().all(|reply| reply.is_whole()), "{replies:?}");
    assert!(other.count() > 60, "{}", other.count());
}

#[tokio::test]
async fn s1_3_rescue_is_not_rationed_by_its_slowness() {
    let slow = Answer::says("from the other").wait_at(At::Start, Duration::from_millis(250));
    let (_preferred, other, world) = failing_at_random(slow);
    let replies = world.many(1_000, 200).await;
    let bad = replies.iter().filter(|reply| !reply.is_whole()).count();
    assert_eq!(bad, 0);
    assert!(other.count() > 350, "{}", other.count());
}

/// A second tenant's key.
const OTHER: &str = "weir_test_other_0123456789abcdefghijklmn";

/// The first target always fails, the other behaves like `then`; there is a second key.
fn dead_before(then: Answer, change: impl FnOnce(&mut Config)) -> (Upstream, Upstream, Arc<World>) {
    let (preferred, other) = (Upstream::start(), Upstream::start());
    preferred.always(Answer::server_error(500));
    other.always(then);
    let mut config = Config::over(&[&preferred, &other]);
    config.0.keys.push(Arc::new(key("other", OTHER)));
    change(&mut config);
    (preferred, other, Arc::new(config.start()))
}

/// So many unary chats at once with this key.
async fn at_once(world: &Arc<World>, callers: usize, key: &'static str, body: String) -> Vec<Reply> {
    let mut replies = JoinSet::new();
    for _ in 0..callers {
        let (world, body) = (Arc::clone(world), body.clone());
        replies.spawn(async move { world.post_as(key, body).await });
    }
    replies.join_all().await
}

#[tokio::test]
async fn s1_2_a_key_whose_requests_fail_everywhere_takes_rescue_from_no_other() {
    let by_body = Answer::by(|seen| match seen.body.windows(6).any(|word| word == b"poison") {
        true => Answer::server_error(500),
        false => Answer::says("Hello."),
    });
    let (_preferred, other, world) = dead_before(by_body, |_| {});
    let poison = unary().to_string().replace("Say hello.", "poison");
    for round in 0..15 {
        let failing = at_once(&world, 5, KEY, poison.clone()).await;
        assert!(failing.iter().all(|reply| reply.status == 503), "{failing:?}");
        let reply = world.post_as(OTHER, unary().to_string()).await;
        assert_eq!(reply.status, 200, "{round}: {reply:?}");
    }
    assert!(other.count() < 75 + 15, "the failing ones are rationed");
}

#[tokio::test]
async fn s1_2_callers_who_leave_early_take_rescue_from_nobody_who_stays() {
    let gate = Gate::new();
    let (_preferred, other, world) = dead_before(Answer::says("late").hold_at(At::Start, &gate), |_| {});
    let mut hasty = JoinSet::new();
    for _ in 0..2 * FLOOR {
        let request = world.client.post(world.url("/v1/chat/completions")).bearer_auth(KEY);
        let request = request.timeout(Duration::from_millis(500)).body(unary().to_string());
        hasty.spawn(async move { request.send().await.is_err() });
    }
    assert!(hasty.join_all().await.into_iter().all(|left| left));
    assert!(other.count() >= FLOOR, "{}", other.count());
    world.nobody_is_served().await;
    gate.open();
    for key in [KEY, OTHER] {
        let reply = world.post_as(key, unary().to_string()).await;
        assert_eq!((reply.status, &*reply.content()), (200, "late"), "{reply:?}");
    }
}

#[tokio::test]
async fn s1_4_a_target_slower_than_the_deadline_rescues_everybody() {
    let gate = Gate::new();
    let late = Duration::from_millis(300);
    let (_preferred, other, world) = dead_before(Answer::says("late").hold_at(At::Start, &gate), |config| {
        config.route_mut(|route| route.fallback.deadline = late);
    });
    let opened = async {
        gate.reached_by(FLOOR).await;
        tokio::time::sleep(late * 3).await; // what is measured: longer than the deadline
        gate.open();
    };
    let (replies, ()) = tokio::join!(at_once(&world, 4 * FLOOR, KEY, unary().to_string()), opened);
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(other.count(), 4 * FLOOR);
}

#[tokio::test]
async fn s1_5_who_is_refused_rescue_is_told_that_targets_were_not_asked() {
    let (preferred, _other, world) = dead_before(Answer::server_error(500), |_| {});
    preferred.always(Answer::bad_key());
    let replies = at_once(&world, 8 * FLOOR, KEY, unary().to_string()).await;
    let mut refused = 0;
    for reply in &replies {
        let error = &reply.json()["error"];
        let asked = error["attempts"].as_array().unwrap().len();
        assert_eq!(reply.status, 503, "the key of one account is wrong, the other's is not known: {reply:?}");
        assert_eq!(reply.header("x-should-retry"), Some("false"), "{reply:?}");
        let message = error["message"].as_str().unwrap();
        assert_eq!(message.contains("not asked"), asked == 1, "{message}");
        assert_eq!(message.contains("every attempt failed"), asked > 1, "{message}");
        refused += usize::from(asked == 1);
    }
    assert!(refused > 4 * FLOOR, "{refused} of {}", replies.len());
}
