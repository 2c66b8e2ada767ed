//! Objects in force -> what compile makes of them, with its findings where they belong in the files.

use crate::manifest::{Id, Problem, World, pointer, secret};
use serde::de::DeserializeOwned;
use weir_compile::{Finding, Input, Output, Secrets, compile};
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
    let secrets = world.of_kind(None);
    secrets.filter_map(|(id, held)| Some((id.name.clone(), secret(&held.value).ok()?))).collect()
}

/// Compiles `world` together with `secrets` and the gateways that are `implied`.
pub(crate) fn configure(world: &World, secrets: Secrets, implied: Vec<LLMGateway>) -> Configuration {
    let mut problems = Vec::new();
    let mut gateways = typed(world, Kind::Gateway, &mut problems);
    gateways.extend(implied);
    let output = compile(&Input {
        gateways,
        providers: typed(world, Kind::Provider, &mut problems),
        routes: typed(world, Kind::Route, &mut problems),
        keys: typed(world, Kind::Key, &mut problems),
        secrets,
    });
    problems.extend(output.findings.iter().map(|finding| located(world, finding)));
    Configuration { output, problems }
}

/// The objects of `kind` as their type. Whatever passed the schema reads; should one not, it is reported.
fn typed<T: DeserializeOwned>(world: &World, kind: Kind, problems: &mut Vec<Problem>) -> Vec<T> {
    let mut objects = Vec::new();
    for (id, held) in world.of_kind(Some(kind)) {
        match serde_json::from_value(held.value.clone()) {
            Ok(object) => objects.push(object),
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
    let id = Id { kind: Some(*kind), name: name.clone() };
    let spot = world.objects.get(&id).map(|held| held.origin.spot(&pointer(field)));
    Problem {
        severity: *severity,
        code: Some(*code),
        ..Problem::at(spot, message).about(id.to_string(), field.clone())
    }
}
