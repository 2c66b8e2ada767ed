//! The content of the Secrets that objects refer to. They are watched by their metadata and read one by one, so
//! that nothing else's content is ever in this process; what has not changed is not read again.

use crate::cluster::{CallError, within};
use crate::watch::{Picture, TOLD};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use weir_config::ObjectName;

/// So many are read at once.
const AT_ONCE: usize = 32;
/// While a Secret cannot be read, everything waits for it so long: the next pass may drop a credential that is in use.
/// Then the others go on without it, or with what it held before.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every referenced Secret as it was read last.
#[derive(Default)]
pub struct Contents {
    held: BTreeMap<ObjectName, Secret>,
    /// Written here at that moment, and the watch has yet to tell of it.
    fresh: BTreeMap<ObjectName, Instant>,
    /// Another than before, and nobody was told: a refresh that broke off has read it.
    changed: BTreeSet<ObjectName>,
    /// Which cannot be read, for whatever is wrong with them, and since when.
    failing: BTreeMap<ObjectName, Instant>,
}

/// What the watch says of a Secret, beside what is held of it.
#[derive(PartialEq, Eq)]
enum Word {
    Same,
    Other,
    Gone,
}

impl Contents {
    fn word(&mut self, picture: &Picture, name: &ObjectName) -> Word {
        let held = self.held.get(name).and_then(|secret| secret.metadata.resource_version.as_ref());
        match (picture.secrets.get(name), self.fresh.get(name)) {
            (Some(told), _) => {
                self.fresh.remove(name);
                if held == told.metadata.resource_version.as_ref() { Word::Same } else { Word::Other }
            }
            (None, Some(written)) if written.elapsed() >= TOLD => Word::Other,
            (None, None) if held.is_some() => Word::Gone,
            (None, _) => Word::Same,
        }
    }

    /// Whether a refresh may find that one of `wanted` is not what it was.
    pub fn is_behind(&mut self, picture: &Picture, wanted: &BTreeSet<ObjectName>) -> bool {
        wanted.iter().any(|name| self.word(picture, name) != Word::Same)
    }

    /// When to ask that again although nothing wakes us.
    pub fn look_again(&self) -> Option<Instant> {
        self.fresh.values().map(|written| *written + TOLD).min()
    }

    /// Makes the contents those of `wanted` as the watch has them now. Says which are other than before, those
    /// included that were read before an error.
    ///
    /// # Errors
    /// The API server could not be asked, or fails to show a Secret and may yet do so: whoever calls has to wait. A
    /// Secret that it refuses to show is as good as missing. The others are read all the same.
    pub async fn refresh(
        &mut self,
        client: &Client,
        picture: &Picture,
        wanted: &BTreeSet<ObjectName>,
    ) -> Result<BTreeSet<ObjectName>, CallError> {
        let mut stale = Vec::new();
        for name in wanted {
            match self.word(picture, name) {
                Word::Same => {}
                Word::Other => stale.push(name.clone()),
                Word::Gone => {
                    self.held.remove(name);
                    self.changed.insert(name.clone());
                }
            }
        }
        let gone: Vec<ObjectName> = self.held.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        for name in gone {
            self.held.remove(&name);
            self.fresh.remove(&name);
            self.changed.insert(name);
        }
        self.failing.retain(|name, _| wanted.contains(name));
        let mut read = futures::stream::iter(stale)
            .map(|name| async move { (get(client, &name).await, name) })
            .buffer_unordered(AT_ONCE);
        let mut unread = None;
        while let Some((secret, name)) = read.next().await {
            match secret {
                Ok(Some(secret)) => {
                    self.fresh.entry(name.clone()).and_modify(|written| *written = Instant::now());
                    self.held.insert(name.clone(), secret);
                }
                Ok(None) => self.forget(&name),
                Err(error) if !is_its_own(&error) => return Err(error),
                Err(error) => {
                    let began = *self.failing.entry(name.clone()).or_insert_with(Instant::now);
                    if began.elapsed() < PATIENCE {
                        unread = Some(error);
                    } else {
                        tracing::warn!(secret = %name, %error, "a Secret cannot be read, the others go on");
                    }
                    continue;
                }
            }
            self.failing.remove(&name);
            self.changed.insert(name);
        }
        match unread {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.changed)),
        }
    }

    /// A Secret that was written here just now: the watch has yet to tell of it.
    pub fn put(&mut self, name: ObjectName, secret: Secret) {
        self.fresh.insert(name.clone(), Instant::now());
        self.held.insert(name, secret);
    }

    /// A Secret that is known to be gone before the watch tells of it.
    pub fn forget(&mut self, name: &ObjectName) {
        self.fresh.remove(name);
        self.held.remove(name);
    }

    /// Forgets what the watch has never told of: it may have missed a Secret that came and went.
    pub fn trust_the_watch(&mut self) {
        self.fresh.clear();
    }

    /// The Secret of this name, if it is referred to and there.
    pub fn get(&self, name: &ObjectName) -> Option<&Secret> {
        self.held.get(name)
    }
}

