//! S8: snapshots replace each other under traffic.

use crate::harness::{Config, KEY, MODEL, Reply, World, http_provider, key, streamed, unary};
use crate::raw::{Raw, chat};
use crate::tools::{eventually, many};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_config::{Alias, AllowedModels, ModelPattern, ObjectName, Prices, Secret, published};
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

/// A stream of three pieces that waits at `gate` after the first.
fn held_stream(gate: &Gate) -> Answer {
    Chat::pieces(["one ", "two ", "three"]).answer().hold_at(At::Event(2), gate)
}

/// A stream that is open at its caller's, and its first piece there.
async fn open_stream(world: &World) -> reqwest::Response {
    let response = world.open_stream(streamed()).await;
    assert_eq!(response.status(), 200);
    response
}

async fn read(response: reqwest::Response) -> Reply {
    Reply::read(response).await
}

/// A configuration that differs from `config` in one way for each `n`.
fn variant(config: &Config, n: usize, spare: &Upstream) -> Config {
    let mut changed = config.clone();
    match n % 6 {
        0 => {}
        1 => changed.0.keys.push(Arc::new(key("zz", &format!("weir_spare_key_0123456789abcdefg_{n}")))),
        2 => changed.add("zspare", spare.port()),
        3 => {
            changed.route_mut(|route| route.retry.budget_percent = 10 + n as u32 % 50);
        }
        4 => {
            changed.gateway_mut(|gateway| gateway.listener.max_body_bytes = (1 << 20) + n as u64);
        }
        _ => {
            let limit = 1_000_000 + n as u32;
            changed.requests_per_minute(limit);
            changed.0.credentials.insert(ObjectName::new("default", "p1"), Secret::new(format!("sk-{n}")));
        }
    }
    changed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_3_four_hundred_reloads_under_load_fail_nothing() {
    let (upstream, spare) = (Upstream::start(), Upstream::start());
    spare.always(Chat::says("hi").events(20).answer());
    upstream.always(Chat::says("hi").events(20).answer());
    let gate = Gate::new();
    let config = Config::over(&[&upstream]);
    let world = Arc::new(config.start());
    (0..4).for_each(|_| upstream.then(held_stream(&gate)));
    let mut long = Vec::new();
    for _ in 0..4 {
        long.push(open_stream(&world).await);
    }
    gate.reached_by(4).await;
    let done = Arc::new(AtomicBool::new(false));
    let traffic = tokio::task::JoinSet::from_iter([many(8, 8, {
        let (world, done) = (Arc::clone(&world), Arc::clone(&done));
        move |n| {
            let (world, done) = (Arc::clone(&world), Arc::clone(&done));
            async move {
                let mut answered = 0;
                while !done.load(Ordering::Relaxed) {
                    let reply = if n % 2 == 0 { world.chat().await } else { world.stream().await };
                    assert_eq!(reply.status, 200, "{reply:?}");
                    assert!(!reply.broken, "{reply:?}");
                    assert!(
                        n % 2 == 0 || reply.events().last().is_some_and(|last| last == "[DONE]"),
                        "{reply:?}"
                    );
                    answered += 1;
                }
                answered
            }
        }
    })]);
    for n in 0..400 {
        let generation = world.running().apply(variant(&config, n, &spare).0);
        assert_eq!(generation, n as u64 + 2);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    done.store(true, Ordering::Relaxed);
    let answered: usize = traffic.join_all().await.into_iter().flatten().sum();
    assert!(answered > 100, "{answered} requests are no load");
    gate.open();
    for stream in long {
        let reply = read(stream).await;
        assert_eq!(reply.content(), "one two three");
        assert_eq!(reply.events().last().unwrap(), "[DONE]");
    }
}

#[tokio::test]
async fn s10_12_an_edit_keeps_connections_unless_requests_go_elsewhere_with_it() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    let world = config.start();
    let mut caller = Raw::to(&world).await; // one connection is one worker, and so one pool
    for _ in 0..3 {
        assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 200);
    }
    assert_eq!(first.connections(), 1);
    let changes: [&dyn Fn(&mut Config); 7] = [
        &|config| {
            config.provider_mut(1, |p2| p2.timeouts.idle += Duration::from_secs(1));
        },
        &|config| {
            config.provider_mut(0, |p1| p1.timeouts.idle += Duration::from_secs(1));
        },
        &|config| {
            config.provider_mut(0, |p1| {
                let price = |text: &str| text.parse().unwrap();
                let prices = Prices { input: price("1"), output: price("2"), ..Prices::default() };
                p1.models.iter_mut().for_each(|model| model.prices = Some(prices));
            });
        },
        &|config| {
            config.route_mut(|route| route.retry.budget_percent += 1);
        },
        &|config| {
            config.requests_per_minute(1000);
        },
        &|config| {
            config.gateway_mut(|gateway| gateway.listener.max_body_bytes += 1);
        },
        &|config| {
            config.0.credentials.insert(ObjectName::new("default", "p2"), Secret::new("sk-new"));
        },
    ];
    for change in changes {
        change(&mut config);
        world.running().apply(config.0.clone());
        assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 200);
    }
    assert_eq!((first.connections(), first.count()), (1, 10));
    // Another credential opens its own.
    config.0.credentials.insert(ObjectName::new("default", "p1"), Secret::new("sk-new"));
    world.running().apply(config.0.clone());
    assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 200);
    assert_eq!(first.connections(), 2);
    first.wait_for(Duration::from_secs(10), |first| first.connections_open() == 1).await.unwrap();
}

