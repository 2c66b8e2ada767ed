//! From an applied object to traffic and back into its status: operator and gateways as they run in a cluster.

use crate::shared;
use std::time::{Duration, Instant};
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{Gateway, Objects, Operator, SOON, Setting, condition, is_ready, text};
use weir_cluster::{Plane, wait};
use weir_crds::Kind;

/// An operator for a namespace of its own, and gateways for its `main`.
struct Running {
    plane: &'static Plane,
    objects: Objects,
    #[expect(dead_code, reason = "it runs for as long as it is held")]
    operator: Operator,
    gateways: Vec<Gateway>,
}

impl Running {
    async fn start(prefix: &str, gateways: usize) -> Self {
        let plane = shared::plane().await;
        let objects = Objects::new(plane, prefix).await.unwrap();
        let setting = Setting::new(plane, &[&objects.namespace]).await.unwrap();
        let mut operator = Operator::start(plane, &setting).unwrap();
        operator.ready().await.unwrap();
        objects.apply(GATEWAY).await.unwrap();
        let mut running = Self { plane, objects, operator, gateways: Vec::new() };
        for host in ["127.0.0.2", "127.0.0.3"].iter().take(gateways) {
            let mut gateway = Gateway::start(plane, &running.objects.namespace, "main", host).await.unwrap();
            gateway.ready(plane).await.unwrap();
            running.gateways.push(gateway);
        }
        running
    }

    /// Waits until the first gateway answers `wanted` to `key`.
    async fn until_answered(&self, key: &str, wanted: u16) -> Duration {
        let begun = Instant::now();
        wait::until(&format!("the gateway answers {wanted}"), SOON, async || {
            Ok((self.gateways[0].chat(key, "chat").await? == wanted).then_some(()))
        })
        .await
        .unwrap();
        begun.elapsed()
    }
}

#[tokio::test]
async fn s8_2_what_is_applied_reaches_traffic_and_says_so() {
    let world = Running::start("flow", 1).await;
    for manifest in [PROVIDER, ROUTE, KEY] {
        world.objects.apply(manifest).await.unwrap();
    }
    for (kind, name) in
        [(Kind::Gateway, "main"), (Kind::Provider, "mock"), (Kind::Route, "chat"), (Kind::Key, "app")]
    {
        let object = world.objects.until_ready(kind, name).await.unwrap();
        let programmed = condition(&object, "Programmed").unwrap();
        assert_eq!(text(programmed, "/status"), Some("True"), "{kind} {name}: {programmed:#}");
    }
    // It is programmed: the very first request is answered.
    let key = world.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    assert_eq!(world.gateways[0].chat(&key, "chat").await.unwrap(), 200);
    assert_eq!(world.gateways[0].chat(&key, "other").await.unwrap(), 404);

    // A change of the route, with the same process and the same connection to it.
    world.objects.apply(&ROUTE.replace("model: chat", "model: talk")).await.unwrap();
    world.objects.until((Kind::Route, "chat"), "Ready again", is_ready).await.unwrap();
    assert_eq!(world.gateways[0].chat(&key, "chat").await.unwrap(), 404);
    assert_eq!(world.gateways[0].chat(&key, "talk").await.unwrap(), 200);
}

