//! Manifests -> `Input`.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use weir_compile::{Input, SecretContent};
use weir_config::ObjectName;

/// Every document of `yaml`; `path` is for messages only.
pub fn documents(path: &str, yaml: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(yaml);
    let read = |document| Value::deserialize(document).unwrap_or_else(|error| panic!("{path}: {error}"));
    documents.map(read).filter(|object| !object.is_null()).collect()
}

/// The objects as compile takes them.
pub fn input(objects: &[Value]) -> Input {
    let mut input = Input::default();
    objects.iter().for_each(|object| add(&mut input, object.clone()));
    input
}

fn add(input: &mut Input, object: Value) {
    match object["kind"].as_str() {
        Some("LLMGateway") => input.gateways.push(Arc::new(read(object))),
        Some("LLMProvider") => input.providers.push(Arc::new(read(object))),
        Some("LLMRoute") => input.routes.push(Arc::new(read(object))),
        Some("LLMKey") => input.keys.push(Arc::new(read(object))),
        Some("Secret") => {
            let (name, content) = secret(read(object));
            input.secrets.insert(name, content);
        }
        Some("Namespace") => {
            let metadata = read::<Namespace>(object).metadata;
            input.namespaces.insert(metadata.name.unwrap(), metadata.labels.unwrap_or_default());
        }
        // Not an object: what compile is told besides.
        Some("Flags") => {
            input.require_credential_label = object["requireCredentialLabel"] == true;
            let taken = object["taken"].as_array().into_iter().flatten();
            input.taken.extend(taken.map(|key| ObjectName::new("default", key.as_str().unwrap())));
        }
        kind => panic!("no kind for a case: {kind:?}"),
    }
}

fn read<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error} in {object}"))
}

fn secret(secret: Secret) -> (ObjectName, SecretContent) {
    let namespace =
        secret.metadata.namespace.filter(|it| !it.is_empty()).unwrap_or_else(|| "default".to_owned());
    let name = ObjectName::new(namespace, secret.metadata.name.unwrap());
    let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
    let text = secret.string_data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
    (name, SecretContent::new(data.chain(text).collect(), &secret.metadata.labels.unwrap_or_default()))
}
