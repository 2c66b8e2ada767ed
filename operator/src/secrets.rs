//! The content of the Secrets that objects refer to. They are watched by their metadata and read one by one, so
//! that nothing else's content is ever in this process; what has not changed is not read again.

use crate::cluster::{CallError, within};
use crate::watch::Picture;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::collections::{BTreeMap, BTreeSet};
use weir_config::ObjectName;

/// So many are read at once.
const AT_ONCE: usize = 32;

/// Every referenced Secret as it was read last.
#[derive(Default)]
pub struct Contents {
    held: BTreeMap<ObjectName, Secret>,
    /// Written here, and the watch has yet to tell of it.
    fresh: BTreeSet<ObjectName>,
    /// Another than before, and nobody was told: a refresh that broke off has read it.
    changed: BTreeSet<ObjectName>,
}

impl Contents {
    /// Makes the contents those of `wanted` as the watch has them now. Says which are other than before, those
    /// included that were read before an error.
    ///
    /// # Errors
    /// The API server could not be asked. A Secret that it refuses to show is as good as missing; one that merely
    /// could not be read just now is not, and whoever calls has to wait.
    pub async fn refresh(
        &mut self,
        client: &Client,
        picture: &Picture,
        wanted: &BTreeSet<ObjectName>,
    ) -> Result<BTreeSet<ObjectName>, CallError> {
        let mut stale = Vec::new();
        for name in wanted {
            let version = picture.secrets.get(name).and_then(|meta| meta.metadata.resource_version.clone());
            let held = self.held.get(name).and_then(|secret| secret.metadata.resource_version.clone());
            match &version {
                Some(version) if held.as_ref() != Some(version) => stale.push(name.clone()),
                Some(_) => {}
                None if self.fresh.contains(name) => {}
                None if self.held.remove(name).is_some() => drop(self.changed.insert(name.clone())),
                None => {}
            }
            if version.is_some() {
                self.fresh.remove(name);
            }
        }
        let gone: Vec<ObjectName> = self.held.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        for name in gone {
            self.held.remove(&name);
            self.fresh.remove(&name);
            self.changed.insert(name);
        }
        let mut read = futures::stream::iter(stale)
            .map(|name| async move { (get(client, &name).await, name) })
            .buffer_unordered(AT_ONCE);
        while let Some((secret, name)) = read.next().await {
            match secret? {
                Some(secret) => drop(self.held.insert(name.clone(), secret)),
                None => drop(self.held.remove(&name)),
            }
            self.changed.insert(name);
        }
        Ok(std::mem::take(&mut self.changed))
    }

    /// A Secret that was written here just now: the watch has yet to tell of it.
    pub fn put(&mut self, name: ObjectName, secret: Secret) {
        self.fresh.insert(name.clone());
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
        Ok(found) => Ok(found),
        Err(CallError::Kube(kube::Error::Api(status))) if !matches!(status.code, 429 | 503 | 504) => {
            tracing::warn!(secret = %name, code = status.code, "a Secret cannot be read, so it counts as missing");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Scope;
    use crate::fake_api::{FakeApi, failure};
    use crate::tasks::Tasks;
    use crate::watch::{self, Wakers};
    use serde_json::json;
    use std::time::Duration;
    use tokio::time::Instant;

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
}