#[tokio::test]
async fn s10_5_a_deleted_key_is_refused_within_a_second() {
    let world = Running::start("revoke", 1).await;
    for manifest in [PROVIDER, ROUTE, KEY] {
        world.objects.apply(manifest).await.unwrap();
    }
    let key = world.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    world.until_answered(&key, 200).await;
    world.objects.delete(Kind::Key, "app").await.unwrap();
    let took = world.until_answered(&key, 401).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn s8_5_one_of_two_stopped_stays_false_until_it_goes_on() {
    let world = Running::start("stopped", 2).await;
    world.objects.apply(PROVIDER).await.unwrap();
    world.objects.apply(ROUTE).await.unwrap();
    world.objects.until_ready(Kind::Route, "chat").await.unwrap();
    world.gateways[1].process.signal("STOP").unwrap();
    world.objects.apply(&ROUTE.replace("model: chat", "model: talk")).await.unwrap();
    let pending = |object: &serde_json::Value| {
        condition(object, "Programmed").is_some_and(|programmed| {
            text(programmed, "/status") == Some("False")
                && text(programmed, "/reason") == Some("Pending")
                && text(programmed, "/message").is_some_and(|message| message.contains("1/2"))
        })
    };
    let route = (Kind::Route, "chat");
    let before = world.objects.until(route, "False, 1/2", pending).await.unwrap();
    assert_eq!(text(condition(&before, "Ready").unwrap(), "/status"), Some("False"));
    // It stays so for as long as the process says nothing: several questions long.
    let polled = Instant::now();
    while polled.elapsed() < Duration::from_secs(3) {
        assert!(pending(&world.objects.get(Kind::Route, "chat").await.unwrap()));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.gateways[1].process.signal("CONT").unwrap();
    let after = world.objects.until(route, "True", is_ready).await.unwrap();
    let generation = |object: &serde_json::Value| object.pointer("/metadata/generation").cloned();
    assert_eq!(generation(&after), generation(&before), "without another write of the spec");
}

#[tokio::test]
async fn s8_5_a_pod_that_joins_takes_nothing_back() {
    let mut world = Running::start("joins", 1).await;
    world.objects.apply(PROVIDER).await.unwrap();
    world.objects.apply(ROUTE).await.unwrap();
    let before = world.objects.until_ready(Kind::Route, "chat").await.unwrap();
    // Another pod is ready by the kubelet's word and answers nobody.
    let namespace = world.objects.namespace.clone();
    let late = Gateway::start(world.plane, &namespace, "main", "127.0.0.3").await.unwrap();
    late.process.signal("STOP").unwrap();
    late.say_ready(world.plane, true).await.unwrap();
    let gateway = (Kind::Gateway, "main");
    let seen = |object: &serde_json::Value| object.pointer("/status/config/podsTotal") == Some(&2.into());
    world.objects.until(gateway, "two pods", seen).await.unwrap();
    let after = world.objects.get(Kind::Route, "chat").await.unwrap();
    let at = |object| text(condition(object, "Ready").unwrap(), "/lastTransitionTime").map(str::to_owned);
    assert!(is_ready(&after));
    assert_eq!(at(&after), at(&before));
    late.process.signal("CONT").unwrap();
    world.gateways.push(late);
    let current =
        |object: &serde_json::Value| object.pointer("/status/config/podsCurrent") == Some(&2.into());
    world.objects.until(gateway, "both current", current).await.unwrap();
}

#[tokio::test]
async fn s8_7_a_gateway_restarts_from_last_good_while_the_api_server_is_away() {
    let plane = Plane::start().await.unwrap();
    plane.install_crds().await.unwrap();
    let objects = Objects::new(&plane, "away").await.unwrap();
    let setting = Setting::new(&plane, &[&objects.namespace]).await.unwrap();
    let mut operator = Operator::start(&plane, &setting).unwrap();
    operator.ready().await.unwrap();
    for manifest in [GATEWAY, PROVIDER, ROUTE, KEY] {
        objects.apply(manifest).await.unwrap();
    }
    let mut gateway = Gateway::start(&plane, &objects.namespace, "main", "127.0.0.2").await.unwrap();
    gateway.ready(&plane).await.unwrap();
    let key = objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    objects.until_ready(Kind::Key, "app").await.unwrap();

    plane.stop_api_server();
    assert_eq!(gateway.chat(&key, "chat").await.unwrap(), 200, "it goes on");
    gateway.restart(&plane).unwrap();
    wait::until("it serves again without the API server", SOON, async || {
        Ok(gateway.chat(&key, "chat").await.is_ok_and(|status| status == 200).then_some(()))
    })
    .await
    .unwrap();

    plane.start_api_server().await.unwrap();
    let back = Instant::now();
    objects.delete(Kind::Key, "app").await.unwrap();
    wait::until("what changed meanwhile arrives", SOON, async || {
        Ok((gateway.chat(&key, "chat").await? == 401).then_some(()))
    })
    .await
    .unwrap();
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    assert!(operator.process.ended().unwrap().is_none());
}
