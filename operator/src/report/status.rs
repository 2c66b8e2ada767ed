//! `status` of the four kinds, whole: what compile counted and what the pods say, and the conditions with it.
//!
//! Pure. Lists are cut to what the schema takes: a status that outgrows it would be refused whole, and the object
//! would fall silent.

use super::conditions::rfc3339;
use crate::children::rollout::Deployed;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use weir_compile::{
    GatewayAttachment, Kind, ProviderAttachment, RouteAttachment, Skipped as LeftOut, TargetState,
};
use weir_compile::{KeyAttachment, KeyText};
use weir_config::published::Revision;
use weir_crds::{
    AttachedStatus, Condition, ConfigStatus, KeyTextStatus, LLMGatewayStatus, LLMKeySpec, LLMKeyStatus,
    LLMProviderStatus, LLMRouteStatus, MOST_SKIPPED, SkippedStatus, TargetStatus,
};

/// Most texts that `LLMKeyStatus.keys` lists.
const MOST_TEXTS: usize = 64;
/// Most targets that `LLMRouteStatus.targets` lists.
const MOST_TARGETS: usize = 32;

/// A status of one of the kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Status {
    /// Of an LLMGateway.
    Gateway(LLMGatewayStatus),
    /// Of an LLMProvider.
    Provider(LLMProviderStatus),
    /// Of an LLMRoute.
    Route(LLMRouteStatus),
    /// Of an LLMKey.
    Key(LLMKeyStatus),
}

/// What one gateway's pods and its published configuration come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayNumbers {
    /// How many pods there are.
    pub pods: usize,
    /// How many of them are ready.
    pub ready: usize,
    /// How many ready ones run what was published last.
    pub current: usize,
    /// What was published last; nothing before the first time.
    pub revision: Option<Revision>,
    /// How many bytes that is, uncompressed.
    pub bytes: u64,
    /// Where callers find it.
    pub address: String,
    /// By which labels its pods are found.
    pub selector: String,
    /// How its pods come up.
    pub deployed: Deployed,
}

/// A kind's status, apart from what differs between kinds.
pub(super) trait Told: Sized {
    /// What it says of conditions.
    fn conditions(&self) -> &[Condition];
    /// With these conditions of this generation.
    fn with(self, generation: i64, conditions: Vec<Condition>) -> Self;
    /// Whether all but conditions and generation is the same. In whatever order: the API server merges lists by key.
    fn is_same(&self, other: &Self) -> bool;
    /// Of any kind.
    fn into_status(self) -> Status;
    /// Of this kind.
    fn of(status: &Status) -> Option<&Self>;
}

/// The four differ in their names only.
macro_rules! told {
    ($($type:ident is $kind:ident, with { $($value:ident),* } and lists { $($list:ident),* };)*) => { $(
        impl Told for $type {
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }

            fn with(self, generation: i64, conditions: Vec<Condition>) -> Self {
                Self { observed_generation: Some(generation), conditions, ..self }
            }

            fn is_same(&self, other: &Self) -> bool {
                // Without `..`, so that a new field cannot be forgotten.
                let Self { observed_generation: _, conditions: _, $($value,)* $($list,)* } = self;
                true $(&& *$value == other.$value)* $(&& holds_the_same($list, &other.$list))*
            }

            fn into_status(self) -> Status {
                Status::$kind(self)
            }

            fn of(status: &Status) -> Option<&Self> {
                if let Status::$kind(status) = status { Some(status) } else { None }
            }
        }
    )* };
}

told! {
    LLMGatewayStatus is Gateway, with { address, selector, replicas, ready_replicas, attached, config } and lists { skipped };
    LLMProviderStatus is Provider, with { model_count, attached_routes } and lists { };
    LLMRouteStatus is Route, with { ready_targets } and lists { targets };
    LLMKeyStatus is Key, with { secret_name } and lists { keys };
}

impl Status {
    /// Its conditions.
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::Gateway(status) => status.conditions(),
            Self::Provider(status) => status.conditions(),
            Self::Route(status) => status.conditions(),
            Self::Key(status) => status.conditions(),
        }
    }
}

