//! Objects in force -> what compile makes of them, with its findings where they belong in the files.

use crate::manifest::{Id, Problem, What, World, labels, pointer, secret};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::Arc;
use weir_compile::{Finding, Input, Namespaces, Output, SecretContent, Secrets, compile};
use weir_config::{ObjectName, Snapshot};
use weir_crds::{Kind, LLMGateway};

/// A compiled gateway and what there is to say about the manifests.
pub(crate) struct Configuration {
    pub(crate) output: Output,
    pub(crate) problems: Vec<Problem>,
}

impl Configuration {
    /// What the gateway `name` runs; there is one for every gateway that was put in.
    pub(crate) fn snapshot(&self, name: &ObjectName) -> Option<&Snapshot> {
        self.output.gateways.get(name)
    }
}

/// The Secrets among the manifests, decoded.
pub(crate) fn secrets(world: &World) -> Secrets {
    let content = |value| {
        let labels = labels(value).unwrap_or_default();
        Some(SecretContent::new(secret(value).ok()?, &labels))
    };
    let secrets = world.all(What::Secret);
    secrets.filter_map(|(id, held)| Some((id.name.clone(), content(&held.value)?))).collect()
}

/// The labels of every namespace that is spoken of: in a cluster it is there, and labelled with its name.
fn namespaces(world: &World) -> Namespaces {
    let mut namespaces = Namespaces::new();
    for (id, held) in &world.objects {
        let (name, given) = match id.what {
            What::Namespace => (&id.name.name, labels(&held.value).unwrap_or_default()),
            What::Secret | What::Ours(_) => (&id.name.namespace, Default::default()),
        };
        let labels = namespaces.entry(name.clone()).or_default();
        labels.extend(given);
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.clone());
    }
    namespaces
}

/// Compiles `world` together with `secrets` and the gateways that are `implied`.
pub(crate) fn configure(world: &World, secrets: Secrets, implied: Vec<LLMGateway>) -> Configuration {
    let mut problems = Vec::new();
    let mut gateways = typed(world, Kind::Gateway, &mut problems);
    gateways.extend(implied.into_iter().map(Arc::new));
    let output = compile(&Input {
        gateways,
        providers: typed(world, Kind::Provider, &mut problems),
        routes: typed(world, Kind::Route, &mut problems),
        keys: typed(world, Kind::Key, &mut problems),
        secrets,
        // On a laptop a Secret among the manifests is the one that is meant.
        taken: BTreeSet::new(),
        // On a laptop nobody labels Secrets, and nobody else could name them.
        require_credential_label: false,
        namespaces: namespaces(world),
    });
    problems.extend(output.findings.iter().map(|finding| located(world, finding)));
    Configuration { output, problems }
}

/// The objects of `kind` as their type. Whatever passed the schema reads; should one not, it is reported.
fn typed<T: DeserializeOwned>(world: &World, kind: Kind, problems: &mut Vec<Problem>) -> Vec<Arc<T>> {
    let mut objects = Vec::new();
    for (id, held) in world.all(What::Ours(kind)) {
        match serde_json::from_value(held.value.clone()) {
            Ok(object) => objects.push(Arc::new(object)),
            Err(error) => {
                let problem = Problem::at(Some(held.origin.spot("")), error.to_string());
                problems.push(problem.about(id.to_string(), String::new()));
            }
        }
    }
    objects
}

fn located(world: &World, finding: &Finding) -> Problem {
    let Finding { object: (kind, name), severity, code, field, message } = finding;
    let id = Id { what: What::Ours(*kind), name: name.clone() };
    let spot = world.objects.get(&id).map(|held| held.origin.spot(&pointer(field)));
    Problem {
        severity: *severity,
        code: Some(*code),
        ..Problem::at(spot, message).about(id.to_string(), field.clone())
    }
}
