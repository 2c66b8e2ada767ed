//! What the API server would say to an object, without one: structural schema, list types, CEL rules, in that
//! order and in its words, followed by what is allowed.
//!
//! It is stricter where that helps: an unknown field is a violation (as with `kubectl --validate=strict`), never
//! dropped; `namespace: ""` is no namespace; an unchanged field that an older schema let pass is not excused; a
//! `status`, which the server drops unread, must be one. It is weaker only in `metadata`: keys of labels and
//! annotations are not looked at.

mod defaults;
mod lists;
mod message;
mod metadata;
mod rules;
mod structure;
mod violation;

pub use violation::Violation;

use crate::Kind;
use serde_json::Value;
use std::sync::LazyLock;

/// What the API server would say to `object`; nothing if it takes it, and then the object reads as its type.
/// `old` is what it replaces, if it is there already. Namespaces need not be set.
pub fn verdict(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<Violation> {
    let checker = Checker::of(kind);
    let mut object = object.clone();
    defaults::apply(&checker.schema, &mut object);
    let old = old.cloned().map(|mut old| {
        defaults::apply(&checker.schema, &mut old);
        old
    });
    let (mut violations, decidable) = structure::check(&checker.structure, &object);
    lists::check(&checker.schema, &object, "", &mut violations);
    if decidable {
        rules::check(&checker.rules, &object, old.as_ref(), &mut violations);
    }
    if violations.is_empty() {
        violations.extend(unreadable(kind, &object));
    }
    violations.sort();
    violations
}

/// Puts the schema's defaults into `object`, takes nulls out of it, and makes `60.0` the integer that it is, as the API
/// server does before it validates and before anybody reads the object.
pub fn apply_defaults(kind: Kind, object: &mut Value) {
    defaults::apply(&Checker::of(kind).schema, object);
}

/// Why `object`, which the schema takes, isn't one of its type's values. Schemas and types agree, as the tests show:
/// should they not, it is said here rather than by whoever reads the object.
fn unreadable(kind: Kind, object: &Value) -> Option<Violation> {
    fn read<T: serde::de::DeserializeOwned>(object: &Value) -> Result<(), serde_json::Error> {
        serde_json::from_value::<T>(object.clone()).map(drop)
    }
    let read = match kind {
        Kind::Gateway => read::<crate::LLMGateway>,
        Kind::Provider => read::<crate::LLMProvider>,
        Kind::Route => read::<crate::LLMRoute>,
        Kind::Key => read::<crate::LLMKey>,
    };
    let error = read(object).err()?;
    Some(Violation { pointer: String::new(), message: error.to_string() })
}

/// All that is needed to check objects of one kind.
struct Checker {
    /// Of the whole object, `metadata` included.
    schema: Value,
    structure: structure::Structure,
    rules: kube::core::cel::CompiledSchema,
}

impl Checker {
    fn of(kind: Kind) -> &'static Self {
        static GATEWAY: LazyLock<Checker> = LazyLock::new(|| Checker::new(Kind::Gateway));
        static PROVIDER: LazyLock<Checker> = LazyLock::new(|| Checker::new(Kind::Provider));
        static ROUTE: LazyLock<Checker> = LazyLock::new(|| Checker::new(Kind::Route));
        static KEY: LazyLock<Checker> = LazyLock::new(|| Checker::new(Kind::Key));
        match kind {
            Kind::Gateway => &GATEWAY,
            Kind::Provider => &PROVIDER,
            Kind::Route => &ROUTE,
            Kind::Key => &KEY,
        }
    }

    fn new(kind: Kind) -> Self {
        let crd = kind.crd();
        let schema = crd.spec.versions.into_iter().find_map(|version| version.schema?.open_api_v3_schema);
        let schema = structure::whole(serde_json::to_value(schema).unwrap_or_default());
        Self {
            structure: structure::Structure::new(&schema),
            rules: kube::core::cel::compile_schema(&schema),
            schema,
        }
    }
}

#[cfg(test)]
mod tests;
