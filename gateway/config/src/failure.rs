//! What went wrong at an upstream: one classification, used by retry, fallback and what the caller is told.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The kinds of upstream failure, each with its own consequences (the table of semantics S1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureClass {
    /// 429 of the kind that passes: a rate.
    RateLimited,
    /// 503, 529: the vendor has no capacity.
    Overloaded,
    /// Other 5xx, a failed connection, a reset.
    ServerError,
    /// One of our timers ran out.
    Timeout,
    /// 401: the upstream does not accept our credential.
    Credential,
    /// 402, exhausted credit, a hard quota.
    Billing,
    /// 403.
    Forbidden,
    /// 404 on the model.
    ModelMissing,
    /// This one request is above the account's limit per minute: waiting does not help.
    TooLarge,
    /// The request does not fit the model's context window.
    ContextLength,
    /// The vendor's content policy refused it.
    ContentPolicy,
    /// Any other 4xx with the API's own error: the request itself is wrong.
    CallerFault,
    /// A 4xx that the API did not say: something in front of it, or somebody else at its address.
    Misdirected,
    /// A 2xx that isn't what it claims to be.
    Garbled,
}

impl FailureClass {
    /// Every class, in the order of the table.
    pub const ALL: [Self; 14] = [
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
        Self::CallerFault,
        Self::Misdirected,
        Self::Garbled,
    ];

    /// Whether it judges the caller's request: then the caller is told in the vendor's words.
    pub fn is_callers(self) -> bool {
        matches!(self, Self::CallerFault | Self::ContextLength | Self::ContentPolicy)
    }

    /// The class's name in snake case: the `outcome` of metrics, the usage log and `attempts[]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Credential => "credential",
            Self::Billing => "billing",
            Self::Forbidden => "forbidden",
            Self::ModelMissing => "model_missing",
            Self::TooLarge => "too_large",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::CallerFault => "caller_fault",
            Self::Misdirected => "misdirected",
            Self::Garbled => "garbled",
        }
    }
}

/// One failed attempt, as far as anyone may know: it holds no vendor text that was not sanitised, no URL, no
/// credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind it is; decides everything else.
    pub class: FailureClass,
    /// The upstream's status, if there was an answer.
    pub status: Option<u16>,
    /// How long the upstream asked us to wait, if it did and the class is one that waiting helps.
    pub retry_after: Option<Duration>,
    /// For the caller (where the class is one of the caller's) and for logs: the vendor's message, sanitised and cut
    /// to 2,000 characters, or our own words where there is none.
    pub message: String,
    /// The vendor's `error.type`, if it is a plain identifier.
    pub kind: Option<String>,
    /// The vendor's `error.code`, if it is a plain identifier.
    pub code: Option<String>,
    /// The vendor's `error.param`, if it is short and plain.
    pub param: Option<String>,
    /// It was, as far as can be seen, a refusal of what the gateway put into the request (semantics S2.6): without
    /// that the request may pass.
    pub refuses_addition: bool,
    /// It is one by the vendor's own word: it names what is refused itself, and quotes nobody. Only that teaches
    /// anything (semantics S2.9).
    pub names_addition: bool,
    /// A kept connection was closed on the request, without a byte of an answer: it says nothing of the target, which
    /// may be asked once more, on a fresh connection (semantics S1.7).
    pub stale: bool,
    /// Nobody was asked: this gateway had no port left to connect to the target from. It says nothing of the target, and
    /// another may be reached (semantics S9.12).
    pub unasked: bool,
}

impl Failure {
    /// A failure that no answer came with; `message` is in our own words.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            status: None,
            retry_after: None,
            message: message.into(),
            kind: None,
            code: None,
            param: None,
            refuses_addition: false,
            names_addition: false,
            stale: false,
            unasked: false,
        }
    }

    /// Its message if that is ours, and so may be logged: a vendor's own may quote the prompt (semantics S10.10), and
    /// comes with a status.
    pub fn own_words(&self) -> Option<&str> {
        self.status.is_none().then_some(self.message.as_str())
    }

    /// Whether its attempt costs nothing, if nothing was seen of an answer (semantics S4.9): the request was refused. What
    /// is no answer at all, or a timeout that a proxy tells, is no refusal: the work behind it was done, most likely. 524
    /// is Cloudflare's.
    pub fn is_refusal(&self) -> bool {
        let refuses = |status| match status {
            200..=299 => self.class != FailureClass::Garbled,
            other => !matches!(other, 504 | 524),
        };
        self.stale || self.status.is_some_and(refuses)
    }
}

/// A set of failure classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureSet(u16);

impl FailureSet {
    /// Whether `class` is in the set.
    pub fn contains(self, class: FailureClass) -> bool {
        self.0 & Self::bit(class) != 0
    }

    fn bit(class: FailureClass) -> u16 {
        1 << class as u16
    }
}

impl FromIterator<FailureClass> for FailureSet {
    fn from_iter<I: IntoIterator<Item = FailureClass>>(classes: I) -> Self {
        Self(classes.into_iter().map(Self::bit).fold(0, |set, bit| set | bit))
    }
}

/// All that may move on to another target, but ContentPolicy (semantics S1; the route opts in to that).
impl Default for FailureSet {
    fn default() -> Self {
        FailureClass::ALL
            .into_iter()
            .filter(|class| !matches!(class, FailureClass::ContentPolicy | FailureClass::CallerFault))
            .collect()
    }
}
