//! What a caller is told when a request fails. Every refusal in the data path is a `Fault`; only `http::refusal`
//! makes a response of it.

use std::borrow::Cow;
use std::time::Duration;
use weir_policy::{Full, LONGEST_WAIT};
use weir_wire::BadRequest;

/// The kinds of fault: each is a metric label and a fixed status, `type` and `code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    InvalidApiKey,
    AmbiguousCredentials,
    InvalidRequest,
    /// No target's API has words for it.
    Unsayable,
    /// Before the request was there. Who has only ended its own side can read that its body was cut; for the log both
    /// have left.
    CallerLeft,
    BodyTooLarge,
    BodyTooSlow,
    CompressedBody,
    HeadersTooLarge,
    ModelNotFound,
    KeyRequestsExceeded,
    RequestTooLarge,
    /// The upstream's own 4xx, sanitised; carries its status.
    Upstream(u16),
    UpstreamUnavailable,
    UpstreamTimeout,
    UpstreamBroken,
    Overloaded,
    NotReady,
    ShuttingDown,
    UnknownUrl,
    MethodNotAllowed,
    Internal,
}

/// Whose fault it is: the header `x-weir-error-source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    Caller,
    Gateway,
    Upstream,
}

impl FaultKind {
    /// Status, `error.type` and `error.code`.
    pub(crate) fn shape(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InvalidApiKey => (401, "authentication_error", "invalid_api_key"),
            Self::AmbiguousCredentials => (400, "invalid_request_error", "ambiguous_credentials"),
            Self::InvalidRequest => (400, "invalid_request_error", "invalid_request"),
            Self::Unsayable => (400, "invalid_request_error", "unsupported_by_target"),
            Self::CallerLeft => (400, "invalid_request_error", "incomplete_body"),
            Self::BodyTooLarge => (413, "invalid_request_error", "body_too_large"),
            Self::BodyTooSlow => (408, "invalid_request_error", "body_too_slow"),
            Self::CompressedBody => (415, "invalid_request_error", "compressed_body"),
            Self::HeadersTooLarge => (431, "invalid_request_error", "headers_too_large"),
            Self::ModelNotFound => (404, "invalid_request_error", "model_not_found"),
            Self::KeyRequestsExceeded => (429, "rate_limit_error", "key_requests_exceeded"),
            Self::RequestTooLarge => (429, "rate_limit_error", "request_too_large"),
            Self::Upstream(status) => (status, "invalid_request_error", "upstream_refused"),
            Self::UpstreamUnavailable => (503, "upstream_error", "upstream_unavailable"),
            Self::UpstreamTimeout => (504, "upstream_error", "upstream_unavailable"),
            Self::UpstreamBroken => (502, "upstream_error", "upstream_unavailable"),
            Self::Overloaded => (503, "overloaded_error", "overloaded"),
            Self::NotReady => (503, "overloaded_error", "not_ready"),
            Self::ShuttingDown => (503, "overloaded_error", "shutting_down"),
            Self::UnknownUrl => (404, "invalid_request_error", "unknown_url"),
            Self::MethodNotAllowed => (405, "invalid_request_error", "method_not_allowed"),
            Self::Internal => (500, "server_error", "internal_error"),
        }
    }

    /// Whose fault it is.
    pub(crate) fn blame(self) -> Blame {
        match self {
            Self::Upstream(_) | Self::UpstreamUnavailable | Self::UpstreamTimeout | Self::UpstreamBroken => {
                Blame::Upstream
            }
            Self::Overloaded | Self::NotReady | Self::ShuttingDown | Self::Internal => Blame::Gateway,
            _ => Blame::Caller,
        }
    }

    /// Whether the connection must end: the rest of the request's body is still on its way, or will never come.
    pub(crate) fn closes(self) -> bool {
        matches!(self, Self::CallerLeft | Self::BodyTooLarge | Self::BodyTooSlow | Self::ShuttingDown)
    }
}

/// What the caller's SDK should do: never both of these (semantics S1.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// Not before this has passed.
    After(Duration),
    /// It would not help.
    Never,
}

