//! Our objects in one namespace: applied as a user applies them, looked at until they are as they should be.

use super::SOON;
use anyhow::{Context as _, Result};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde::Deserialize as _;
use serde_json::{Value, json};
use crate::{Plane, wait};
use weir_crds::Kind;

/// One namespace, as its owner sees it.
#[derive(Clone)]
pub struct Objects {
    /// Of somebody who may do everything.
    pub client: Client,
    /// Its name.
    pub namespace: String,
}

impl Objects {
    /// A new namespace.
    pub async fn new(plane: &Plane, prefix: &str) -> Result<Self> {
        Ok(Self { client: plane.admin()?, namespace: plane.namespace(prefix).await? })
    }

    /// Objects of a kind of ours.
    pub fn api(&self, kind: Kind) -> Api<DynamicObject> {
        self.any("weir.dev/v1alpha1", kind.name(), kind.plural())
    }

    /// Objects of any kind.
    pub fn any(&self, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind)
    }

    fn api_of(&self, object: &Value) -> Result<Api<DynamicObject>> {
        let text = |field: &str| object.get(field).and_then(Value::as_str).with_context(|| format!("{field} in {object}"));
        let (version, kind) = (text("apiVersion")?, text("kind")?);
        let plural = format!("{}s", kind.to_lowercase());
        Ok(self.any(version, kind, &plural))
    }

    /// `kubectl apply --server-side` of every document.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let object = Value::deserialize(document)?;
            let name = object.pointer("/metadata/name").and_then(Value::as_str).context("a name")?.to_owned();
            let params = PatchParams::apply("user").force();
            self.api_of(&object)?.patch(&name, &params, &Patch::Apply(&object)).await.with_context(|| name)?;
        }
        Ok(())
    }

    /// `kubectl delete`.
    pub async fn delete(&self, kind: Kind, name: &str) -> Result<()> {
        self.api(kind).delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// The object as JSON.
    pub async fn get(&self, kind: Kind, name: &str) -> Result<Value> {
        Ok(json!(self.api(kind).get(name).await?))
    }

    /// Waits until the object is as `wanted`; says how it was if it does not become so.
    pub async fn until(
        &self,
        (kind, name): (Kind, &str),
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut last = Value::Null;
        let found = wait::until(&format!("{kind} {name}: {what}"), SOON, async || {
            last = self.get(kind, name).await?;
            Ok(wanted(&last).then(|| last.clone()))
        })
        .await;
        found.with_context(|| format!("{:#}", last.pointer("/status").unwrap_or(&Value::Null)))
    }

    /// Waits until it is Ready in the sense of kstatus.
    pub async fn until_ready(&self, kind: Kind, name: &str) -> Result<Value> {
        self.until((kind, name), "Ready", is_ready).await
    }

    /// The value under `key` of a Secret, once it is there.
    pub async fn secret(&self, name: &str, key: &str) -> Result<String> {
        let secrets: Api<k8s_openapi::api::core::v1::Secret> =
            Api::namespaced(self.client.clone(), &self.namespace);
        wait::until(&format!("Secret {name} with {key}"), SOON, async || {
            let found = secrets.get_opt(name).await?;
            let value = found.and_then(|secret| secret.data?.remove(key));
            value.map(|value| Ok(String::from_utf8(value.0)?)).transpose()
        })
        .await
    }
}

/// One condition of an object's status.
pub fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let mut conditions = object.pointer("/status/conditions")?.as_array()?.iter();
    conditions.find(|condition| text(condition, "/type") == Some(name))
}

/// A text somewhere in an object, by JSON pointer.
pub fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}

/// Ready for this very generation.
pub fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|ready| {
        let observed = ready.pointer("/observedGeneration");
        text(ready, "/status") == Some("True") && observed == object.pointer("/metadata/generation")
    })
}
