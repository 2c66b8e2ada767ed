//! References: from the object that names to the object that is named.
//!
//! One function for every reference of every kind, so that where a reference may lead is decided once: into the
//! object's own namespace and nowhere else. What may not be referred to looks exactly like what is missing.

use crate::codes::Code;
use crate::finding::Report;
use crate::values::quoted;
use std::collections::BTreeMap;
use weir_config::ObjectName;

/// What `name` means, written in an object of `from`'s namespace; `None` if there is no such object.
pub(crate) fn resolve_ref<'w, T>(
    objects: &'w BTreeMap<ObjectName, T>,
    from: &ObjectName,
    name: &str,
) -> Option<(&'w ObjectName, &'w T)> {
    objects.get_key_value(&ObjectName::new(from.namespace.as_str(), name))
}

/// The Secrets that objects refer to: name -> key -> value.
pub type Secrets = BTreeMap<ObjectName, BTreeMap<String, Vec<u8>>>;

/// The text under `key` of the Secret `name`, without the newline that `kubectl create secret --from-file`
/// and editors leave at its end: one LF or CRLF, no more. Reports at `field` what is missing.
pub(crate) fn resolve_secret<'w>(
    secrets: &'w Secrets,
    from: &ObjectName,
    (name, key): (&str, &str),
    field: &str,
    report: &mut Report,
) -> Option<&'w [u8]> {
    let Some((_, secret)) = resolve_ref(secrets, from, name) else {
        report.add(
            Code::SecretNotFound,
            format!("{field}.name"),
            format!(
                "there is no Secret {} in namespace {}; create it, or correct the name",
                quoted(name),
                from.namespace
            ),
        );
        return None;
    };
    let value = secret.get(key).map(|value| without_final_newline(value)).filter(|value| !value.is_empty());
    if value.is_none() {
        report.add(
            Code::SecretKeyMissing,
            format!("{field}.key"),
            format!(
                "Secret {} has nothing under the key {}; add it, or correct the key",
                quoted(name),
                quoted(key)
            ),
        );
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
    use weir_crds::Kind;

    #[test]
    fn a_reference_stays_in_its_own_namespace() {
        let objects = BTreeMap::from([(ObjectName::new("b", "x"), 1)]);
        assert_eq!(resolve_ref(&objects, &ObjectName::new("a", "route"), "x"), None);
        assert_eq!(
            resolve_ref(&objects, &ObjectName::new("b", "route"), "x").map(|(_, found)| *found),
            Some(1)
        );
    }

    #[test]
    fn one_final_newline_of_a_secret_is_cut_off() {
        for (value, text) in [("k", "k"), ("k\n", "k"), ("k\r\n", "k"), ("k\n\n", "k\n"), ("k ", "k ")] {
            assert_eq!(without_final_newline(value.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn a_missing_secret_and_a_missing_key_are_told_apart() {
        let secret = BTreeMap::from([("empty".to_owned(), b"\n".to_vec())]);
        let secrets = Secrets::from([(ObjectName::new("a", "s"), secret)]);
        for (name, key, code) in [
            ("t", "k", Code::SecretNotFound),
            ("s", "k", Code::SecretKeyMissing),
            ("s", "empty", Code::SecretKeyMissing),
        ] {
            let owner = ObjectName::new("a", "p");
            let mut report = Report::on(Kind::Provider, &owner);
            assert_eq!(resolve_secret(&secrets, &owner, (name, key), "spec.ref", &mut report), None);
            assert_eq!(report.into_findings()[0].code, code);
        }
    }
}