/// An account's, without conditions.
pub fn provider(found: Option<&ProviderAttachment>) -> LLMProviderStatus {
    LLMProviderStatus {
        model_count: Some(count(found.map_or(0, |it| it.models))),
        attached_routes: Some(count(found.map_or(0, |it| it.routes))),
        ..LLMProviderStatus::default()
    }
}

/// A public model's, without conditions.
pub fn route(found: Option<&RouteAttachment>) -> LLMRouteStatus {
    let targets = found.map(|it| it.targets.as_slice()).unwrap_or_default();
    let available = targets.iter().filter(|target| target.unavailable.is_none()).count();
    LLMRouteStatus {
        ready_targets: Some(format!("{available}/{}", targets.len())),
        targets: targets.iter().take(MOST_TARGETS).map(target).collect(),
        ..LLMRouteStatus::default()
    }
}

fn target(state: &TargetState) -> TargetStatus {
    TargetStatus {
        name: state.name.clone(),
        available: state.unavailable.is_none(),
        reason: state.unavailable.map(|code| code.reason().to_owned()),
    }
}

/// A tenant's key's at `now`, without conditions.
pub fn key(spec: &LLMKeySpec, found: Option<&KeyAttachment>, now: Timestamp) -> LLMKeyStatus {
    let texts = found.map(|it| it.texts.as_slice()).unwrap_or_default();
    LLMKeyStatus {
        keys: texts.iter().take(MOST_TEXTS).map(|it| text(it, now)).collect(),
        secret_name: spec.source.generate.as_ref().map(|generate| generate.secret_name.clone()),
        ..LLMKeyStatus::default()
    }
}

fn text(text: &KeyText, now: Timestamp) -> KeyTextStatus {
    KeyTextStatus {
        id: text.id.clone(),
        not_after: text.not_after.map(|end| rfc3339(end.0)),
        active: text.not_after.is_none_or(|end| now.as_second() < end.0),
    }
}

/// When the next of a key's texts ends after `now`.
pub fn next_end(found: Option<&KeyAttachment>, now: Timestamp) -> Option<Timestamp> {
    let ends = found.into_iter().flat_map(|it| &it.texts).filter_map(|text| text.not_after);
    let next = ends.map(|end| end.0).filter(|end| now.as_second() < *end).min()?;
    Timestamp::from_second(next).ok()
}

/// A deployment's, without conditions.
pub fn gateway(found: Option<&GatewayAttachment>, numbers: &GatewayNumbers) -> LLMGatewayStatus {
    let config = numbers.revision.as_ref().map(|revision| ConfigStatus {
        generation: i64::try_from(revision.generation).unwrap_or(i64::MAX),
        hash: revision.hash.to_string(),
        bytes: i64::try_from(numbers.bytes).unwrap_or(i64::MAX),
        pods_current: count(numbers.current),
        pods_total: count(numbers.ready),
    });
    LLMGatewayStatus {
        address: some(&numbers.address),
        selector: some(&numbers.selector),
        replicas: Some(count(numbers.pods)),
        ready_replicas: Some(count(numbers.ready)),
        attached: found.map(|it| AttachedStatus {
            providers: count(it.providers),
            routes: count(it.routes),
            keys: count(it.keys),
        }),
        config,
        skipped: found.into_iter().flat_map(|it| &it.skipped).take(MOST_SKIPPED).map(skipped).collect(),
        ..LLMGatewayStatus::default()
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn skipped(left_out: &LeftOut) -> SkippedStatus {
    let (kind, name): &(Kind, _) = &left_out.object;
    SkippedStatus {
        kind: *kind,
        namespace: name.namespace.clone(),
        name: name.name.clone(),
        code: left_out.code.to_string(),
    }
}

/// What the schema takes at most.
fn count(number: usize) -> i32 {
    i32::try_from(number.min(1_000_000)).unwrap_or(i32::MAX)
}

fn holds_the_same<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one == other || (one.len() == other.len() && one.iter().all(|item| other.contains(item)))
}

#[cfg(test)]
mod tests;