async fn get(client: &Client, name: &ObjectName) -> Result<Option<Secret>, CallError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &name.namespace);
    match within(api.get_opt(&name.name)).await {
        Err(CallError::Kube(kube::Error::Api(status))) if status.code == 403 => {
            tracing::warn!(secret = %name, "a Secret may not be read, so it counts as missing");
            Ok(None)
        }
        answer => answer,
    }
}

/// Whether something may be wrong with this one Secret, such as a key that it was encrypted with; an API server that
/// is ill answers with the same 500, which is why it is not believed at once.
fn is_its_own(error: &CallError) -> bool {
    matches!(error, CallError::Kube(kube::Error::Api(status)) if !matches!(status.code, 401 | 429 | 503 | 504))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Scope;
    use crate::fake_api::{FakeApi, failure};
    use crate::tasks::Tasks;
    use crate::watch::{self, Wakers};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    /// Two Secrets in two namespaces, and the watch has told of both.
    async fn two(tasks: &mut Tasks) -> (FakeApi, Picture, BTreeSet<ObjectName>) {
        let api = FakeApi::watched(&["*"]);
        let wanted = BTreeSet::from([ObjectName::new("a", "x"), ObjectName::new("b", "y")]);
        for name in &wanted {
            let metadata = json!({"namespace": name.namespace, "name": name.name});
            api.create("secrets", json!({ "metadata": metadata }));
        }
        let scope = Scope::new(&["*".to_owned()]);
        let picture = watch::start(&api.client(), &scope, &Wakers::default(), tasks);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !picture.missing().is_empty() {
            assert!(Instant::now() < deadline, "{:?}", picture.missing());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (api, picture, wanted)
    }

    #[tokio::test(start_paused = true)]
    async fn s8_7_what_was_read_before_another_read_failed_is_told_afterwards() {
        let mut tasks = Tasks::default();
        let (api, picture, wanted) = two(&mut tasks).await;
        let mut contents = Contents::default();
        api.refuse("get", "b", failure(503, "ServiceUnavailable", "not now"));
        assert!(contents.refresh(&api.client(), &picture, &wanted).await.is_err());
        assert!(contents.get(&ObjectName::new("a", "x")).is_some(), "else this shows nothing");
        api.refuse_nothing();
        assert_eq!(contents.refresh(&api.client(), &picture, &wanted).await.unwrap(), wanted);
        assert!(contents.refresh(&api.client(), &picture, &wanted).await.unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn s8_7_a_secret_that_cannot_be_read_just_now_is_not_missing() {
        let mut tasks = Tasks::default();
        let (api, picture, wanted) = two(&mut tasks).await;
        let [good, bad] = [ObjectName::new("a", "x"), ObjectName::new("b", "y")];
        let mut contents = Contents::default();
        api.refuse("get", "b", failure(500, "InternalError", "etcdserver: leader changed"));
        assert!(contents.refresh(&api.client(), &picture, &wanted).await.is_err());
        api.refuse_nothing();
        assert_eq!(contents.refresh(&api.client(), &picture, &wanted).await.unwrap(), wanted);

        // For good: what it held stays, and the others are waited for no longer.
        api.refuse("get", "b", failure(500, "InternalError", "no key decrypts it"));
        for name in [&good, &bad] {
            api.edit("secrets", (&name.namespace, &name.name), |secret| {
                secret["data"] = json!({"k": "eA=="})
            });
            let version = |meta: &ObjectMeta| meta.resource_version.clone();
            let held = version(&contents.get(name).unwrap().metadata);
            while picture.secrets.get(name).is_none_or(|now| version(&now.metadata) == held) {
                tokio::task::yield_now().await;
            }
        }
        let began = Instant::now();
        let told = loop {
            match contents.refresh(&api.client(), &picture, &wanted).await {
                Ok(told) => break told,
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        assert!(began.elapsed() >= PATIENCE && began.elapsed() < 2 * PATIENCE, "{:?}", began.elapsed());
        assert_eq!(told, BTreeSet::from([good]));
        assert!(contents.get(&bad).is_some_and(|secret| secret.data.is_none()));

        // What may not be read is as good as missing, at once.
        api.refuse_nothing();
        api.refuse("get", "b", failure(403, "Forbidden", "no"));
        assert_eq!(
            contents.refresh(&api.client(), &picture, &wanted).await.unwrap(),
            BTreeSet::from([bad.clone()])
        );
        assert!(contents.get(&bad).is_none());
    }
}
