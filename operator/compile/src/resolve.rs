//! References: from the object that names to the object that is named.
//!
//! One function for every reference of every kind, so that where a reference may lead is decided once: into the
//! object's own namespace, and elsewhere if the object there admits it. Secrets admit nobody. What may not be
//! referred to looks exactly like what is missing, or a reference would tell strangers what there is.

use crate::codes::Code;
use crate::finding::Report;
use crate::values::quoted;
use std::collections::BTreeMap;
use weir_config::ObjectName;
use weir_crds::{GatewayRef, Kind, ProviderRef};

/// A reference as its author wrote it.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    /// `None`: the author's own.
    pub(crate) namespace: Option<&'a str>,
}

impl<'a> From<&'a GatewayRef> for Wanted<'a> {
    fn from(reference: &'a GatewayRef) -> Self {
        Self { name: &reference.name, namespace: reference.namespace.as_deref() }
    }
}

impl<'a> From<&'a ProviderRef> for Wanted<'a> {
    fn from(reference: &'a ProviderRef) -> Self {
        Self { name: &reference.name, namespace: reference.namespace.as_deref() }
    }
}

/// Who may refer to an object from another namespace.
pub(crate) trait Admits {
    /// Whether objects of this kind in this namespace may.
    fn admits(&self, kind: Kind, namespace: &str) -> bool;
}

/// What `wanted` means, written in the object `from`; `None` if there is no such object or it is not for `from`.
pub(crate) fn resolve_ref<'w, T: Admits>(
    objects: &'w BTreeMap<ObjectName, T>,
    (kind, from): (Kind, &ObjectName),
    wanted: Wanted<'_>,
) -> Option<(&'w ObjectName, &'w T)> {
    let namespace = wanted.namespace.unwrap_or(&from.namespace);
    let (name, object) = objects.get_key_value(&ObjectName::new(namespace, wanted.name))?;
    (name.namespace == from.namespace || object.admits(kind, &from.namespace)).then_some((name, object))
}

/// Says that `wanted` leads to no `kind`, what follows from it (`consequence`, with its comma) and what to do. It does
/// not look whether there is one: what is missing and what refuses must read alike.
pub(crate) fn leads_nowhere(kind: Kind, from: &ObjectName, wanted: Wanted<'_>, consequence: &str) -> String {
    let name = quoted(wanted.name);
    match wanted.namespace.filter(|namespace| *namespace != from.namespace) {
        None => format!(
            "there is no {kind} {name} in namespace {}{consequence}; create it, or correct the reference",
            from.namespace
        ),
        Some(namespace) => format!(
            "there is no {kind} {name} in namespace {} that admits namespace {}{consequence}; create it, \
             correct the reference, or have its spec.allowedNamespaces admit this namespace",
            quoted(namespace),
            from.namespace
        ),
    }
}

/// The Secrets that objects refer to, by name.
pub type Secrets = BTreeMap<ObjectName, SecretContent>;

/// One Secret, decoded. Not `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretContent {
    /// Key -> value.
    pub data: BTreeMap<String, Vec<u8>>,
    /// Whether it carries [`CREDENTIAL_LABEL`]: providers may send it to their vendors.
    pub labelled: bool,
}

/// The label and its value by which a Secret says that providers may use it.
pub const CREDENTIAL_LABEL: (&str, &str) = ("weir.dev/credential", "true");

impl SecretContent {
    /// A Secret with these values and labels.
    pub fn new(data: BTreeMap<String, Vec<u8>>, labels: &BTreeMap<String, String>) -> Self {
        let (label, value) = CREDENTIAL_LABEL;
        Self { data, labelled: labels.get(label).is_some_and(|given| given == value) }
    }
}

impl Admits for SecretContent {
    fn admits(&self, _: Kind, _: &str) -> bool {
        false
    }
}