#[tokio::test]
async fn s8_3_a_long_stream_outlives_everything_it_was_made_of() {
    let upstream = Upstream::start();
    let gate = Gate::new();
    upstream.always(held_stream(&gate));
    let config = Config::over(&[&upstream]);
    let world = config.start();
    let stream = open_stream(&world).await;
    gate.reached_by(1).await;
    let mut empty = config.clone();
    empty.0.providers.clear();
    empty.0.routes.clear();
    empty.0.keys.clear();
    empty.0.credentials.clear();
    for _ in 0..3 {
        world.running().apply(empty.0.clone());
    }
    assert_eq!(world.chat().await.status, 401);
    gate.open();
    let reply = read(stream).await;
    assert_eq!((reply.content().as_str(), reply.broken), ("one two three", false));
    assert_eq!(reply.events().last().unwrap(), "[DONE]");
    let line = &world.usage()[0];
    assert_eq!(
        (&line["outcome"], &line["key"], &line["route"]),
        (&"ok".into(), &"default/app".into(), &"default/chat".into())
    );
}

#[tokio::test]
async fn s8_7_a_removed_key_starts_nothing_and_ends_nothing() {
    let upstream = Upstream::start();
    let gate = Gate::new();
    upstream.then(held_stream(&gate));
    let mut config = Config::over(&[&upstream]);
    let other = "weir_other_key_0123456789abcdefghijklmn";
    config.0.keys.push(Arc::new(key("other", other)));
    let world = config.start();
    let stream = open_stream(&world).await;
    gate.reached_by(1).await;
    config.0.keys.remove(0);
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 401);
    assert_eq!(world.post_as(other, unary().to_string()).await.status, 200);
    gate.open();
    assert_eq!(read(stream).await.content(), "one two three");
}

#[tokio::test]
async fn s8_3_a_changed_credential_is_used_by_the_next_request() {
    let upstream = Upstream::start();
    let gate = Gate::new();
    upstream.then(held_stream(&gate));
    let mut config = Config::over(&[&upstream]);
    let world = config.start();
    let stream = open_stream(&world).await;
    gate.reached_by(1).await;
    for n in 0..3 {
        let credential = format!("sk-rotated-{n}");
        config.0.credentials.insert(ObjectName::new("default", "p1"), Secret::new(credential.clone()));
        world.running().apply(config.0.clone());
        assert_eq!(world.chat().await.status, 200);
        let seen = upstream.last().unwrap();
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {credential}").as_str()));
    }
    config.0.credentials.clear();
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 200);
    assert_eq!(upstream.last().unwrap().header("authorization"), None);
    gate.open();
    assert_eq!(read(stream).await.content(), "one two three");
}

#[tokio::test]
async fn s8_3_status_tells_what_is_in_force() {
    let config = Config::over(&[&Upstream::start()]);
    let (world, twin) = (config.start(), config.start());
    let told = world.admin("/status").await.json();
    assert_eq!((&told["config"]["generation"], &told["config"]["keys"]), (&1.into(), &1.into()));
    assert_eq!(
        told["config"]["hash"],
        twin.admin("/status").await.json()["config"]["hash"],
        "the same runs on both"
    );
    let mut changed = config.clone();
    changed.requests_per_minute(7);
    world.running().apply(changed.0);
    let later = world.admin("/status").await.json();
    assert_eq!(later["config"]["generation"], 2);
    assert_ne!(later["config"]["hash"], told["config"]["hash"]);
}

#[tokio::test]
async fn s8_4_status_tells_what_was_published_and_what_can_be_read() {
    let world = World::start();
    let told = world.admin("/status").await.json();
    assert_eq!(told["config"], serde_json::Value::Null);
    assert_eq!(
        told["formats"],
        serde_json::json!(published::FORMATS),
        "also before there is any configuration"
    );
    assert_eq!(told["source"]["problem"], serde_json::Value::Null);
    let config = Config::new();
    let published = published::encode(&config.0, None, published::FORMATS[0]).unwrap();
    let revision = published::Revision { generation: 41, ..published.index.revision() };
    let feed = world.running().feed();
    feed.apply(config.0.clone(), revision);
    feed.report(Some("a part is missing".to_owned()));
    let told = world.admin("/status").await.json();
    assert_eq!(told["config"]["generation"], 41);
    assert_eq!(told["config"]["hash"], revision.hash.to_string());
    assert_eq!(told["source"]["problem"], "a part is missing");
    assert_eq!(told["ready"], true);
    let metrics = world.admin("/metrics").await.text;
    assert!(metrics.contains("weir_config_generation 41\n"), "{metrics}");
    assert!(metrics.contains(&revision.hash.to_string()), "{metrics}");
    feed.report(None);
    assert_eq!(world.admin("/status").await.json()["source"]["problem"], serde_json::Value::Null);
}

