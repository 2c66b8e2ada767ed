//! Keys that the operator makes (`spec.source.generate`): each once, into a Secret of its own that apps take for
//! their environment.
//!
//! That Secret is the only place where a key's text is, and all that is known of the key: nothing is noted elsewhere,
//! so an operator that is killed between two calls is followed by one that reads on from there. What is in a Secret is
//! never written over but for the addresses of the gateway: a repair would lock out apps that still run with the old
//! text. Who deletes the Secret gets a new text; with the Secret the digest of the old one is gone.
//!
//! When an LLMKey is deleted nothing is done here. compile knows no such key any more, which is what takes it from the
//! gateways; the Secret follows its owner by Kubernetes' garbage collector.

mod patience;
mod plan;
mod write;

pub use patience::Patience;
pub use plan::{Found, Plan, Ports, ToMint, plan};
pub use write::{Unminted, mint, refresh};

use crate::children;
use crate::cluster::within;
use crate::metrics::Metrics;
use crate::secrets::Contents;
use crate::watch::{Held, Picture, name_of};
use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;
use weir_compile::Finding;
use weir_config::ObjectName;
use weir_crds::LLMKey;

/// So many Secrets are written or read at once.
const AT_ONCE: usize = 8;

/// What became of the keys that are to be generated.
#[derive(Debug, Default)]
pub struct Kept {
    /// Keys whose Secret is somebody else's, for [`weir_compile::Input::taken`]: compile says so on each.
    pub taken: BTreeSet<ObjectName>,
    /// On each key whose Secret could not be written, and why. It goes before what compile says of the same key.
    pub findings: Vec<Finding>,
    /// The Secrets of which the content is another than before.
    pub changed: BTreeSet<ObjectName>,
    /// When to come again although nothing wakes us: something is to be tried again.
    pub again: Option<Instant>,
}

/// Makes what is missing and puts it into `contents`, so that the same pass publishes it. Whoever is not `leading`
/// writes nothing and only finds out what is taken.
///
/// `contents` is up to date with `picture`; `patience` is the caller's to hold from pass to pass.
pub async fn keep(
    client: &Client,
    metrics: &Metrics,
    keys: &[Arc<LLMKey>],
    picture: &Picture,
    contents: &mut Contents,
    leading: bool,
    patience: &mut Patience,
) -> Kept {
    let mut kept = Kept { changed: look_again(client, keys, picture, contents).await, ..Kept::default() };
    let plan = plan(keys, &found(keys, picture, contents), &ports(picture));
    kept.taken.extend(plan.taken.keys().cloned());
    if !leading {
        *patience = Patience::default();
        return kept;
    }
    let now = Instant::now();
    patience.keep_only(plan.mint.iter().chain(&plan.refresh));
    let due = |to: &&ToMint| patience.is_over(to, now);
    let minted = plan.mint.iter().filter(due).map(|to| (to, None));
    let stale = plan.refresh.iter().filter(due);
    let refreshed = stale.filter_map(|to| Some((to, Some(contents.get(&to.secret)?.clone()))));
    let todo: Vec<(&ToMint, Option<Secret>)> = minted.chain(refreshed).collect();
    let mut written = stream::iter(todo)
        .map(|(to, known)| async move { (to, write::write(client, metrics, to, known).await) })
        .buffer_unordered(AT_ONCE);
    while let Some((to, written)) = written.next().await {
        kept.note(to, written, contents, patience);
    }
    kept.findings = plan.mint.iter().filter_map(|to| patience.finding(to)).collect();
    kept.again = patience.again();
    kept
}

impl Kept {
    fn note(
        &mut self,
        to: &ToMint,
        written: Result<Secret, Unminted>,
        contents: &mut Contents,
        patience: &mut Patience,
    ) {
        match written {
            Ok(secret) => {
                tracing::info!(key = %to.key.name, secret = %to.secret, "a key's Secret is written");
                patience.forget(to);
                contents.put(to.secret.clone(), secret);
                self.changed.insert(to.secret.clone());
            }
            Err(Unminted::NameTaken) => drop(self.taken.insert(to.key.name.clone())),
            Err(error) => {
                tracing::warn!(key = %to.key.name, secret = %to.secret, %error, "a key's Secret is not written");
                patience.refused(to, &error, Instant::now());
            }
        }
    }
}

/// Reads anew what was written here and the watch has yet to tell of: it may be gone again, and a watch that comes
/// late never tells of what came and went. Says what is another than before.
async fn look_again(
    client: &Client,
    keys: &[Arc<LLMKey>],
    picture: &Picture,
    contents: &mut Contents,
) -> BTreeSet<ObjectName> {
    let untold = |name: &ObjectName| picture.secrets.get(name).is_none() && contents.get(name).is_some();
    let untold: BTreeSet<ObjectName> =
        keys.iter().filter_map(|key| plan::secret_of(key)).filter(untold).collect();
    let mut read = stream::iter(untold)
        .map(|name| async move {
            let api: Api<Secret> = Api::namespaced(client.clone(), &name.namespace);
            (within(api.get_opt(&name.name)).await, name)
        })
        .buffer_unordered(AT_ONCE);
    let mut changed = BTreeSet::new();
    while let Some((secret, name)) = read.next().await {
        let before = contents.get(&name).and_then(|secret| secret.metadata.resource_version.clone());
        match secret {
            Ok(Some(secret)) if secret.metadata.resource_version == before => {}
            Ok(Some(secret)) => {
                contents.put(name.clone(), secret);
                changed.insert(name);
            }
            Ok(None) => {
                contents.forget(&name);
                changed.insert(name);
            }
            // It was there a moment ago; the next pass asks again.
            Err(error) => tracing::debug!(secret = %name, %error, "a Secret cannot be read just now"),
        }
    }
    changed
}

/// What is known of the Secrets that `keys` are to be generated into. Whose a Secret is goes by what its content was
/// read with: the watch may speak of another one of that name.
fn found<'a>(
    keys: &[Arc<LLMKey>],
    picture: &Picture,
    contents: &'a Contents,
) -> BTreeMap<ObjectName, Found<'a>> {
    let known = |name: ObjectName| {
        let content = contents.get(&name);
        let watched = picture.secrets.get(&name);
        let meta = content.map(|secret| &secret.metadata).or(watched.as_ref().map(Held::meta))?;
        Some((name, Found::new(meta, content)))
    };
    keys.iter().filter_map(|key| plan::secret_of(key)).filter_map(known).collect()
}

/// On which port each gateway's Service is.
fn ports(picture: &Picture) -> Ports {
    let gateways = picture.gateways.all();
    let readable = gateways.iter().filter_map(|held| held.0.as_ref().as_ref().ok());
    readable.map(|gateway| (name_of(&gateway.metadata), children::port(gateway))).collect()
}

#[cfg(test)]
mod tests;