/// One failed attempt, as disclosure allows it to be told.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct ToldAttempt {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// For the caller: what happened, why, what to do. No vendor text that was not sanitised.
    pub(crate) message: Cow<'static, str>,
    pub(crate) param: Option<Cow<'static, str>>,
    /// The upstream's own `type` and `code`, where its 4xx is passed on.
    pub(crate) upstream_type: Option<String>,
    pub(crate) upstream_code: Option<String>,
    pub(crate) retry: Retry,
    /// What the key has left of its minute, if that is known.
    pub(crate) limit: Option<LimitState>,
    pub(crate) attempts: Vec<ToldAttempt>,
}

/// A limit on requests, for `x-ratelimit-*`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitState {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset: Duration,
}

impl Fault {
    /// A fault with nothing but its text.
    pub(crate) fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            upstream_type: None,
            upstream_code: None,
            retry: Retry::Unsaid,
            limit: None,
            attempts: Vec::new(),
        }
    }

    /// Adds what the SDK should do.
    pub(crate) fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The drain's time is over.
    pub(crate) fn shutting_down() -> Self {
        let text = "The gateway is shutting down and could not finish this request. Send it again.";
        Self::new(FaultKind::ShuttingDown, text)
    }

    /// The headers are larger than the `most` bytes that are taken.
    pub(crate) fn headers_too_large(most: usize) -> Self {
        let text = format!("The request's headers are larger than the {most} bytes that this gateway takes.");
        Self::new(FaultKind::HeadersTooLarge, text)
    }

    /// This gateway has no room, as `why` says. Everybody comes again after an overload: `random` spreads them over 1
    /// to 5 s.
    pub(crate) fn overloaded(why: &str, random: u64) -> Self {
        let wait = Duration::from_secs(1) + Duration::from_millis(random % 4001);
        Self::new(FaultKind::Overloaded, format!("{why} Try again shortly.")).retry(Retry::After(wait))
    }

    /// Something that cannot be.
    pub(crate) fn internal() -> Self {
        Self::new(FaultKind::Internal, "The gateway has a fault of its own. Its log says more.")
    }

    /// The memory budget stayed spent.
    pub(crate) fn no_room(random: u64) -> Self {
        Self::overloaded("The gateway holds as many requests as its memory allows.", random)
    }

    /// Before the first snapshot.
    pub(crate) fn not_ready() -> Self {
        let text = "This gateway has no configuration yet. It comes within seconds; try again.";
        Self::new(FaultKind::NotReady, text).retry(Retry::After(Duration::from_secs(1)))
    }

    /// A body that is no chat request.
    pub(crate) fn bad_request(bad: BadRequest) -> Self {
        Self { param: bad.param.map(Cow::Borrowed), ..Self::new(FaultKind::InvalidRequest, bad.message) }
    }

    /// The same for a model that does not exist and for one that the key may not use.
    pub(crate) fn model_not_found(model: &str) -> Self {
        let text = format!(
            "The model {model:?} does not exist here, or this key may not use it. `GET /v1/models` lists what it may."
        );
        Self { param: Some(Cow::Borrowed("model")), ..Self::new(FaultKind::ModelNotFound, text) }
    }

    /// The key's requests per minute are used up.
    pub(crate) fn requests_exceeded(limit: u32, full: &Full) -> Self {
        // Who comes after this one is told the rest.
        let wait = full.retry_after.min(LONGEST_WAIT);
        let seconds = wait.as_secs_f64();
        let message = format!(
            "This key's limit of {limit} requests per minute is used up. Try again in {seconds:.3} s, or ask whoever \
             gave you the key for a higher `limits.requestsPerMinute`."
        );
        let limit = LimitState { limit, remaining: 0, reset: full.reset_after };
        Self {
            limit: Some(limit),
            ..Self::new(FaultKind::KeyRequestsExceeded, message).retry(Retry::After(wait))
        }
    }

    /// The status sent.
    pub(crate) fn status(&self) -> u16 {
        self.kind.shape().0
    }

    /// The label of metrics and the usage log.
    pub(crate) fn code(&self) -> &'static str {
        self.kind.shape().2
    }
}