#[tokio::test]
async fn s8_3_a_provider_that_goes_and_comes_back_is_used_again() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let config = Config::over(&[&first, &second]);
    let world = config.start();
    let provider = async || world.chat().await.header("x-weir-provider").map(str::to_owned);
    assert_eq!(provider().await.as_deref(), Some("default/p1"));
    let mut without = config.clone();
    without.0.providers.remove(0);
    world.running().apply(without.0);
    assert_eq!(provider().await.as_deref(), Some("default/p2"), "the route itself did not change");
    world.running().apply(config.0.clone());
    assert_eq!(provider().await.as_deref(), Some("default/p1"));
    assert_eq!(second.connections(), 1, "an account that stayed keeps its connection");
}

#[tokio::test]
async fn s8_6_a_route_without_targets_is_unavailable_not_unknown() {
    let mut config = Config::new();
    let world = config.start();
    for reply in [world.chat().await, world.stream().await] {
        assert_eq!((reply.status, reply.code().as_str()), (503, "upstream_unavailable"), "{reply:?}");
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        assert_eq!(reply.header("retry-after"), None);
    }
    let upstream = Upstream::start();
    config.add("p1", upstream.port());
    config.provider_mut(0, |provider| provider.suspended = true);
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 503);
    assert_eq!(upstream.count(), 0);
    config.provider_mut(0, |provider| provider.suspended = false);
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 200);
}

#[tokio::test]
async fn s8_6_a_provider_that_no_request_can_carry_harms_nobody() {
    let (broken, good) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&broken, &good]);
    config.0.credentials.insert(ObjectName::new("default", "p1"), Secret::new("two\nlines"));
    let world = config.start();
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.header("x-weir-provider")), (200, Some("default/p2")), "{reply:?}");
    assert_eq!(broken.connections(), 0);
    // With no other target its route is there, and unavailable.
    config.route_mut(|route| route.targets.truncate(1));
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 503);
}

#[tokio::test]
async fn s8_6_an_unknown_model_and_one_that_is_not_allowed_look_the_same() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.route_mut(|route| route.aliases = vec![Alias { name: "secret".to_owned(), hidden: false }]);
    config.key_mut(|key| key.allowed_models = AllowedModels(vec![ModelPattern::from(MODEL.to_owned())]));
    let world = config.start();
    let ask = async |model: &str| {
        let mut body = unary();
        body["model"] = model.into();
        let mut reply = world.post(body.to_string()).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "model_not_found"), "{reply:?}");
        assert_eq!(reply.json()["error"]["param"], "model");
        for header in ["x-request-id", "date", "content-length"] {
            assert!(reply.headers.remove(header).is_some(), "{header}");
        }
        (reply.headers, reply.text.replace(model, "MODEL"))
    };
    assert_eq!(ask("secret").await, ask("nobody").await);
    assert_eq!(upstream.count(), 0);
    let listed = world.client.get(world.url("/v1/models")).bearer_auth(KEY).send().await.unwrap();
    let listed: serde_json::Value = listed.json().await.unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
    for (model, status) in [(MODEL, 200), ("secret", 404), ("nobody", 404)] {
        let one = world
            .client
            .get(world.url(&format!("/v1/models/{model}")))
            .bearer_auth(KEY)
            .send()
            .await
            .unwrap();
        assert_eq!(one.status(), status, "{model}");
    }
}

#[tokio::test]
async fn s8_3_reloads_are_whole_however_many_apply_at_once() {
    let upstream = Upstream::start();
    let config = Config::over(&[&upstream]);
    let world = Arc::new(config.start());
    let mut generations = many(60, 6, {
        let (world, config) = (Arc::clone(&world), config.clone());
        move |n| {
            let (world, mut config) = (Arc::clone(&world), config.clone());
            config.0.providers.push(Arc::new(http_provider("q", 1 + n as u16)));
            async move { world.running().apply(config.0) }
        }
    })
    .await;
    generations.sort_unstable();
    assert_eq!(generations, (2..62).collect::<Vec<u64>>(), "each is counted once");
    eventually("the last one is in force", async || {
        world.admin("/status").await.json()["config"]["generation"] == 61
    })
    .await;
    assert_eq!(world.chat().await.status, 200);
}
