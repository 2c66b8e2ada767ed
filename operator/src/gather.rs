//! From the picture to what compile takes: objects that can be read, and which Secrets they refer to.

use crate::secrets::Contents;
use crate::watch::{Held, Ours, Picture, Watched, name_of};
use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use weir_compile::{Code, Finding, SecretContent, Secrets};
use weir_config::ObjectName;
use weir_crds::{Kind, LLMGateway, LLMKey, LLMProvider, LLMRoute};

/// Our objects as they were at one moment.
#[derive(Debug, Default)]
pub struct Objects {
    /// Every `LLMGateway`.
    pub gateways: Vec<Arc<LLMGateway>>,
    /// Every `LLMProvider`.
    pub providers: Vec<Arc<LLMProvider>>,
    /// Every `LLMRoute`.
    pub routes: Vec<Arc<LLMRoute>>,
    /// Every `LLMKey`.
    pub keys: Vec<Arc<LLMKey>>,
    /// On each object that cannot be read.
    pub unreadable: Vec<Finding>,
}

impl Objects {
    /// The same objects with the statuses that they have now. Those that have changed since are left out: what was
    /// found is not about them.
    pub fn as_they_are(&self, picture: &Picture) -> Self {
        let now = objects(picture);
        Self {
            gateways: unchanged(&self.gateways, now.gateways),
            providers: unchanged(&self.providers, now.providers),
            routes: unchanged(&self.routes, now.routes),
            keys: unchanged(&self.keys, now.keys),
            unreadable: Vec::new(),
        }
    }
}

fn unchanged<K: Resource>(before: &[Arc<K>], mut now: Vec<Arc<K>>) -> Vec<Arc<K>> {
    let seen: HashSet<_> = before.iter().map(|object| version(object.as_ref())).collect();
    now.retain(|object| seen.contains(&version(object.as_ref())));
    now
}

/// Which object, and which spec of it.
fn version<K: Resource>(object: &K) -> (Option<&str>, Option<i64>) {
    (object.meta().uid.as_deref(), object.meta().generation)
}

/// Takes our objects out of the picture. What is being deleted is still there: it serves until it is gone.
pub fn objects(picture: &Picture) -> Objects {
    let mut unreadable = Vec::new();
    Objects {
        gateways: readable(Kind::Gateway, &picture.gateways, &mut unreadable),
        providers: readable(Kind::Provider, &picture.providers, &mut unreadable),
        routes: readable(Kind::Route, &picture.routes, &mut unreadable),
        keys: readable(Kind::Key, &picture.keys, &mut unreadable),
        unreadable,
    }
}

fn readable<K: Resource<DynamicType = ()>>(
    kind: Kind,
    watched: &Watched<Ours<K>>,
    unreadable: &mut Vec<Finding>,
) -> Vec<Arc<K>> {
    let mut objects = Vec::new();
    for held in watched.all() {
        match &*held.0 {
            Ok(object) => objects.push(Arc::clone(object)),
            Err(_) => unreadable.push(Finding {
                object: (kind, name_of(held.meta())),
                severity: Code::InvalidValue.severity(),
                code: Code::InvalidValue,
                field: "spec".to_owned(),
                message:
                    "the object is not of this version's form, so it is left out; apply it again, or run the \
                          version that it was written for"
                        .to_owned(),
            }),
        }
    }
    objects
}

/// The Secrets that objects refer to, whether they are there or not.
pub fn referenced_secrets(objects: &Objects) -> BTreeSet<ObjectName> {
    let of_providers = objects.providers.iter().filter_map(|provider| {
        let reference = provider.spec.credentials.as_ref()?.api_key_secret_ref.as_ref()?;
        Some((provider.metadata.namespace.as_ref()?, &reference.name))
    });
    let of_keys = objects.keys.iter().filter_map(|key| {
        let source = &key.spec.source;
        let brought = source.secret_ref.as_ref().map(|reference| &reference.name);
        let name = brought.or(source.generate.as_ref().map(|generate| &generate.secret_name))?;
        Some((key.metadata.namespace.as_ref()?, name))
    });
    of_providers.chain(of_keys).map(|(namespace, name)| ObjectName::new(namespace, name)).collect()
}

/// Brings `secrets` up to date where `changed` says that they are not.
pub fn take_contents(secrets: &mut Secrets, contents: &Contents, changed: &BTreeSet<ObjectName>) {
    for name in changed {
        match contents.get(name) {
            Some(secret) => drop(secrets.insert(name.clone(), content(secret))),
            None => drop(secrets.remove(name)),
        }
    }
}

fn content(secret: &Secret) -> SecretContent {
    let data = secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    let labels = secret.metadata.labels.as_ref();
    SecretContent::new(data.collect(), labels.unwrap_or(&BTreeMap::new()))
}
