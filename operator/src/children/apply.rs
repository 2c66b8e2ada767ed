//! One child: made by POST, and afterwards applied only while it carries our owner reference (semantics S10.8).
//!
//! Whoever makes an object by POST owns its fields in another way than by server-side apply, and a field that is owned
//! in both ways outlives its removal. So the ownership is handed over before the first apply.

use super::standing::Wanted;
use super::written::Written;
use crate::cluster::{CallError, within};
use crate::metrics::Metrics;
use crate::names::FIELD_MANAGER;
use crate::publish::Owner;
use crate::watch::{Child, Held, Watched, owned};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use tokio::time::Instant;
use weir_config::ObjectName;

/// What a child can be.
pub(super) trait Applied:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K> Applied for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
{
}

/// Why a child is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unapplied {
    /// An object of that name is there and is not ours.
    #[error("{0} belongs to somebody else")]
    NameTaken(String),
    /// The API server will not have it.
    #[error("the API server refuses {what}: {said}")]
    Refused { what: String, said: String },
    /// What was thought to be there is not. To be tried again.
    #[error("{0} has changed meanwhile")]
    Stale(String),
    /// So much was written already that somebody else seems to want it otherwise.
    #[error("it is written over and over, so it is left until it has rested")]
    Postponed(Instant),
    /// Never seen: what is built is always JSON.
    #[error("a child cannot be put into words: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The API server did not do it. To be tried again.
    #[error(transparent)]
    Api(#[from] CallError),
}

/// How a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// As it was applied.
    Stands,
    /// It was written, or is on its way out; the watch tells more, or nothing until then.
    Awaited(Option<Instant>),
}

/// Where one gateway's children are.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) client: &'a Client,
    pub(super) metrics: &'a Metrics,
    pub(super) owner: &'a Owner,
}

