//! Two operators: for a moment, by mistake, or one after the other.

use super::calm::{calm, is_of_the_lease};
use super::end::{End, published};
use super::scene::Scene;
use super::{eventually, story};
use crate::shared;
use anyhow::Result;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use weir_cluster::proxy::{Call, Proxy, Then};
use weir_cluster::world::{Operator, Setting};

/// How long a Lease lasts that nobody renews, and how long it takes then until a change is traffic.
const EXPIRED: Duration = Duration::from_secs(15 + 8);
/// The same for a Lease that was given back: whoever waits looks at it every two seconds.
const GIVEN_BACK: Duration = Duration::from_secs(8);
/// Nothing is written for so long: all is settled.
const SETTLED: Duration = Duration::from_secs(5);
/// How long two who both lead may correct each other once the end has been seen.
const CORRECTED: Duration = Duration::from_secs(30);

/// Another operator for the same world: with a proxy of its own, and a home if it is to have its own Lease.
async fn another<'plane>(scene: &Scene<'plane>, has_own_lease: bool) -> Result<(Proxy<'plane>, Setting)> {
    let mut setting = Setting::new(scene.plane, &[&scene.objects.namespace]).await?;
    if !has_own_lease {
        setting.home.clone_from(&scene.setting.home);
    }
    setting.identity = "operator-1".to_owned();
    let proxy = Proxy::start(scene.plane)?;
    let token = scene.plane.token(&setting.home, "weir-operator").await?;
    setting.kubeconfig = proxy.kubeconfig_for(&token)?;
    Ok((proxy, setting))
}

async fn holder(scene: &Scene<'_>) -> Result<Option<String>> {
    let leases: Api<Lease> = Api::namespaced(scene.objects.client.clone(), &scene.setting.home);
    Ok(leases.get_opt("weir-operator").await?.and_then(|lease| lease.spec?.holder_identity))
}

async fn until_held_by(scene: &Scene<'_>, identity: &str, limit: Duration) -> Duration {
    let begun = Instant::now();
    let held = async || Ok((holder(scene).await?.as_deref() == Some(identity)).then_some(()));
    eventually(&format!("{identity} leads"), limit, held).await.unwrap();
    begun.elapsed()
}

/// Those of `calls` that only who leads makes: all writes but the Lease's.
fn writes(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().filter(|call| call.is_write() && !is_of_the_lease(call)).collect()
}

