//! The vendors: one row each. Adding one that speaks an API we know is a row here and a recorded fixture.

use serde::{Deserialize, Serialize};

/// The company or server behind a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Vendor {
    /// api.openai.com.
    OpenAI,
    /// api.anthropic.com.
    Anthropic,
    /// Anything that speaks OpenAI's chat completions at a URL of its own.
    OpenAICompatible,
    /// Answers from inside the gateway: for quickstarts, load and tests.
    Mock,
}

/// The API that a vendor's accounts are asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
}

impl Speaks {
    /// What stands behind an account's base path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Messages => "/messages",
        }
    }
}

/// How a stream's usage is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageOption {
    /// Only when asked for with `stream_options.include_usage`.
    Ask,
    /// Sent always; the option is not needed.
    Always,
    /// Not to be had: the option would be refused.
    Never,
}

/// Whether a vendor bills on after we hang up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnAbort {
    /// Not known: the upstream is cancelled, the charge is an assumption.
    Unknown,
    /// It stops: the upstream is cancelled.
    Stops,
    /// It goes on: the rest is read, so that the true usage is booked.
    Continues,
}

/// Which header of a request has the provider's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `authorization`, as a bearer token.
    Bearer,
    /// One of the vendor's own, with the credential and nothing else.
    Header(&'static str),
}

/// What we know of a vendor.
#[derive(Debug)]
pub struct VendorRow {
    /// Whose row it is.
    pub vendor: Vendor,
    /// Its name, as in `spec.vendor`.
    pub name: &'static str,
    /// Where it is, up to and without [`Speaks::path`]; `None` where the provider must say.
    pub base_url: Option<&'static str>,
    /// What its accounts are asked in.
    pub speaks: Speaks,
    /// Where the credential goes.
    pub auth: Auth,
    /// Header lines that every request to it has, besides that of the credential: name, value.
    pub lines: &'static [(&'static str, &'static str)],
    /// How a stream's usage is had.
    pub usage: UsageOption,
    /// Whether it bills on after we hang up.
    pub on_abort: OnAbort,
    /// Values of `error.code` or `error.type` that mean: money is the matter, waiting won't help.
    pub billing_codes: &'static [&'static str],
    /// Values of `error.code` and `error.type` that judge a request and that clients act on: a caller is told them
    /// whatever is disclosed. What no vendor of this kind is known to say may be anybody's words.
    pub request_codes: &'static [&'static str],
}

/// Source: OpenAI's error codes page and learn.microsoft.com's list of them; `billing_not_active` is unverified.
const OPENAI_BILLING_CODES: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_not_active",
    "billing_hard_limit_reached",
];

/// Source: the errors of OpenAI's API description, Groq's error codes page and the recordings.
const OPENAI_REQUEST_CODES: &[&str] = &[
    "invalid_request_error",
    "context_length_exceeded",
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    "invalid_prompt",
    "invalid_value",
    "unsupported_value",
    "unsupported_parameter",
    "invalid_function_parameters",
    "tool_use_failed",
    "json_validate_failed",
    "invalid_image",
    "invalid_image_format",
    "invalid_image_url",
    "invalid_base64_image",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "unsupported_image_media_type",
    "failed_to_download_image",
];

/// Source: platform.claude.com/docs/en/api/errors; the second stands in `error.details.error_code` of a 429.
const ANTHROPIC_BILLING_CODES: &[&str] = &["billing_error", "enforced_spend_limit_reached"];

/// Source: the same page.
const ANTHROPIC_REQUEST_CODES: &[&str] = &["invalid_request_error", "request_too_large", "not_found_error"];

const ROWS: &[VendorRow] = &[
    VendorRow {
        vendor: Vendor::OpenAI,
        name: "OpenAI",
        base_url: Some("https://api.openai.com/v1"),
        speaks: Speaks::Chat,
        auth: Auth::Bearer,
        lines: &[],
        usage: UsageOption::Ask,
        on_abort: OnAbort::Unknown,
        billing_codes: OPENAI_BILLING_CODES,
        request_codes: OPENAI_REQUEST_CODES,
    },
    VendorRow {
        vendor: Vendor::Anthropic,
        name: "Anthropic",
        base_url: Some("https://api.anthropic.com/v1"),
        speaks: Speaks::Messages,
        auth: Auth::Header("x-api-key"),
        lines: &[("anthropic-version", "2023-06-01")],
        usage: UsageOption::Always,
        on_abort: OnAbort::Unknown,
        billing_codes: ANTHROPIC_BILLING_CODES,
        request_codes: ANTHROPIC_REQUEST_CODES,
    },
    VendorRow {
        vendor: Vendor::OpenAICompatible,
        name: "OpenAICompatible",
        base_url: None,
        speaks: Speaks::Chat,
        auth: Auth::Bearer,
        lines: &[],
        usage: UsageOption::Ask,
        on_abort: OnAbort::Unknown,
        billing_codes: OPENAI_BILLING_CODES,
        request_codes: OPENAI_REQUEST_CODES,
    },
];

const MOCK: VendorRow = VendorRow {
    vendor: Vendor::Mock,
    name: "Mock",
    base_url: None,
    speaks: Speaks::Chat,
    auth: Auth::Bearer,
    lines: &[],
    usage: UsageOption::Always,
    on_abort: OnAbort::Stops,
    billing_codes: &[],
    request_codes: &[],
};

impl Vendor {
    /// The vendor's row.
    pub fn row(self) -> &'static VendorRow {
        ROWS.iter().find(|row| row.vendor == self).unwrap_or(&MOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_has_a_row_of_its_own() {
        for vendor in [Vendor::OpenAI, Vendor::Anthropic, Vendor::OpenAICompatible, Vendor::Mock] {
            assert_eq!(vendor.row().vendor, vendor);
            assert_eq!(serde_json::json!(vendor), vendor.row().name);
        }
    }
}
