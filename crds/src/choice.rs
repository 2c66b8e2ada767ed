//! Enums of `weir-config` as the schema lists them.
//!
//! The objects use the same enums as the snapshot: one spelling, one type. `weir-config` knows no schemas, so
//! the list of values is written here, and a test holds both together.

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
    const ALL: &'static [Self] = &[Self::OpenAI, Self::OpenAICompatible, Self::Mock];
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
        Self::Garbled,
    ];
}