/// Neither writes any more, and all stands as after a calm day. What one of them still wrote when the end was first
/// seen, the other may have seen late: the last corrections may take a moment, but they come to an end.
async fn until_settled(scene: &Scene<'_>, proxies: &[&Proxy<'_>]) {
    let seen = Instant::now();
    loop {
        let counts: Vec<usize> = proxies.iter().map(|proxy| proxy.count()).collect();
        tokio::time::sleep(SETTLED).await;
        let since = proxies.iter().zip(counts).map(|(proxy, count)| proxy.calls().split_off(count));
        let written: Vec<Vec<Call>> = since.map(writes).collect();
        if written.iter().all(Vec::is_empty) {
            break;
        }
        assert!(seen.elapsed() < CORRECTED, "still writing: {written:#?}");
    }
    let end = End::read(&scene.objects).await.unwrap();
    assert_eq!(end.beside(&calm().await.end), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_two_operators_who_both_lead_come_to_the_same_end_and_to_rest() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let (proxy, setting) = another(&scene, true).await.unwrap();
    let _operators = [scene.operator().unwrap(), Operator::start(scene.plane, &setting).unwrap()];
    scene.tell(Some(&calm().await.end)).await.unwrap();
    for both in [&scene.proxy, &proxy] {
        assert_ne!(writes(both.calls()), [], "both have led");
    }
    until_settled(&scene, &[&scene.proxy, &proxy]).await;
    // A change of generation is one change of the configuration: the story has a handful.
    let generation = published(&scene.objects).await.unwrap().index.generation;
    assert!(generation <= 30, "{generation}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_of_two_operators_one_writes() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let (proxy, setting) = another(&scene, false).await.unwrap();
    let _first = scene.operator().unwrap();
    until_held_by(&scene, "operator-0", story::LIMIT).await;
    let _second = Operator::start(scene.plane, &setting).unwrap();
    scene.tell(Some(&calm().await.end)).await.unwrap();
    until_settled(&scene, &[&scene.proxy, &proxy]).await;
    assert_eq!(writes(proxy.calls()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_take_a_free_lease_at_once_one_gets_it() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let (proxy, setting) = another(&scene, false).await.unwrap();
    // The second has seen that nobody leads; before it says that it does, the first one does.
    let (arrived, has_arrived) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let takes = |call: &Call| call.method == "PATCH" && is_of_the_lease(call);
    proxy.before_request(1, takes, move |_| {
        let _ = arrived.send(());
        let _ = may_go.recv();
        Then::PassOn
    });
    let _second = Operator::start(scene.plane, &setting).unwrap();
    eventually("it is about to lead", story::LIMIT, async || Ok(has_arrived.try_recv().ok())).await.unwrap();
    let _first = scene.operator().unwrap();
    until_held_by(&scene, "operator-0", story::LIMIT).await;
    go.send(()).unwrap();
    scene.tell(Some(&calm().await.end)).await.unwrap();
    assert_eq!(holder(&scene).await.unwrap().as_deref(), Some("operator-0"));
    assert_eq!(writes(proxy.calls()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_after_the_leaders_death_another_takes_over() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let (_proxy, setting) = another(&scene, false).await.unwrap();
    let mut first = scene.operator().unwrap();
    until_held_by(&scene, "operator-0", story::LIMIT).await;
    let _second = Operator::start(scene.plane, &setting).unwrap();
    let texts = scene.story().begin().await.unwrap();
    first.process.kill();
    let died = Instant::now();
    scene.story().change().await.unwrap();
    assert!(died.elapsed() < EXPIRED, "{:?}", died.elapsed());
    scene.story().revoke(&texts).await.unwrap();
    scene.story().end(&texts, Some(&calm().await.end)).await.unwrap();
    assert_eq!(holder(&scene).await.unwrap().as_deref(), Some("operator-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_an_operator_that_is_told_to_end_gives_the_lease_back() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let (_proxy, setting) = another(&scene, false).await.unwrap();
    let mut first = scene.operator().unwrap();
    until_held_by(&scene, "operator-0", story::LIMIT).await;
    let _second = Operator::start(scene.plane, &setting).unwrap();
    let texts = scene.story().begin().await.unwrap();
    first.process.signal("TERM").unwrap();
    let told = Instant::now();
    scene.story().change().await.unwrap();
    assert!(told.elapsed() < GIVEN_BACK, "{:?}", told.elapsed());
    assert!(first.process.ended().unwrap().unwrap().success());
    scene.story().revoke(&texts).await.unwrap();
    scene.story().end(&texts, Some(&calm().await.end)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_a_leader_that_is_cut_off_leads_no_more_when_it_is_back() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let (proxy, setting) = another(&scene, false).await.unwrap();
    let first = scene.operator().unwrap();
    until_held_by(&scene, "operator-0", story::LIMIT).await;
    let _second = Operator::start(scene.plane, &setting).unwrap();
    let texts = scene.story().begin().await.unwrap();
    scene.proxy.stall();
    let cut = Instant::now();
    scene.story().change().await.unwrap();
    assert!(cut.elapsed() < EXPIRED, "{:?}", cut.elapsed());
    // It knows by itself that its time is over.
    let metrics = format!("http://{}/metrics", first.health);
    let leads = async || {
        Ok(reqwest::get(&metrics).await?.text().await?.contains("weir_operator_leading 0").then_some(()))
    };
    eventually("the first knows that it does not lead", EXPIRED, leads).await.unwrap();
    let before = scene.proxy.count();
    scene.proxy.mend();
    scene.story().revoke(&texts).await.unwrap();
    scene.story().end(&texts, Some(&calm().await.end)).await.unwrap();
    assert_eq!(writes(scene.proxy.calls().split_off(before)), []);
    assert!(proxy.count() > 0);
}
