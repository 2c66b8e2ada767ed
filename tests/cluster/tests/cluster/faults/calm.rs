//! A calm day: nothing is done to anybody. What other tests compare with, and what may not be called then.

use super::end::End;
use super::scene::Scene;
use crate::shared;
use anyhow::Result;
use std::time::Duration;
use tokio::sync::OnceCell;
use weir_cluster::proxy::Call;

/// How the story ends when nothing happens, and what the operator called meanwhile.
pub(super) struct Calm {
    pub(super) end: End,
    pub(super) calls: Vec<Call>,
}

static CALM: OnceCell<Calm> = OnceCell::const_new();

/// Told once for all tests.
pub(super) async fn calm() -> &'static Calm {
    CALM.get_or_init(async || tell().await.unwrap()).await
}

async fn tell() -> Result<Calm> {
    let mut scene = Scene::new(shared::plane().await).await?;
    let _operator = scene.operator()?;
    let end = scene.tell(None).await?;
    let calls = scene.proxy.calls().into_iter().filter(|call| !call.is_watch()).collect();
    Ok(Calm { end, calls })
}

pub(super) fn is_of_the_lease(call: &Call) -> bool {
    call.path.contains("/leases")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_a_calm_world_makes_no_writes() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let _operator = scene.operator().unwrap();
    scene.tell(None).await.unwrap();
    let before = scene.proxy.count();
    // Longer than the Lease is renewed in.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let calls = scene.proxy.calls().split_off(before);
    let writes: Vec<&Call> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(!writes.is_empty(), "the Lease is renewed");
    assert!(writes.iter().all(|call| is_of_the_lease(call)), "{writes:#?}");
    let reads = calls.iter().filter(|call| !call.is_write() && !call.is_watch() && !is_of_the_lease(call));
    assert_eq!(reads.collect::<Vec<_>>(), Vec::<&Call>::new());
}
