//! The four kinds by name: which of them a manifest is, and their CRDs.

use crate::{LLMGateway, LLMKey, LLMProvider, LLMRoute};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use kube::CustomResourceExt;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The API group of all kinds.
pub const GROUP: &str = "weir.dev";
/// The one version of all kinds.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of every object.
pub const API_VERSION: &str = "weir.dev/v1alpha1";

/// One of Weir's kinds; written as in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// One deployment of the gateway.
    #[serde(rename = "LLMGateway")]
    Gateway,
    /// One upstream account.
    #[serde(rename = "LLMProvider")]
    Provider,
    /// One public model.
    #[serde(rename = "LLMRoute")]
    Route,
    /// One tenant's key.
    #[serde(rename = "LLMKey")]
    Key,
}

/// Whose object a manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Ours, of this kind.
    Ours(Kind),
    /// Of our group, but of a version that is not served; [`VERSION`] is.
    UnknownVersion,
    /// Of our group and version, but there is no such kind. Holds the kind that was probably meant.
    UnknownKind(Option<Kind>),
    /// Of another group.
    Foreign,
}

impl Kind {
    /// Every kind, in the order in which they are applied.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Provider, Self::Route, Self::Key];

    /// The kind of an object with this `apiVersion` and `kind`; [`Origin::of`] says why it is none.
    pub fn from_api(api_version: &str, kind: &str) -> Option<Self> {
        match Origin::of(api_version, kind) {
            Origin::Ours(kind) => Some(kind),
            _ => None,
        }
    }

    /// As in a manifest's `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "LLMGateway",
            Self::Provider => "LLMProvider",
            Self::Route => "LLMRoute",
            Self::Key => "LLMKey",
        }
    }

    /// As in the API's paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Gateway => "llmgateways",
            Self::Provider => "llmproviders",
            Self::Route => "llmroutes",
            Self::Key => "llmkeys",
        }
    }

    /// What `kubectl get` takes for short.
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Gateway => "llmgw",
            Self::Provider => "llmp",
            Self::Route => "llmr",
            Self::Key => "llmk",
        }
    }

    /// Its CRD.
    pub fn crd(self) -> CustomResourceDefinition {
        let mut crd = match self {
            Self::Gateway => LLMGateway::crd(),
            Self::Provider => LLMProvider::crd(),
            Self::Route => LLMRoute::crd(),
            Self::Key => LLMKey::crd(),
        };
        crd.spec.versions.iter_mut().for_each(absent_status_is_not_null);
        crd
    }
}

/// kube's derive makes `status` nullable; elsewhere the types see to it that nothing is.
fn absent_status_is_not_null(version: &mut CustomResourceDefinitionVersion) {
    let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    let properties = schema.and_then(|schema| schema.properties.as_mut());
    if let Some(status) = properties.and_then(|properties| properties.get_mut("status")) {
        status.nullable = None;
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Origin {
    /// Whose an object with this `apiVersion` and `kind` is.
    pub fn of(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if group != GROUP {
            return Self::Foreign;
        }
        if version != VERSION {
            return Self::UnknownVersion;
        }
        match Kind::ALL.into_iter().find(|known| known.name() == kind) {
            Some(known) => Self::Ours(known),
            None => Self::UnknownKind(crate::near::nearest(kind, Kind::ALL, Kind::name)),
        }
    }
}

/// The CRDs of all kinds.
pub fn crds() -> Vec<CustomResourceDefinition> {
    Kind::ALL.into_iter().map(Kind::crd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_as_its_crd_says() {
        for kind in Kind::ALL {
            let spec = kind.crd().spec;
            assert_eq!(spec.group, GROUP);
            assert_eq!(spec.scope, "Namespaced");
            assert_eq!(
                spec.versions.iter().map(|version| version.name.as_str()).collect::<Vec<_>>(),
                [VERSION]
            );
            assert_eq!(spec.names.kind, kind.name());
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(spec.names.plural, kind.plural());
            assert_eq!(spec.names.short_names, Some(vec![kind.short_name().to_owned()]));
            assert_eq!(spec.names.categories, Some(vec!["llm".to_owned()]));
            assert_eq!(Kind::from_api(API_VERSION, kind.name()), Some(kind));
        }
        assert_eq!(API_VERSION, format!("{GROUP}/{VERSION}"));
    }

    #[test]
    fn a_kind_that_is_not_ours_says_why() {
        assert_eq!(Origin::of("v1", "Secret"), Origin::Foreign);
        assert_eq!(Origin::of("apps/v1", "LLMRoute"), Origin::Foreign);
        assert_eq!(Origin::of("weir.dev/v1", "LLMRoute"), Origin::UnknownVersion);
        assert_eq!(Origin::of(API_VERSION, "LLMRouter"), Origin::UnknownKind(Some(Kind::Route)));
        assert_eq!(Origin::of(API_VERSION, "llmkey"), Origin::UnknownKind(Some(Kind::Key)));
        assert_eq!(Origin::of(API_VERSION, "Budget"), Origin::UnknownKind(None));
    }
}
