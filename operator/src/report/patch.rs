//! A status as it is sent: the least that server-side apply takes, so that we own what we say and nothing else.
//!
//! The uid goes with it: an object that was deleted and made again under the same name is never given what was
//! meant for the one before.

use super::status::Status;
use crate::names::STATUS_MANAGER;
use kube::api::{ApiResource, DynamicObject, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde::Serialize;
use weir_compile::Kind;
use weir_config::ObjectName;
use weir_crds::{API_VERSION, GROUP, VERSION};

/// The body of the call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    status: &'a Status,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
    uid: &'a str,
}

/// Says `status` of the object.
pub fn of<'a>((kind, name): &'a (Kind, ObjectName), uid: &'a str, status: &'a Status) -> Patch<'a> {
    let metadata = Metadata { name: &name.name, namespace: &name.namespace, uid };
    Patch { api_version: API_VERSION, kind: kind.name(), metadata, status }
}

/// How it is applied: what we say holds, whoever said otherwise.
pub fn params() -> PatchParams {
    PatchParams::apply(STATUS_MANAGER).force()
}

/// Where objects of a kind are. Answers are read no further than their metadata, so that one that another version
/// of the CRD has let in can be written to all the same.
pub fn api(client: &Client, kind: Kind, namespace: &str) -> Api<PartialObjectMeta<DynamicObject>> {
    let resource = ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: API_VERSION.to_owned(),
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    };
    Api::namespaced_with(client.clone(), namespace, &resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_crds::LLMProviderStatus;

    #[test]
    fn a_patch_holds_the_status_and_nothing_of_the_object_but_which_it_is() {
        let object = (Kind::Provider, ObjectName::new("a", "x"));
        let status =
            Status::Provider(LLMProviderStatus { model_count: Some(2), ..LLMProviderStatus::default() });
        let json = serde_json::to_string(&of(&object, "u1", &status)).unwrap();
        assert_eq!(
            json,
            r#"{"apiVersion":"weir.dev/v1alpha1","kind":"LLMProvider","metadata":{"name":"x","namespace":"a","uid":"u1"},"status":{"modelCount":2}}"#
        );
    }
}
