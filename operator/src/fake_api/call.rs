//! A request as authorization sees it: verb, group, resource, namespace, name.

use http::Request;
use serde_json::{Value, json};
use std::fmt;

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub verb: &'static str,
    pub group: String,
    /// With its subresource: `llmkeys/status`.
    pub plural: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// Only metadata is asked for.
    pub bare: bool,
    /// A server-side apply, which creates what is missing.
    pub apply: bool,
    /// Who will own what is written.
    pub manager: String,
    /// Where a watch goes on from.
    pub from: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, plural, namespace, name, .. } = self;
        write!(f, "{verb} {group} {plural} {namespace:?} {name:?}")
    }
}

impl Call {
    pub fn read<B>(request: &Request<B>) -> Self {
        let header = |name: &str| {
            request.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default().to_owned()
        };
        let query = request.uri().query().unwrap_or_default();
        let parameter =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let mut path: Vec<&str> = request.uri().path().split('/').filter(|step| !step.is_empty()).collect();
        let group = if path[0] == "api" { String::new() } else { path.remove(1).to_owned() };
        let rest = &path[2..];
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let (plural, name) = match rest {
            [plural] => ((*plural).to_owned(), None),
            [plural, name] => ((*plural).to_owned(), Some((*name).to_owned())),
            [plural, name, sub] => (format!("{plural}/{sub}"), Some((*name).to_owned())),
            _ => panic!("no path of an API server: {path:?}"),
        };
        let verb = match (request.method().as_str(), &name) {
            ("GET", Some(_)) => "get",
            ("GET", None) if parameter("watch") == Some("true") => "watch",
            ("GET", None) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", _) => "delete",
            (method, _) => panic!("no verb for {method}"),
        };
        let from = parameter("resourceVersion").and_then(|from| from.parse().ok()).unwrap_or_default();
        let manager = parameter("fieldManager").unwrap_or_default().to_owned();
        let (bare, apply) = (
            header("accept").contains("PartialObjectMetadata"),
            header("content-type").contains("apply-patch"),
        );
        Self { verb, group, plural, namespace, name, bare, apply, manager, from }
    }

    /// What is stored, as `kubectl` writes it: `secrets`, `llmkeys.weir.dev`.
    pub fn resource(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let (plural, _) = self.plural.split_once('/').unwrap_or((&self.plural, ""));
        format!("{plural}{dot}{}", self.group)
    }

    /// Whether an object is in the namespace that the call is about.
    pub fn is_about(&self, object: &Value) -> bool {
        self.namespace.is_none() || object["metadata"]["namespace"].as_str() == self.namespace.as_deref()
    }

    /// An event of a watch as this call is to see it.
    pub fn seen(&self, mut event: Value) -> Value {
        event["object"] = self.one(event["object"].take());
        event
    }

    /// An answer as this call is to see it.
    pub fn shown(&self, mut answer: Value) -> Value {
        match answer["items"].as_array_mut() {
            Some(items) => items.iter_mut().for_each(|item| *item = self.one(item.take())),
            None => return self.one(answer),
        }
        answer
    }

    fn one(&self, object: Value) -> Value {
        if !self.bare {
            return object;
        }
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
    }
}
