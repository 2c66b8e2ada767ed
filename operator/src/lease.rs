//! Who writes: of all replicas the one that holds the Lease. Every write is one that two replicas may make at a
//! moment without harm, so the Lease saves work and noise; nothing depends on it for being right.

use kube::Client;
use kube_lease_manager::LeaseManagerBuilder;
use std::time::Duration;
use tokio::sync::watch;

/// The Lease's name, in the operator's own namespace.
pub const NAME: &str = "weir-operator";
/// A Lease that was not renewed for so long is free.
const LASTS: u64 = 15;
/// It is renewed so long before.
const GRACE: u64 = 5;

/// Strives for the Lease for ever; tells `leading` whether it is held. Gives it back when nobody listens any more.
pub async fn hold(client: Client, namespace: String, identity: String, leading: watch::Sender<bool>) {
    loop {
        let built = LeaseManagerBuilder::new(client.clone(), NAME)
            .with_namespace(&namespace)
            .with_identity(&identity)
            .with_duration(LASTS)
            .with_grace(GRACE)
            .with_field_manager(crate::names::FIELD_MANAGER)
            .build()
            .await;
        match built {
            Ok(manager) => {
                let (held, ended) = manager.watch().await;
                tell(held, &leading).await;
                if leading.is_closed() {
                    // The Lease is given back before the process goes.
                    if let Ok(Err(error)) = ended.await {
                        tracing::warn!(%error, "the Lease could not be given back");
                    }
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "the Lease cannot be read, trying again"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Passes on until either side ends.
async fn tell(mut held: watch::Receiver<bool>, leading: &watch::Sender<bool>) {
    loop {
        let now = *held.borrow_and_update();
        let changed = leading.send_if_modified(|before| std::mem::replace(before, now) != now);
        if changed {
            tracing::info!(leading = now, "the Lease changed hands");
        }
        tokio::select! {
            changed = held.changed() => if changed.is_err() { return },
            () = leading.closed() => return,
        }
    }
}
