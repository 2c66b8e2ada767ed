//! S2.6, S2.9: a server refuses the option by which a stream's usage is asked for, and what that teaches of its account.

use crate::harness::{Config, KEY, MODEL, Reply, World, key, streamed};
use crate::usage::{asking, one};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use weir_config::{Key, Model, ModelPattern, ObjectName, Secret};
use weir_upstream::{Answer, At, Rule, Seen, Upstream};

/// As servers answer that don't know the option: by its name in `param`, in the message, or by the place alone.
fn refuses() -> [Answer; 5] {
    let error = json!({
        "message": "Unrecognized request argument supplied.", "type": "invalid_request_error",
        "param": "stream_options", "code": null,
    });
    let detail = json!([{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]);
    let place = json!({"object": "error", "message": {"detail": [{"loc": ["body", "stream_options"]}]}});
    [
        Answer::json(400, json!({ "error": error }).to_string()),
        Answer::error(422, "invalid_request_error", None, "Extra inputs are not permitted: stream_options"),
        Answer::json(422, json!({ "detail": detail }).to_string()),
        Answer::json(422, place.to_string()),
        Answer::bytes(422, "Failed to deserialize the JSON body: unknown field `stream_options` at line 1"),
    ]
}

#[tokio::test]
async fn s2_6_a_refusal_of_the_option_is_learned_per_account() {
    for refusal in refuses() {
        let (first, second) = (Upstream::start(), Upstream::start());
        first.script(Rule::when(|seen| seen.asks_usage(), refusal.clone()));
        let mut config = Config::over(&[&first, &second]);
        config.route_mut(|route| route.fallback.max_attempts = Some(1));
        let world = config.start();
        let reply = world.stream().await;
        assert!(reply.is_whole(), "{refusal:?} {reply:?}");
        assert_eq!(reply.header("x-weir-attempts"), Some("2"), "nothing is sent twice unseen: {reply:?}");
        assert_eq!((first.count(), second.count()), (2, 0));
        assert!(world.stream().await.is_whole());
        assert_eq!(first.count(), 3, "the second request doesn't ask");
        assert!(!first.last().unwrap().asks_usage());
        world.running().apply(config.route_mut(|route| route.fallback.max_attempts = None).0.clone());
        first.clear();
        first.always(Answer::overloaded());
        assert!(world.stream().await.is_whole());
        assert!(second.last().unwrap().asks_usage(), "another account still is asked");
        let lines = world.usage();
        let attempts = lines[0]["attempts"].as_array().unwrap();
        let outcomes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["outcome"]).collect();
        assert!(outcomes.len() == 2 && outcomes[1] == "ok", "each is written down: {}", lines[0]);
    }
}

/// A world whose upstream refuses every stream that asks for usage, with words that name the option.
fn refusing() -> (Upstream, World) {
    let (upstream, world) = one(|_| {});
    upstream.script(Rule::when(|seen| seen.asks_usage(), refuses()[0].clone()));
    (upstream, world)
}

/// Whether the next ordinary stream asks for its usage.
async fn asks(upstream: &Upstream, world: &World) -> bool {
    upstream.clear();
    upstream.always(Answer::says("Hello."));
    assert!(world.stream().await.is_whole());
    upstream.last().unwrap().asks_usage()
}

#[tokio::test]
async fn s10_12_what_was_learned_stays_unless_requests_go_elsewhere() {
    let upstream = Upstream::start();
    upstream.script(Rule::when(|seen| seen.asks_usage(), refuses()[0].clone()));
    let mut config = Config::over(&[&upstream]);
    let world = config.start();
    assert!(world.stream().await.is_whole());
    assert!(!asks(&upstream, &world).await, "it is learned");
    let edits: [&dyn Fn(&mut Config); 3] = [
        &|config| {
            config.provider_mut(0, |provider| provider.timeouts.idle += Duration::from_secs(1));
        },
        &|config| {
            config.route_mut(|route| route.retry.budget_percent += 1);
        },
        &|config| {
            config.provider_mut(0, |provider| {
                provider.models.iter_mut().for_each(|model| model.context_window = Some(1_000_000));
            });
        },
    ];
    for (at, edit) in edits.iter().enumerate() {
        edit(&mut config);
        world.running().apply(config.0.clone());
        assert!(!asks(&upstream, &world).await, "edit {at}");
    }
    config.0.credentials.insert(ObjectName::new("default", "p1"), Secret::new("sk-of-another"));
    world.running().apply(config.0.clone());
    assert!(asks(&upstream, &world).await, "another account may think otherwise");
}