/// The Secret `name` of the namespace of `from`; says at `field` that it is missing.
pub(crate) fn resolve_secret<'w>(
    secrets: &'w Secrets,
    from: (Kind, &ObjectName),
    name: &str,
    field: &str,
    report: &mut Report,
) -> Option<&'w SecretContent> {
    let found = resolve_ref(secrets, from, Wanted { name, namespace: None });
    if found.is_none() {
        let message = format!(
            "there is no Secret {} in namespace {}; create it, or correct the name",
            quoted(name),
            from.1.namespace
        );
        report.add(Code::SecretNotFound, format!("{field}.name"), message);
    }
    found.map(|(_, secret)| secret)
}

/// The text under `key` of a Secret, without the newline that `kubectl create secret --from-file` and editors leave
/// at its end: one LF or CRLF, no more. Reports at `field` what is missing.
pub(crate) fn text_of<'w>(
    secret: &'w SecretContent,
    (name, key): (&str, &str),
    field: &str,
    report: &mut Report,
) -> Option<&'w [u8]> {
    let value = secret.data.get(key).map(|value| without_final_newline(value));
    let value = value.filter(|value| !value.is_empty());
    if value.is_none() {
        let message = format!(
            "Secret {} has nothing under the key {}; add it, or correct the key",
            quoted(name),
            quoted(key)
        );
        report.add(Code::SecretKeyMissing, format!("{field}.key"), message);
    }
    value
}

/// `text` without one LF or CRLF at its end.
pub(crate) fn without_final_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Admits routes of one namespace.
    struct Admitting(&'static str);

    impl Admits for Admitting {
        fn admits(&self, kind: Kind, namespace: &str) -> bool {
            kind == Kind::Route && namespace == self.0
        }
    }

    #[test]
    fn a_reference_leads_into_its_own_namespace_and_where_it_is_admitted() {
        let objects = BTreeMap::from([(ObjectName::new("b", "x"), Admitting("a"))]);
        let leads = |kind, from: &str, namespace| {
            let from = ObjectName::new(from, "referrer");
            resolve_ref(&objects, (kind, &from), Wanted { name: "x", namespace }).is_some()
        };
        assert!(leads(Kind::Route, "b", None) && leads(Kind::Key, "b", None));
        assert!(leads(Kind::Key, "b", Some("b")), "one's own namespace, said aloud");
        assert!(leads(Kind::Route, "a", Some("b")));
        assert!(!leads(Kind::Route, "a", None), "unsaid it is one's own");
        assert!(!leads(Kind::Key, "a", Some("b")), "another kind");
        assert!(!leads(Kind::Route, "c", Some("b")), "another namespace");
        assert!(!leads(Kind::Route, "a", Some("c")), "not there");
    }

    #[test]
    fn one_final_newline_of_a_secret_is_cut_off() {
        for (value, text) in [("k", "k"), ("k\n", "k"), ("k\r\n", "k"), ("k\n\n", "k\n"), ("k ", "k ")] {
            assert_eq!(without_final_newline(value.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn a_missing_secret_and_a_missing_key_are_told_apart() {
        let data = BTreeMap::from([("empty".to_owned(), b"\n".to_vec())]);
        let secrets = Secrets::from([(ObjectName::new("a", "s"), SecretContent { data, labelled: false })]);
        for (name, key, code) in [
            ("t", "k", Code::SecretNotFound),
            ("s", "k", Code::SecretKeyMissing),
            ("s", "empty", Code::SecretKeyMissing),
        ] {
            let owner = ObjectName::new("a", "p");
            let mut report = Report::on(Kind::Provider, &owner);
            let secret = resolve_secret(&secrets, (Kind::Provider, &owner), name, "spec.ref", &mut report);
            assert_eq!(secret.and_then(|it| text_of(it, (name, key), "spec.ref", &mut report)), None);
            assert_eq!(report.into_findings()[0].code, code);
        }
    }

    #[test]
    fn s10_7_a_label_counts_with_its_value_only() {
        let labelled = |name: &str, value: &str| {
            SecretContent::new(BTreeMap::new(), &BTreeMap::from([(name.to_owned(), value.to_owned())]))
                .labelled
        };
        assert!(labelled("weir.dev/credential", "true"));
        assert!(!labelled("weir.dev/credential", "false") && !labelled("weir.dev/credential", ""));
        assert!(!labelled("credential", "true"));
    }
}
