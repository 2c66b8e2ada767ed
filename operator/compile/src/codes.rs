//! Every code that a finding can carry: number, reason, severity, what it means, what to do.
//!
//! The one table. Conditions, the CLI and `docs/reference/codes.md` are made from it, so a number, once
//! released, is neither reused nor given another meaning. Hundreds group by what the code is about.

use serde::{Serialize, Serializer};
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Severity {
    /// Something that was asked for is not served.
    Error,
    /// It is served, but not all of it or not as meant.
    Warning,
    /// Worth knowing; nothing is wrong.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

/// One line of the table.
struct Row {
    number: u16,
    reason: &'static str,
    severity: Severity,
    meaning: &'static str,
    remedy: &'static str,
}

macro_rules! codes {
    ($($number:literal $code:ident $severity:ident $meaning:literal $remedy:literal)*) => {
        /// What a finding is about; shown as `WEIR0303`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $code,)* }

        impl Code {
            /// Every code, by number.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            fn row(self) -> Row {
                match self { $(Self::$code => Row {
                    number: $number,
                    reason: stringify!($code),
                    severity: Severity::$severity,
                    meaning: $meaning,
                    remedy: $remedy,
                },)* }
            }
        }
    };
}

codes! {
    1 InvalidValue Error
        "A field holds something that does not parse; it is left out, or its default applies."
        "Correct the field; the custom resource definitions of this version refuse such a value."
    2 DuplicateObject Error
        "Two manifests describe the same object; the older one applies."
        "Rename or remove one of them."
    101 NoMatchingGateway Error
        "`spec.gatewayRef` names no LLMGateway of the object's namespace."
        "Create the LLMGateway, or name an existing one."
    102 NotReferenced Info
        "Nothing refers to the object yet."
        "Nothing, if the objects that refer to it come later."
    103 SecretNotFound Error
        "A referenced Secret does not exist in the object's namespace."
        "Create the Secret, or correct the reference."
    104 SecretKeyMissing Error
        "The referenced Secret exists, but has no such key, or nothing in it."
        "Add the key to the Secret, or correct the reference."
    201 InvalidEndpoint Error
        "The endpoint is missing, is no usable URL, or leads where no gateway may connect."
        "Give an https URL of a host, without user, query and fragment; http needs `allowInsecure: true`."
    202 InvalidCredential Error
        "The credential cannot be sent in a header, or it is not clear which one to send."
        "Store the API key alone: visible ASCII, one line; give exactly one kind of credentials."
    203 Unpriced Info
        "Models have no known price: what they cost is reported as unknown, never as zero."
        "Give `prices` of these models."
    204 EgressRefused Warning
        "The endpoint is a literal private or loopback address that the gateway does not allow."
        "Add its range to `spec.egress.allowPrivate` of the LLMGateway."
    301 ModelNameConflict Error
        "Two routes of a gateway claim one public model name; the oldest route keeps it."
        "Rename the model or alias of one of them."
    302 NoTargets Error
        "No target of the route is usable: requests for it are answered 503."
        "See the findings on its targets and their providers."
    303 ProviderNotFound Error
        "A target names no LLMProvider of the route's namespace; the target is left out."
        "Create the LLMProvider, or correct `providerRef.name`."
    304 ModelNotOffered Error
        "The provider's list of models lacks the model that the target asks for; the target is left out."
        "Add the model to the provider's `models`, or name one that is listed."
    305 PartiallyResolved Warning
        "Some of the route's targets are unusable; the others serve."
        "See the findings on these targets and their providers."
    306 PartiallyOffered Warning
        "A target without `model` serves some of the route's public names only."
        "Give the target a `model`, or list the missing names in the provider's `models`."
    401 InvalidKey Error
        "A brought key is too short or holds characters that a header cannot carry; it is refused."
        "Bring at least 32 random characters of visible ASCII, or let Weir `generate` one."
    402 DuplicateKey Error
        "Two keys of a gateway are the same text; the oldest key keeps it."
        "Give one of them another key text."
    403 KeyPending Info
        "The key is to be generated, and its Secret is not there yet."
        "Wait for the operator; it writes the Secret once."
    404 ModelNotServed Info
        "`allowedModels` covers no public model of the gateway."
        "Nothing, if the route comes later; else correct the name."
}

impl Code {
    /// Its number; `WEIR0303` has 303.
    pub fn number(self) -> u16 {
        self.row().number
    }

    /// The reason in conditions, in CamelCase.
    pub fn reason(self) -> &'static str {
        self.row().reason
    }

    /// How bad it is, always.
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// What to do about it, in a sentence.
    pub fn remedy(self) -> &'static str {
        self.row().remedy
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WEIR{:04}", self.number())
    }
}

/// As it is shown: `"WEIR0303"`.
impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The page `docs/reference/codes.md`.
pub fn codes_markdown() -> String {
    let mut page = String::from(
        "# Codes\n\nWhat Weir has to say about an object carries one of these codes. Conditions show the \
         reason, the CLI and logs the code.\n\n| code | reason | severity | meaning | what to do |\n\
         |---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let Row { reason, severity, meaning, remedy, .. } = code.row();
        page.push_str(&format!("| {code} | {reason} | {severity} | {meaning} | {remedy} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_page_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/codes.md");
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(there == codes_markdown(), "docs/reference/codes.md is old: run `make gen`");
    }

    #[test]
    fn numbers_ascend_so_none_is_given_twice() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.number() < b.number()));
    }

    #[test]
    fn a_code_is_shown_with_four_digits() {
        assert_eq!(Code::ProviderNotFound.to_string(), "WEIR0303");
        assert_eq!(Code::ProviderNotFound.reason(), "ProviderNotFound");
    }

    #[test]
    fn the_page_has_a_line_for_each_code_and_no_cell_breaks_the_table() {
        let page = codes_markdown();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| WEIR")).collect();
        assert_eq!(rows.len(), Code::ALL.len());
        assert!(rows.iter().all(|row| row.matches('|').count() == 6));
    }
}
