//! Every code that a finding can carry: number, reason, severity, condition, what it means, what to do.
//!
//! The one table. Conditions, the CLI and the pages in `docs/reference` are made from it, so a number, once
//! released, is neither reused nor given another meaning. Hundreds group by what the code is about; compile finds
//! those below 500, the others are seen in a cluster only, or stand in a status.

use crate::condition::{Condition, Effect};
use serde::{Serialize, Serializer};
use std::fmt;
use weir_crds::ConditionStatus;

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
    condition: Condition,
    effect: Effect,
    meaning: &'static str,
    remedy: &'static str,
}

macro_rules! codes {
    ($($number:literal $code:ident $severity:ident $condition:ident $effect:ident $meaning:literal $remedy:literal)*) => {
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
                    condition: Condition::$condition,
                    effect: Effect::$effect,
                    meaning: $meaning,
                    remedy: $remedy,
                },)* }
            }
        }
    };
}

codes! {
    1 InvalidValue Error Accepted Stalls
        "A field holds something that does not parse; it is left out, or its default applies."
        "Correct the field; the custom resource definitions of this version refuse such a value."
    2 DuplicateObject Error Accepted Stalls
        "Two manifests describe the same object; the older one applies."
        "Rename or remove one of them."
    3 Suspended Info Accepted Holds
        "`spec.suspend` is true: a key is refused, a provider takes no new requests."
        "Nothing, if that is meant; else set `suspend: false`."
    101 NoMatchingGateway Error Accepted Waits
        "`spec.gatewayRef` names no LLMGateway, or one that does not admit the object's namespace."
        "Create the LLMGateway, name an existing one, or have it admit the namespace in `spec.allowedNamespaces`."
    102 NotReferenced Info Programmed Holds
        "Nothing refers to the object yet."
        "Nothing, if the objects that refer to it come later."
    103 SecretNotFound Error ResolvedRefs Waits
        "A referenced Secret does not exist in the object's namespace."
        "Create the Secret, or correct the reference."
    104 SecretKeyMissing Error ResolvedRefs Waits
        "The referenced Secret exists, but has no such key, or nothing in it."
        "Add the key to the Secret, or correct the reference."
    105 SecretNotLabelled Error ResolvedRefs Waits
        "The referenced Secret is not labelled as one that providers may send to their vendors."
        "Label the Secret `weir.dev/credential=true`, if it is meant for that."
    201 InvalidEndpoint Error Accepted Stalls
        "The endpoint is missing, is no usable URL, or leads where no gateway may connect."
        "Give an https URL of a host, without user, query and fragment; http needs `allowInsecure: true`."
    202 InvalidCredential Error ResolvedRefs Stalls
        "The credential cannot be sent in a header, or it is not clear which one to send."
        "Store the API key alone: visible ASCII, one line; give exactly one kind of credentials."
    203 Unpriced Info None Holds
        "Models have no known price: what they cost is reported as unknown, never as zero."
        "Give `prices` of these models."
    204 EgressRefused Warning Accepted Waits
        "The endpoint is a literal private or loopback address that the gateway does not allow."
        "Add its range to `spec.egress.allowPrivate` of the LLMGateway."
    205 EndpointBeyondBase Warning None Holds
        "The endpoint ends with the path of a call, and gateways append one to it."
        "End the endpoint's URL before the call's own path, mostly with `/v1`."
    206 LongTotal Info None Holds
        "`timeouts.total` is no shorter than what callers' SDKs wait, so that nobody is there to be rescued when it ends."
        "Set so little that all targets of a route fit into 600 s, such as `3m` for three; or raise the timeouts of all callers."
    301 ModelNameConflict Error Accepted Waits
        "Two routes of a gateway claim one public model name; the oldest route keeps it."
        "Rename the model or alias of one of them."
    302 NoTargets Error ResolvedRefs Waits
        "No target of the route is usable: requests for it are answered 503."
        "See the findings on its targets and their providers."
    303 ProviderNotFound Error ResolvedRefs Waits
        "A target names no LLMProvider, or one that does not admit the route's namespace; the target is left out."
        "Create the LLMProvider, correct `providerRef`, or have it admit the namespace in `spec.allowedNamespaces`."
    304 ModelNotOffered Error ResolvedRefs Waits
        "The provider's list of models lacks the model that the target asks for; the target is left out."
        "Add the model to the provider's `models`, or name one that is listed."
    305 PartiallyResolved Warning ResolvedRefs Holds
        "Some of the route's targets are unusable; the others serve."
        "See the findings on these targets and their providers."
    306 PartiallyOffered Warning None Holds
        "A target without `model` serves some of the route's public names only."
        "Give the target a `model`, or list the missing names in the provider's `models`."
    401 InvalidKey Error ResolvedRefs Stalls
        "A brought key is too short or holds characters that a header cannot carry; it is refused."
        "Bring at least 32 random characters of visible ASCII, or let Weir `generate` one."
    402 DuplicateKey Error Accepted Waits
        "Two keys of a gateway are the same text; the oldest key keeps it."
        "Give one of them another key text."
    403 KeyPending Info Programmed Waits
        "The key is to be generated, and its Secret is not there yet."
        "Wait for the operator; it writes the Secret once."
    404 ModelNotServed Info None Holds
        "`allowedModels` covers no public model of the gateway."
        "Nothing, if the route comes later; else correct the name."
    405 TenantNotAllowed Error Accepted Waits
        "The gateway does not admit the key's namespace to the tenant that the key names; the key is refused."
        "Have the gateway admit it in `spec.tenants`, or leave `tenant` out: then it is the namespace."
    501 NameTaken Error Programmed Stalls
        "What the operator wants to create is there already and is not its own; it is left alone."
        "Remove or rename what stands there, or rename this object."
    502 NoReadyPods Error Programmed Waits
        "No pod of the gateway is ready, so nothing serves the object."
        "See the gateway's Deployment and its pods."
    503 PodsUnreachable Warning Programmed Puzzles
        "No pod of the gateway answers the operator, so nobody knows what they run."
        "See whether a NetworkPolicy keeps the operator from the pods' admin port; requests may be served all the same."
    504 Pending Info Programmed Waits
        "Not all ready pods run the object's last change yet."
        "Wait; if it lasts, see the pods that are behind."
    505 TooLarge Error Programmed Stalls
        "The gateway's configuration does not fit into what can be published; pods keep the last one that did."
        "Spread routes and keys over several LLMGateways."
    506 RolloutFailed Error Programmed Waits
        "Pods of the gateway cannot be made, or do not become ready; pods from before serve on."
        "See what the message quotes, and the gateway's Deployment and its pods: an image, a quota, a node, a policy."
    507 Expired Error Accepted Stalls
        "The key's time is over, or that of each of its texts: every request with it is refused."
        "Set `expiresAt` or `notAfter` to a later instant, or remove the key."
    511 ProviderUnusable Info None Holds
        "A target's LLMProvider is there, but is left out itself."
        "See the conditions of the LLMProvider."
    512 ProviderSuspended Info None Holds
        "A target's LLMProvider is suspended and takes no new requests."
        "Nothing, if that is meant; else set `suspend: false` on the LLMProvider."
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

    /// The condition that it speaks about.
    pub fn condition(self) -> Condition {
        self.row().condition
    }

    /// How it leaves that condition.
    pub fn status(self) -> ConditionStatus {
        match self.row().effect {
            Effect::Stalls | Effect::Waits => ConditionStatus::False,
            Effect::Puzzles => ConditionStatus::Unknown,
            Effect::Holds => ConditionStatus::True,
        }
    }

    /// Whether only a change by somebody helps, so that the object is Stalled at once.
    pub fn terminal(self) -> bool {
        self.row().effect == Effect::Stalls
    }

    /// Whether compile finds it; the others are for whoever runs the pods, or stand in a status.
    pub fn is_found_by_compile(self) -> bool {
        self.number() < 500
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_error_fails_a_condition_and_what_fails_none_is_no_error() {
        for code in Code::ALL {
            let fails = code.condition() != Condition::None && code.status() == ConditionStatus::False;
            assert!(fails || code.severity() != Severity::Error, "{code}");
            assert!(!code.terminal() || code.severity() == Severity::Error, "{code}");
        }
    }

    #[test]
    fn s8_5_one_behind_or_no_pod_is_false_and_none_that_answers_is_unknown() {
        for (code, status) in [
            (Code::Pending, ConditionStatus::False),
            (Code::NoReadyPods, ConditionStatus::False),
            (Code::PodsUnreachable, ConditionStatus::Unknown),
            (Code::NotReferenced, ConditionStatus::True),
        ] {
            assert_eq!((code.condition(), code.status()), (Condition::Programmed, status), "{code}");
            assert!(!code.terminal(), "{code}");
        }
    }
}
