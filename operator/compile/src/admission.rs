//! `allowedNamespaces`: from where an object lets others refer to it.
//!
//! A selector is read once, against the namespaces that are known, into the set that it admits. What cannot be read
//! admits nobody: a mistake must not open an account to strangers.

use crate::codes::Code;
use crate::finding::Report;
use std::collections::{BTreeMap, BTreeSet};
use weir_crds::{AllowedNamespaces, FromNamespaces};

/// The labels of every namespace that is known, by its name.
pub type Namespaces = BTreeMap<String, BTreeMap<String, String>>;

/// The namespaces that an object admits besides its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    All,
    These(BTreeSet<String>),
}

impl Admission {
    /// Reads the field `at`.
    pub(crate) fn read(
        report: &mut Report,
        at: &str,
        spec: &AllowedNamespaces,
        namespaces: &Namespaces,
    ) -> Self {
        match (spec.from, &spec.selector) {
            (FromNamespaces::Selector, Some(selector)) if !selector.match_labels.is_empty() => {
                let wanted = &selector.match_labels;
                let matches = |labels: &BTreeMap<String, String>| {
                    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
                };
                let admitted = namespaces.iter().filter(|(_, labels)| matches(labels));
                Self::These(admitted.map(|(name, _)| name.clone()).collect())
            }
            (FromNamespaces::Selector, _) => {
                let message = "no label is given to select namespaces by, so no other namespace is admitted; \
                               give matchLabels, or say from: All";
                report.add(Code::InvalidValue, format!("{at}.selector"), message);
                Self::These(BTreeSet::new())
            }
            (from, selector) => {
                if selector.is_some() {
                    let message =
                        "a selector counts with from: Selector only, so it is ignored; remove one of them";
                    report.add(Code::InvalidValue, format!("{at}.selector"), message);
                }
                if from == FromNamespaces::All { Self::All } else { Self::These(BTreeSet::new()) }
            }
        }
    }

    pub(crate) fn admits(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(namespaces) => namespaces.contains(namespace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::ObjectName;
    use weir_crds::{Kind, NamespaceSelector};

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(from: FromNamespaces, selector: Option<&[(&str, &str)]>) -> (Admission, usize) {
        let namespaces = Namespaces::from([
            ("a".to_owned(), labels(&[("team", "a"), ("llm", "yes")])),
            ("b".to_owned(), labels(&[("team", "b"), ("llm", "yes")])),
            ("plain".to_owned(), labels(&[])),
        ]);
        let selector = selector.map(|pairs| NamespaceSelector { match_labels: labels(pairs) });
        let mut report = Report::on(Kind::Provider, &ObjectName::new("p", "p"));
        let spec = AllowedNamespaces { from, selector };
        let admission = Admission::read(&mut report, "spec.allowedNamespaces", &spec, &namespaces);
        (admission, report.into_findings().len())
    }

    fn admitted(admission: &Admission) -> Vec<&'static str> {
        ["a", "b", "plain", "unknown"].into_iter().filter(|name| admission.admits(name)).collect()
    }

    #[test]
    fn a_selector_admits_the_namespaces_that_have_all_of_its_labels() {
        for (selector, expected) in [
            (&[("llm", "yes")][..], &["a", "b"][..]),
            (&[("llm", "yes"), ("team", "b")], &["b"]),
            (&[("llm", "")], &[]),
        ] {
            let (admission, findings) = read(FromNamespaces::Selector, Some(selector));
            assert_eq!((admitted(&admission).as_slice(), findings), (expected, 0), "{selector:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_admits_nobody_and_says_so() {
        for selector in [None, Some(&[][..])] {
            let (admission, findings) = read(FromNamespaces::Selector, selector);
            assert_eq!((admitted(&admission).as_slice(), findings), (&[][..], 1));
        }
        let (admission, findings) = read(FromNamespaces::Same, Some(&[("llm", "yes")]));
        assert_eq!((admitted(&admission).as_slice(), findings), (&[][..], 1));
    }

    #[test]
    fn all_admits_namespaces_that_nobody_told_of_too() {
        let (admission, findings) = read(FromNamespaces::All, None);
        assert_eq!((admitted(&admission).len(), findings), (4, 0));
    }
}
