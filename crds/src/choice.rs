//! Enums as the schema lists them, most of them of `weir-config`.
//!
//! The objects use the same enums as the snapshot: one spelling, one type. `weir-config` knows no schemas, so
//! the list of values is written here, and a test holds both together.

use crate::{ConditionStatus, FromNamespaces, Kind, PullPolicy, ServiceType};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::borrow::Cow;
use std::marker::PhantomData;
use weir_config::{Disclosure, FailureClass, MockReply, OnAbort, Vendor};

/// An enum that a field of an object takes.
pub(crate) trait Choices: Serialize + Sized + 'static {
    /// What the field takes, in the order of the documentation.
    const ALL: &'static [Self];
}

/// Stands for `T` in `#[schemars(with = ..)]`.
pub(crate) struct OneOf<T>(PhantomData<T>);

impl<T: Choices> JsonSchema for OneOf<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOf".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = T::ALL.iter().filter_map(|value| serde_json::to_value(value).ok()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

impl Choices for Vendor {
    const ALL: &'static [Self] = &[Self::OpenAI, Self::Anthropic, Self::OpenAICompatible, Self::Mock];
}

impl Choices for OnAbort {
    const ALL: &'static [Self] = &[Self::Unknown, Self::Stops, Self::Continues];
}

impl Choices for MockReply {
    const ALL: &'static [Self] = &[Self::Echo, Self::Lorem];
}

impl Choices for Disclosure {
    const ALL: &'static [Self] = &[Self::Names, Self::None, Self::Full];
}

impl Choices for ConditionStatus {
    const ALL: &'static [Self] = &[Self::True, Self::False, Self::Unknown];
}

impl Choices for FromNamespaces {
    const ALL: &'static [Self] = &[Self::Same, Self::All, Self::Selector];
}

impl Choices for PullPolicy {
    const ALL: &'static [Self] = &[Self::Always, Self::IfNotPresent, Self::Never];
}

impl Choices for ServiceType {
    const ALL: &'static [Self] = &[Self::ClusterIP, Self::NodePort, Self::LoadBalancer];
}

impl Choices for Kind {
    const ALL: &'static [Self] = &Self::ALL;
}

/// Without `CallerFault`: no other target helps against it.
impl Choices for FailureClass {
    const ALL: &'static [Self] = &[
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::Timeout,
        Self::Credential,
        Self::Billing,
        Self::Forbidden,
        Self::ModelMissing,
        Self::TooLarge,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::Misdirected,
        Self::Garbled,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;
    use std::fmt::Debug;

    /// Holds a list to its enum: `place` is an exhaustive match, so that a new variant does not compile before it
    /// stands here, and then not pass before it stands in the list.
    fn check<T: Choices + DeserializeOwned + PartialEq + Debug>(place: impl Fn(&T) -> Option<usize>) {
        for (at, value) in T::ALL.iter().enumerate() {
            assert_eq!(place(value), Some(at), "{value:?}");
            let name = serde_json::to_value(value).unwrap();
            assert_eq!(&serde_json::from_value::<T>(name).unwrap(), value);
        }
    }

    #[test]
    fn the_schema_lists_every_variant_of_the_snapshots_enums() {
        check(|vendor| match vendor {
            Vendor::OpenAI => Some(0),
            Vendor::Anthropic => Some(1),
            Vendor::OpenAICompatible => Some(2),
            Vendor::Mock => Some(3),
        });
        check(|on_abort| match on_abort {
            OnAbort::Unknown => Some(0),
            OnAbort::Stops => Some(1),
            OnAbort::Continues => Some(2),
        });
        check(|reply| match reply {
            MockReply::Echo => Some(0),
            MockReply::Lorem => Some(1),
        });
        check(|disclosure| match disclosure {
            Disclosure::Names => Some(0),
            Disclosure::None => Some(1),
            Disclosure::Full => Some(2),
        });
        check(|status| match status {
            ConditionStatus::True => Some(0),
            ConditionStatus::False => Some(1),
            ConditionStatus::Unknown => Some(2),
        });
        check(|from| match from {
            FromNamespaces::Same => Some(0),
            FromNamespaces::All => Some(1),
            FromNamespaces::Selector => Some(2),
        });
        check(|policy| match policy {
            PullPolicy::Always => Some(0),
            PullPolicy::IfNotPresent => Some(1),
            PullPolicy::Never => Some(2),
        });
        check(|type_| match type_ {
            ServiceType::ClusterIP => Some(0),
            ServiceType::NodePort => Some(1),
            ServiceType::LoadBalancer => Some(2),
        });
        for type_ in <ServiceType as Choices>::ALL {
            assert_eq!(serde_json::to_value(type_).unwrap(), type_.name());
        }
        for policy in <PullPolicy as Choices>::ALL {
            assert_eq!(serde_json::to_value(policy).unwrap(), policy.name());
        }
        check(|kind| match kind {
            Kind::Gateway => Some(0),
            Kind::Provider => Some(1),
            Kind::Route => Some(2),
            Kind::Key => Some(3),
        });
        assert_eq!((ConditionStatus::ALL.len(), FromNamespaces::ALL.len(), Kind::ALL.len()), (3, 3, 4));
        assert_eq!((PullPolicy::ALL.len(), ServiceType::ALL.len()), (3, 3));
        assert_eq!((Vendor::ALL.len(), OnAbort::ALL.len()), (4, 3));
        assert_eq!((MockReply::ALL.len(), Disclosure::ALL.len()), (2, 3));
    }

    #[test]
    fn every_failure_but_the_callers_own_may_move_on() {
        let all: Vec<_> =
            FailureClass::ALL.into_iter().filter(|class| *class != FailureClass::CallerFault).collect();
        assert_eq!(<FailureClass as Choices>::ALL, all);
    }
}
