//! Watches that break, lie still or have missed something: whoever watches lists again, and loses nothing.

use super::calm::calm;
use super::scene::Scene;
use super::story::Texts;
use crate::shared;
use anyhow::Context as _;
use futures_util::future::join_all;
use std::time::Duration;
use weir_cluster::proxy::{Answer, Call, Proxy, Then};
use weir_cluster::world::Operator;

/// Longer than the Lease lasts, and than any call waits.
const STALLED: Duration = Duration::from_secs(20);
/// So many calls are enough for all watches to begin again, and few enough to be no loop.
const MOST: usize = 120;

/// Which calls are meant.
type Which = fn(&Call) -> bool;

/// A story that has begun, told to a gateway with a proxy of its own.
struct Begun<'plane> {
    scene: Scene<'plane>,
    gateways: Proxy<'plane>,
    texts: Texts,
    operator: Operator,
}

impl Begun<'_> {
    async fn new() -> Self {
        let mut scene = Scene::new(shared::plane().await).await.unwrap();
        let gateways = scene.gateways_proxy().await.unwrap();
        let operator = scene.operator().unwrap();
        let texts = scene.story().begin().await.unwrap();
        Self { scene, gateways, texts, operator }
    }

    fn proxies(&self) -> [&Proxy<'_>; 2] {
        [&self.scene.proxy, &self.gateways]
    }

    /// Neither has ended, and the end is that of a calm day.
    async fn end(&mut self) {
        self.scene.story().until_changed().await.unwrap();
        self.scene.story().until_revoked(&self.texts).await.unwrap();
        self.scene.story().end(&self.texts, Some(&calm().await.end)).await.unwrap();
        assert!(self.operator.process.ended().unwrap().is_none());
        assert!(self.scene.gateway.process.ended().unwrap().is_none());
    }

    async fn change_and_revoke(&mut self) {
        let texts = &self.texts;
        self.scene.story().apply_the_change().await.unwrap();
        self.scene.story().delete_the_key(texts).await.unwrap();
    }
}

fn is_list(call: &Call) -> bool {
    call.query.contains("limit=") && !call.is_watch()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_2_a_version_that_is_gone_is_listed_again() {
    let mut begun = Begun::new().await;
    let before: Vec<usize> = begun.proxies().map(Proxy::count).to_vec();
    for proxy in begun.proxies() {
        // Every watch, twice, and then some of the lists that follow.
        proxy.answer_next(16, Call::is_watch, Answer::watch_gone());
        proxy.answer_next(4, Call::is_watch, Answer::gone());
        proxy.answer_next(4, is_list, Answer::gone());
        proxy.cut_connections();
    }
    begun.change_and_revoke().await;
    begun.end().await;
    for (proxy, before) in begun.proxies().iter().zip(before) {
        let calls = proxy.calls().split_off(before);
        assert!(calls.len() <= MOST, "{} calls: {calls:#?}", calls.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_what_is_deleted_while_a_watch_is_cut_is_gone_afterwards() {
    let mut begun = Begun::new().await;
    begun.proxies().iter().for_each(|proxy| proxy.break_connections());
    begun.change_and_revoke().await;
    // Both have found that nobody is there, and wait before they try again.
    tokio::time::sleep(Duration::from_secs(2)).await;
    begun.proxies().iter().for_each(|proxy| proxy.mend());
    begun.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_what_happens_while_a_watch_lies_still_arrives_when_it_goes_on() {
    let mut begun = Begun::new().await;
    begun.proxies().iter().for_each(|proxy| proxy.stall());
    begun.change_and_revoke().await;
    tokio::time::sleep(STALLED).await;
    assert_eq!(begun.scene.traffic.wrong(), Vec::<String>::new());
    begun.proxies().iter().for_each(|proxy| proxy.mend());
    begun.end().await;
}

/// A call of which no answer ever comes, though the connection stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_a_call_that_is_never_answered_is_made_again() {
    let never: [(&str, Which); 4] = [
        ("a list", is_list),
        ("a watch", Call::is_watch),
        ("a renewal", |call| call.path.contains("/leases") && call.is_write()),
        ("a write", |call| call.path.ends_with("/configmaps") && call.is_write()),
    ];
    let told = never.map(async |(what, is)| {
        let mut scene = Scene::new(shared::plane().await).await?;
        scene.proxy.before_request(1, is, |_| Then::Hang);
        let _operator = scene.operator()?;
        scene.tell(Some(&calm().await.end)).await.context(what)
    });
    for told in join_all(told).await {
        told.unwrap();
    }
}
