//! One watch, for ever: what breaks begins again, and so does what is to look at everything anew.

use super::store::{Held, Store};
use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::watcher;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch as channel};

/// A broken watch is tried again after so long at most, doubling. It takes two tries after the API server's return,
/// for at first it has yet to fill its caches: both fit into the ten seconds of semantics S8.7.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// Where a watch's words go.
pub(super) struct Sink<K, H> {
    pub(super) store: Arc<Store<H>>,
    /// Who is told that something has changed.
    pub(super) wake: Vec<Arc<Notify>>,
    /// What is kept of an object.
    pub(super) hold: fn(K) -> H,
}

/// Follows the watch that `begin` gives, and another one each time that `look` changes: it begins with a list.
pub(super) async fn follow<K, H, W>(begin: impl Fn() -> W, look: channel::Receiver<u64>, into: &Sink<K, H>)
where
    K: Resource<DynamicType = ()>,
    H: Held,
    W: Stream<Item = watcher::Result<watcher::Event<K>>>,
{
    let mut look = look;
    loop {
        let present = *look.borrow_and_update();
        tokio::select! {
            biased;
            Ok(()) = look.changed() => {}
            () = listen(begin(), present, into) => return,
        }
    }
}

/// Until the watch ends, which kube's never does; what fails is tried again.
async fn listen<K: Resource<DynamicType = ()>, H: Held>(
    watch: impl Stream<Item = watcher::Result<watcher::Event<K>>>,
    look: u64,
    into: &Sink<K, H>,
) {
    let (mut events, mut failures, mut was_gone) = (std::pin::pin!(watch), 0_u32, false);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // A list that has begun is no success yet.
                if !matches!(event, watcher::Event::Init) {
                    (failures, was_gone) = (0, false);
                }
                let is_listed = matches!(event, watcher::Event::InitDone);
                let is_news = into.store.take(held(event, into.hold));
                let is_awaited = is_listed && into.store.has_looked(look);
                if is_news || is_awaited {
                    into.wake.iter().for_each(|waker| waker.notify_one());
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(kind = %K::kind(&()), %error, "a watch broke, it begins again");
                } else {
                    tracing::debug!(kind = %K::kind(&()), %error, failures, "a watch is still broken");
                }
                // Once, and only after a wait: an API server that forgets every version at once is not asked in a loop.
                let may_list = is_gone(&error) && failures > 1 && !was_gone;
                was_gone = is_gone(&error);
                if !may_list {
                    tokio::time::sleep(pause(failures)).await;
                }
            }
        }
    }
}

/// How long to wait after the `failures`-th failure in a row: at least half of what it is at most, so that watches
/// that broke at once do not begin again at once.
fn pause(failures: u32) -> Duration {
    let (first, most) = BACKOFF;
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
    let mut random = [0; 4];
    // Without random numbers the wait is the longest.
    let share = getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_le_bytes(random));
    doubled.mul_f64(0.5 + 0.5 * f64::from(share) / f64::from(u32::MAX))
}

/// Whether the API server has answered that the version is gone: what follows is a list, for which it is ready.
fn is_gone(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchError(status)
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.code == 410,
        _ => false,
    }
}

fn held<K, H>(event: watcher::Event<K>, hold: fn(K) -> H) -> watcher::Event<H> {
    use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
    match event {
        Init => Init,
        InitApply(object) => InitApply(hold(object)),
        InitDone => InitDone,
        Apply(object) => Apply(hold(object)),
        Delete(object) => Delete(hold(object)),
    }
}
