//! Who writes: of all replicas the one that holds the Lease. Every write is one that two replicas may make at a
//! moment without harm, so the Lease saves work and noise; nothing depends on it for being right.
//!
//! Our own, because the crate that there is (kube-lease-manager 0.13) goes on leading while the API server cannot be
//! reached, has calls that never end, compares clocks of two machines, and looks at a Lease that was given back only
//! when it would have expired.

use crate::names::FIELD_MANAGER;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The Lease's name, in the operator's own namespace.
pub const NAME: &str = "weir-operator";
/// A Lease that was not renewed for so long is free.
const LASTS: Duration = Duration::from_secs(15);
/// Who has not renewed it for so long leads no more: before anybody else may.
const LEADS: Duration = Duration::from_secs(10);
/// It is renewed so often.
const RENEWED: Duration = Duration::from_secs(5);
/// Whoever does not lead looks at it so often, and whoever fails tries again.
const LOOKED_AT: Duration = Duration::from_secs(2);
/// Reading and writing it has so long.
const TURN: Duration = Duration::from_secs(4);

/// Who strives.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// This replica.
    pub identity: String,
    /// Whom all replicas run as, if that is known: the Lease goes with it, and uninstalling leaves none behind.
    pub account: Option<OwnerReference>,
}

/// Strives for the Lease for ever; tells `leading` whether it is held. Gives it back when nobody listens any more.
pub async fn hold(client: Client, namespace: String, who: Who, leading: watch::Sender<bool>) {
    let Who { identity, account } = who;
    let api = Api::namespaced(client, &namespace);
    let mut claim = Claim { api, identity, account, seen: None, failing: false };
    tokio::select! {
        () = claim.strive(&leading) => {}
        () = leading.closed() => {}
    }
    match timeout(TURN, claim.give_back()).await {
        Ok(Err(error)) => tracing::warn!(%error, "the Lease could not be given back"),
        Err(_) => tracing::warn!("the Lease could not be given back: the API server does not answer"),
        Ok(Ok(())) => {}
    }
}

/// One replica's claim.
struct Claim {
    api: Api<Lease>,
    identity: String,
    account: Option<OwnerReference>,
    seen: Option<Seen>,
    /// The last turn failed.
    failing: bool,
}

/// A version of the Lease, and since when it is known. How long another may lead is counted by our clock alone.
struct Seen {
    version: String,
    since: Instant,
}

/// Whose the Lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Nobodys,
    Anothers,
}

impl Claim {
    /// Turn after turn, for ever.
    async fn strive(&mut self, leading: &watch::Sender<bool>) {
        let mut renewed: Option<Instant> = None;
        loop {
            let began = Instant::now();
            tell(leading, leads(renewed, began));
            let turn = timeout(TURN, self.turn(began)).await;
            let (has_answer, is_done) = (matches!(turn, Ok(Ok(_))), matches!(turn, Ok(Ok(Some(_)))));
            match turn {
                Ok(Ok(Some(is_ours))) => renewed = is_ours.then_some(began),
                // Looked at again soon; whoever led leads on until its time is over.
                Ok(Ok(None)) => {}
                Ok(Err(error)) => self.complain(&error.to_string()),
                Err(_) => self.complain("the API server does not answer"),
            }
            self.failing &= !has_answer;
            let now = Instant::now();
            tell(leading, leads(renewed, now));
            let pause = if is_done && renewed.is_some() { RENEWED } else { LOOKED_AT };
            let end =
                renewed.map(|at| (at + LEADS).saturating_duration_since(now)).filter(|left| !left.is_zero());
            tokio::time::sleep(end.map_or(pause, |left| left.min(pause))).await;
        }
    }

    /// Looks at the Lease, and takes or renews it if it may; whether it is ours now, unless it changed meanwhile.
    async fn turn(&mut self, now: Instant) -> kube::Result<Option<bool>> {
        let Some(lease) = self.api.get_opt(NAME).await? else {
            return written(self.api.create(&PostParams::default(), &self.first()).await);
        };
        let whose = self.look(&lease, now);
        if whose == Whose::Anothers {
            return Ok(Some(false));
        }
        let patch = self.taken(&lease, whose);
        written(self.api.patch(NAME, &params(), &Patch::Merge(&patch)).await)
    }

    /// Whose it is at `now`.
    fn look(&mut self, lease: &Lease, now: Instant) -> Whose {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.seen {
            Some(seen) if seen.version == version => seen.since,
            _ => now,
        };
        self.seen = Some(Seen { version, since });
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        let lasts = spec.and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
        let lasts = lasts.map_or(LASTS, Duration::from_secs);
        match holder {
            "" => Whose::Nobodys,
            holder if holder == self.identity => Whose::Ours,
            _ if now.duration_since(since) >= lasts => Whose::Nobodys,
            _ => Whose::Anothers,
        }
    }

    /// Said of this version of the Lease: whoever comes second is refused.
    fn taken(&self, lease: &Lease, whose: Whose) -> Value {
        let before = lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or_default();
        let transitions = (whose == Whose::Nobodys).then(|| before.saturating_add(1));
        let metadata = ObjectMeta {
            resource_version: lease.metadata.resource_version.clone(),
            owner_references: self.owners(),
            ..ObjectMeta::default()
        };
        json!({ "metadata": metadata, "spec": self.spec(transitions) })
    }

    /// The Lease as it is made.
    fn first(&self) -> Lease {
        let mut lease = Lease { spec: Some(self.spec(Some(0))), ..Lease::default() };
        lease.metadata.name = Some(NAME.to_owned());
        lease.metadata.owner_references = self.owners();
        lease
    }

    fn owners(&self) -> Option<Vec<OwnerReference>> {
        self.account.clone().map(|account| vec![account])
    }

    /// Ours from now on; with `transitions` it was not before.
    fn spec(&self, transitions: Option<i32>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LASTS.as_secs()).ok(),
            acquire_time: transitions.map(|_| now.clone()),
            renew_time: Some(now),
            lease_transitions: transitions,
            ..LeaseSpec::default()
        }
    }

    /// Makes it nobody's, if it is ours: whoever waits need not wait until it expires.
    async fn give_back(&self) -> kube::Result<()> {
        let Some(lease) = self.api.get_opt(NAME).await? else { return Ok(()) };
        let holder = lease.spec.and_then(|spec| spec.holder_identity);
        if holder.as_ref() != Some(&self.identity) {
            return Ok(());
        }
        let version = lease.metadata.resource_version;
        let patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "holderIdentity": null } });
        written(self.api.patch(NAME, &params(), &Patch::Merge(&patch)).await).map(drop)
    }

    /// Said aloud once until a turn succeeds.
    fn complain(&mut self, error: &str) {
        if self.failing {
            tracing::debug!(error, "the Lease still cannot be read or written");
        } else {
            tracing::warn!(error, "the Lease cannot be read or written, trying again");
        }
        self.failing = true;
    }
}

fn leads(renewed: Option<Instant>, now: Instant) -> bool {
    renewed.is_some_and(|at| now.duration_since(at) < LEADS)
}

fn tell(leading: &watch::Sender<bool>, now: bool) {
    if leading.send_if_modified(|before| std::mem::replace(before, now) != now) {
        tracing::info!(leading = now, "the Lease changed hands");
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Ours; or nobody knows, for somebody else was faster, if only with a label.
fn written(answer: kube::Result<Lease>) -> kube::Result<Option<bool>> {
    match answer {
        Ok(_) => Ok(Some(true)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