/// A stream of `model`; whether its last attempt asked for its usage, and how many it took.
async fn stream_of(world: &World, upstream: &Upstream, model: &str) -> (bool, usize) {
    let before = upstream.count();
    let mut body = streamed();
    body["model"] = json!(model);
    assert!(world.post(body.to_string()).await.is_whole());
    (upstream.last().unwrap().asks_usage(), upstream.count() - before)
}

#[tokio::test]
async fn s10_12_what_is_learned_is_learned_of_a_model_by_whatever_route() {
    let upstream = Upstream::start();
    // One server of many models: the old one refuses what the new one takes.
    let refuses_it = |seen: &Seen| {
        seen.asks_usage() && serde_json::from_slice::<Value>(&seen.body).unwrap()["model"] == "old"
    };
    upstream.script(Rule::when(refuses_it, refuses()[0].clone()));
    let mut config = Config::over(&[&upstream]);
    config.route_mut(|route| route.targets[0].model = Some("old".to_owned()));
    config.provider_mut(0, |provider| {
        let model = provider.models[0].clone();
        provider.models = ["old", "new"]
            .map(|name| Model { name: name.to_owned(), upstream_name: name.to_owned(), ..model.clone() })
            .to_vec();
    });
    let mut wildcard = Arc::clone(&config.0.routes[0]);
    let route = Arc::make_mut(&mut wildcard);
    (route.name, route.model) = (ObjectName::new("default", "rest"), ModelPattern::from("*".to_owned()));
    route.targets[0].model = None;
    config.0.routes.push(wildcard);
    let world = config.start();
    assert_eq!(stream_of(&world, &upstream, MODEL).await, (false, 2), "learned by one route");
    assert_eq!(stream_of(&world, &upstream, "old").await, (false, 1), "and known by the other");
    assert_eq!(stream_of(&world, &upstream, "new").await, (true, 1), "of another model nothing is known");
    assert_eq!(stream_of(&world, &upstream, "old").await, (false, 1), "nor does it teach of this one");
    // Under the same name another model: nothing is known of that one.
    config.provider_mut(0, |provider| provider.models[0].upstream_name = "new".to_owned());
    world.running().apply(config.0.clone());
    assert_eq!(stream_of(&world, &upstream, MODEL).await, (true, 1));
}

#[tokio::test]
async fn s2_9_what_a_caller_wrote_teaches_nothing() {
    // A vendor that quotes what it was sent, and refuses it whether usage is asked for or not.
    let (upstream, world) = one(|_| {});
    upstream.always(Answer::error(400, "invalid_request_error", None, "Invalid value: 'stream_options'."));
    let mut body = asking();
    body.as_object_mut().unwrap().remove("stream_options");
    body["tool_choice"] = json!("stream_options");
    let reply = world.post(body.to_string()).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(
        reply.text.contains("Invalid value: 'stream_options'."),
        "the second answer is the caller's: {reply:?}"
    );
    assert_eq!(upstream.count(), 2);
    assert!(asks(&upstream, &world).await, "nothing was proved");

    // Options of the caller's own.
    let (upstream, world) = refusing();
    let mut own = streamed();
    own["stream_options"] = json!({"bogus": true});
    assert!(world.post(own.to_string()).await.is_whole());
    assert_eq!(upstream.count(), 2);
    assert!(asks(&upstream, &world).await, "they may have been what was refused");
}

#[tokio::test]
async fn s2_9_only_the_same_request_without_the_option_proves_that_it_is_refused() {
    for then in [Answer::server_error(500), Answer::caller_fault(), Answer::bad_key()] {
        let (upstream, world) = refusing();
        upstream.always(then.clone());
        let reply = world.stream().await;
        assert!(reply.status >= 400, "{reply:?}");
        let error = &reply.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(
            !message.contains("Unrecognized") && error["param"].is_null(),
            "he sent no such thing: {reply:?}"
        );
        assert!(asks(&upstream, &world).await, "{then:?} is no proof");
    }
    let (upstream, world) = refusing();
    assert!(world.stream().await.is_whole());
    assert!(!asks(&upstream, &world).await);
}

/// A key of another tenant.
const OTHER: &str = "weir_other_key_0123456789abcdefghijklmn";
const THIRD: &str = "weir_third_key_0123456789abcdefghijklmn";

/// A world of three tenants.
fn tenants() -> (Upstream, World) {
    one(|config| {
        for (name, text) in [("other", OTHER), ("third", THIRD)] {
            config.0.keys.push(Key { tenant: name.to_owned(), ..key(name, text) }.into());
        }
    })
}