impl Place<'_> {
    /// Has `child` be there as it is here.
    pub(super) async fn put<K: Applied, S: Clone + PartialEq>(
        &self,
        child: &K,
        watched: &Watched<Arc<Child<S>>>,
        written: &mut Written,
    ) -> Result<Put, Unapplied> {
        let (wanted, kind) = (Wanted::new(child)?, K::kind(&()));
        let name = child.meta().name.clone().unwrap_or_default();
        let Some(there) = watched.get(&ObjectName::new(self.owner.name.namespace.as_str(), name.as_str()))
        else {
            if let Some(until) = written.is_to_come(&kind, &wanted.digest) {
                return Ok(Put::Awaited(Some(until)));
            }
            return self.create::<K>(&name, &wanted, written).await;
        };
        if !self.owner.owns(&there.meta) {
            return Err(Unapplied::NameTaken(what::<K>(&name)));
        }
        if there.meta.deletion_timestamp.is_some() {
            return Ok(Put::Awaited(None));
        }
        written.told(&kind, &there.meta);
        if wanted.stands(&there.meta)
            || wanted.was_applied(&there.meta) && written.is_as_answered(&kind, &there.meta)
        {
            return Ok(Put::Stands);
        }
        match written.is_behind(&kind, &wanted.digest, &there.meta) {
            Some(until) => Ok(Put::Awaited(Some(until))),
            None => self.apply::<K>(&wanted, (&there.meta, true), written).await,
        }
    }

    /// Makes it. What is there already is left alone, unless it is ours and lacks our labels, or the watch is late.
    async fn create<K: Applied>(
        &self,
        name: &str,
        wanted: &Wanted,
        written: &mut Written,
    ) -> Result<Put, Unapplied> {
        if written.is_known_as_taken(&K::kind(&())) {
            return Err(Unapplied::NameTaken(what::<K>(name)));
        }
        written.may_write()?;
        let object: K = serde_json::from_value(wanted.object.clone())?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let made = within(self.api::<K>().create(&params, &object)).await;
        self.metrics.wrote("child", &made);
        match made {
            Err(error) if error.is_already_exists() => {
                let found = within(self.api::<K>().get_opt(name)).await?;
                let found = found.ok_or_else(|| Unapplied::Stale(what::<K>(name)))?;
                if !self.owner.owns(found.meta()) {
                    written.taken(&K::kind(&()));
                    return Err(Unapplied::NameTaken(what::<K>(name)));
                }
                if found.meta().deletion_timestamp.is_some() {
                    return Ok(Put::Awaited(None));
                }
                self.apply::<K>(wanted, (found.meta(), false), written).await
            }
            made => self.note::<K>((name, false), made, wanted, written),
        }
    }

    /// Puts it right over `there`, which is ours and of which the watch has told or not.
    async fn apply<K: Applied>(
        &self,
        wanted: &Wanted,
        (there, is_known): (&ObjectMeta, bool),
        written: &mut Written,
    ) -> Result<Put, Unapplied> {
        written.may_write()?;
        let name = there.name.as_deref().unwrap_or_default();
        let api = self.api::<K>();
        if let Some(managed) = handed_over(there) {
            let metadata = json!({ "uid": there.uid, "resourceVersion": there.resource_version, "managedFields": managed });
            let patch = Patch::Merge(json!({ "metadata": metadata }));
            let done = within(api.patch_metadata(name, &PatchParams::default(), &patch)).await;
            self.metrics.wrote("child", &done);
            done.map_err(|error| failed::<K>(name, error))?;
        }
        let mut object = wanted.object.clone();
        // Should another object have come to that name, this is refused.
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.insert("uid".to_owned(), json!(there.uid));
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let done = within(api.patch(name, &params, &Patch::Apply(&object))).await;
        self.metrics.wrote("child", &done);
        self.note::<K>((name, is_known), done, wanted, written)
    }

    fn note<K: Applied>(
        &self,
        (name, is_known): (&str, bool),
        done: Result<K, CallError>,
        wanted: &Wanted,
        written: &mut Written,
    ) -> Result<Put, Unapplied> {
        let done = done.map_err(|error| failed::<K>(name, error))?;
        tracing::info!(gateway = %self.owner.name, "{} is applied", what::<K>(name));
        Ok(Put::Awaited(Some(written.wrote(&K::kind(&()), &wanted.digest, done.meta(), is_known))))
    }

    /// Deletes those of `watched` that are this gateway's and not called `kept`. Whether there were any.
    pub(super) async fn sweep<K: Applied, S: Clone + PartialEq>(
        &self,
        kept: Option<&K>,
        watched: &Watched<Arc<Child<S>>>,
        written: &mut Written,
    ) -> Result<bool, Unapplied> {
        let kept = kept.and_then(|child| child.meta().name.as_ref());
        let is_ours = |meta: &ObjectMeta| {
            meta.namespace.as_ref() == Some(&self.owner.name.namespace) && self.owner.owns(meta)
        };
        let orphans: Vec<_> = watched
            .all()
            .into_iter()
            .filter(|child| is_ours(child.meta()) && child.meta().name.as_ref() != kept)
            .filter(|child| child.meta().deletion_timestamp.is_none())
            .collect();
        for orphan in &orphans {
            let name = orphan.meta().name.as_deref().unwrap_or_default();
            written.may_write()?;
            let ObjectMeta { uid, resource_version, .. } = orphan.meta().clone();
            let only = DeleteParams {
                preconditions: Some(Preconditions { uid, resource_version }),
                ..DeleteParams::default()
            };
            let done = within(self.api::<K>().delete(name, &only)).await;
            self.metrics.wrote("child", &done);
            match done {
                Err(error) if !error.is_not_found() && !error.is_conflict() => {
                    return Err(failed::<K>(name, error));
                }
                _ => tracing::info!(gateway = %self.owner.name, "{} is not wanted any more", what::<K>(name)),
            }
        }
        if kept.is_none() {
            written.forget(&K::kind(&()));
        }
        Ok(!orphans.is_empty())
    }

    fn api<K: Applied>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.owner.name.namespace)
    }
}

/// The managed fields with ours as if they had been applied, unless they have been.
fn handed_over(there: &ObjectMeta) -> Option<Vec<ManagedFieldsEntry>> {
    let is_posted = |entry: &ManagedFieldsEntry| entry.operation.as_deref() == Some("Update");
    let posted = owned(there).find(|entry| is_posted(entry))?;
    let has_both = owned(there).any(|entry| !is_posted(entry));
    let entries = there.managed_fields.iter().flatten();
    let handed_over = |entry: &ManagedFieldsEntry| match entry == posted {
        // What was applied since says what is wanted.
        true if has_both => None,
        true => Some(ManagedFieldsEntry { operation: Some("Apply".to_owned()), ..entry.clone() }),
        false => Some(entry.clone()),
    };
    Some(entries.filter_map(handed_over).collect())
}

/// Whether trying again would help: not against what is wrong with the request itself.
fn failed<K: Applied>(name: &str, error: CallError) -> Unapplied {
    match &error {
        CallError::Kube(kube::Error::Api(status)) if is_of_another(status) => {
            Unapplied::Stale(what::<K>(name))
        }
        CallError::Kube(kube::Error::Api(status)) => match status.code {
            404 | 409 => Unapplied::Stale(what::<K>(name)),
            400 | 403 | 413 | 422 => {
                Unapplied::Refused { what: what::<K>(name), said: status.message.clone() }
            }
            _ => error.into(),
        },
        _ => error.into(),
    }
}

/// Whether an apply was refused because the object of that name is another than was meant.
fn is_of_another(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 422 && causes.into_iter().any(|cause| cause.field == "metadata.uid")
}

fn what<K: Applied>(name: &str) -> String {
    format!("{} {name}", K::kind(&()))
}

#[cfg(test)]
mod tests;