/// Whether the next ordinary stream with this key asks for its usage; no answer comes of it, that would prove something.
async fn asks_as(upstream: &Upstream, world: &World, key: &str) -> bool {
    upstream.clear();
    upstream.always(Answer::server_error(500));
    assert!(world.post_as(key, streamed().to_string()).await.status >= 500);
    upstream.last().unwrap().asks_usage()
}

#[tokio::test]
async fn s2_9_one_tenant_alone_teaches_nothing_for_others() {
    let (upstream, world) = tenants();
    let refuse = || {
        upstream.clear();
        upstream.always(Answer::says("Hello."));
        upstream.script(Rule::when(|seen| seen.asks_usage(), refuses()[0].clone()));
    };
    for _ in 0..3 {
        refuse();
        assert!(world.stream().await.is_whole());
    }
    assert!(!asks_as(&upstream, &world, KEY).await && asks_as(&upstream, &world, OTHER).await);
    refuse();
    assert!(world.post_as(OTHER, streamed().to_string()).await.is_whole());
    for key in [KEY, OTHER, THIRD] {
        assert!(!asks_as(&upstream, &world, key).await, "two have proved it: {key}");
    }
    // Who asks himself and is answered has disproved it.
    upstream.clear();
    upstream.always(Answer::says("Hello."));
    assert!(world.post_as(THIRD, asking().to_string()).await.is_whole());
    for key in [KEY, OTHER, THIRD] {
        assert!(asks_as(&upstream, &world, key).await, "{key}");
    }
}

#[tokio::test]
async fn s2_9_what_a_model_said_teaches_nothing() {
    // Groq's, with the answer that did not fit; a second try mostly does.
    let (upstream, world) = one(|_| {});
    let error = json!({
        "message": "Failed to call a function. See 'failed_generation' for more details.",
        "type": "invalid_request_error", "code": "tool_use_failed",
        "failed_generation": "<function=f>{\"stream_options\": \"include_usage\"}",
    });
    upstream.then(Answer::json(400, json!({ "error": error }).to_string()));
    assert_eq!(world.stream().await.code(), "tool_use_failed");
    assert_eq!(upstream.count(), 1, "it is not taken for a refusal of the option");
    assert!(asks(&upstream, &world).await);

    // One without such a code, that a second try passes.
    let (upstream, world) = one(|_| {});
    upstream.then(Answer::error(400, "invalid_request_error", None, "Could not parse: 'stream_options'"));
    assert!(world.stream().await.is_whole());
    assert!(asks(&upstream, &world).await, "the vendor did not say that it refuses it");
}

#[tokio::test]
async fn s2_9_a_refusal_costs_none_of_many_that_come_at_once_its_answer() {
    let (upstream, world) = refusing();
    let slow = Answer::says("Hello.").wait_at(At::Start, Duration::from_millis(100));
    upstream.always(slow);
    let replies = world.many(300, 150).await;
    let bad: Vec<&Reply> = replies.iter().filter(|reply| !reply.is_whole()).collect();
    assert!(bad.is_empty(), "{} such as {:?}", bad.len(), bad[0]);
    assert!(upstream.count() < 300 + 150, "those that came later did not ask: {}", upstream.count());
}

#[tokio::test]
async fn s2_9_who_refuses_it_and_then_fails_is_left_for_the_next() {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.script(Rule::when(|seen| seen.asks_usage(), refuses()[2].clone()));
    first.always(Answer::server_error(500));
    let world = Config::over(&[&first, &second]).start();
    let reply = world.stream().await;
    assert!(reply.is_whole(), "{reply:?}");
    assert_eq!((reply.header("x-weir-attempts"), first.count(), second.count()), (Some("3"), 2, 1));
}

#[tokio::test]
async fn s2_6_a_refusal_of_something_else_is_not_taken_for_one_of_the_option() {
    let (upstream, world) = one(|_| {});
    upstream.then(Answer::caller_fault());
    assert_eq!(world.stream().await.status, 400);
    assert_eq!(upstream.count(), 1);
    assert!(world.stream().await.is_whole());
    assert!(upstream.last().unwrap().asks_usage());
}

#[tokio::test]
async fn s2_6_a_caller_who_asks_where_it_is_refused_is_told() {
    let (upstream, world) = one(|_| {});
    upstream.script(Rule::when(|seen| seen.asks_usage(), refuses()[0].clone()));
    assert!(world.stream().await.is_whole());
    let reply = world.post(asking().to_string()).await;
    assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!("stream_options")), "{reply:?}");
}
