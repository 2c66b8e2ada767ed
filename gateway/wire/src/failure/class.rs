//! From code, words and status to a class. Sources: wire.md sections 3 and 6, the recorded errors.

use super::report::Report;
use weir_config::{FailureClass, VendorRow};

use FailureClass::{
    Billing, CallerFault, ContentPolicy, ContextLength, Credential, Forbidden, Garbled, Misdirected,
    ModelMissing, Overloaded, RateLimited, ServerError, TooLarge,
};

/// Codes (also types, statuses and reasons) that decide whatever the status is. The first one that was told
/// wins, so the special ones stand before the general.
const CODES: &[(&str, FailureClass)] = &[
    ("in_flight_budget_exhausted", RateLimited), // OpenRouter's 402 that passes
    ("context_length_exceeded", ContextLength),
    ("model_context_window_exceeded", ContextLength),
    ("exceed_context_size_error", ContextLength), // llama.cpp
    ("too_many_tokens", ContextLength),           // Cohere
    ("too_many_prompt_tokens", ContextLength),    // Perplexity
    ("content_filter", ContentPolicy),
    ("content_policy_violation", ContentPolicy),
    ("responsibleaipolicyviolation", ContentPolicy), // Azure
    ("moderation", ContentPolicy),
    ("moderation_blocked", ContentPolicy),
    ("moderation_error", ContentPolicy),
    ("invalid_prompt", ContentPolicy), // OpenAI's reasoning models: flagged by the usage policy
    ("data_inspection_failed", ContentPolicy), // DashScope
    ("datainspectionfailed", ContentPolicy),
    ("prohibited_content", ContentPolicy), // Gemini
    ("invalid_api_key", Credential),
    ("incorrect_api_key", Credential),
    ("api_key_invalid", Credential), // Gemini, with a 400
    ("api_key_expired", Credential),
    ("account_deactivated", Credential),
    ("authentication_error", Credential),
    ("invalid_authentication_error", Credential), // Moonshot
    ("unauthenticated", Credential),
    ("model_not_found", ModelMissing),
    ("modelnotfound", ModelMissing),
    ("model_not_available", ModelMissing),
    ("model_not_supported", ModelMissing), // GitHub Copilot, with a 400
    ("deploymentnotfound", ModelMissing),  // Azure
    ("invalid_model", ModelMissing),       // Mistral, with a 400
    ("not_found_error", ModelMissing),
    ("permission_denied", Forbidden),
    ("permission_error", Forbidden),
    ("overloaded_error", Overloaded),
    ("overloaded", Overloaded),
    ("server_overloaded", Overloaded),
    ("engine_overloaded", Overloaded),
    ("model_overloaded", Overloaded),
    ("slow_down", Overloaded),
    ("unavailable", Overloaded),
    ("capacity_exceeded", Overloaded), // Groq's flex tier
    ("rate_limit_exceeded", RateLimited),
    ("rate_limit_error", RateLimited),
    ("ratelimitreached", RateLimited),
    ("too_many_requests", RateLimited),
    ("resource_exhausted", RateLimited),
];

/// Families: they say something only where no status does, inside a 200. Ollama answers 401 with `api_error`.
const FAMILIES: &[(&str, FailureClass)] = &[
    ("billing_error", Billing),
    ("invalid_request_error", CallerFault),
    ("bad_request", CallerFault),
    ("invalid_argument", CallerFault),
];

/// Where words stand in a message.
enum Words {
    Begin(&'static str),
    End(&'static str),
    Hold(&'static str),
}

/// Wordings, in lower case, of vendors that have no code for it; each with the statuses that it comes with.
///
/// A vendor may quote what a caller wrote. So words that only judge this one request may stand anywhere, but
/// those that put the account or the model out of use for everybody must be the vendor's own: they begin the
/// message, or end it.
const WORDINGS: &[(Words, FailureClass, &[u16])] = &[
    (Words::Hold("maximum context length"), ContextLength, &[400, 413, 422]),
    (Words::Hold("prompt is too long"), ContextLength, &[400, 413]),
    (Words::Hold("prompt too long"), ContextLength, &[400, 413]), // Ollama
    (Words::Hold("exceeds the available context size"), ContextLength, &[400, 413]), // llama.cpp
    (Words::Hold("input tokens exceeded"), ContextLength, &[400, 413]), // Bedrock
    (Words::Hold("input is too long"), ContextLength, &[400, 413]), // Bedrock
    (Words::Begin("the input token count"), ContextLength, &[400, 413]), // Gemini
    (Words::Hold("context window"), ContextLength, &[400, 413]),
    (Words::Hold("context length"), ContextLength, &[400, 413]),
    (Words::Hold("content management policy"), ContentPolicy, &[400]), // Azure
    (Words::Hold("violating our usage policy"), ContentPolicy, &[400]), // OpenAI
    (Words::Hold("input was flagged"), ContentPolicy, &[400, 403]),    // OpenRouter
    (Words::Begin("insufficient balance"), Billing, &[400, 403, 429]),
    (Words::Begin("insufficient credit"), Billing, &[400, 403, 429]),
    (Words::Begin("your credit balance is too low"), Billing, &[400, 403, 429]), // Anthropic
    (Words::Begin("incorrect api key provided"), Credential, &[400]),            // xAI
    (Words::Begin("api key not valid"), Credential, &[400]),                     // Gemini
    (Words::Begin("api key expired"), Credential, &[400]),                       // Gemini
    (Words::Begin("invalid api key"), Credential, &[400]),
    (Words::End("is not a valid model id"), ModelMissing, &[400]), // OpenRouter
    (Words::Begin("model not exist"), ModelMissing, &[400]),       // DeepSeek
    (Words::Begin("the supported api model names are "), ModelMissing, &[400]), // DeepSeek
    (Words::Begin("the requested model is not supported"), ModelMissing, &[400]), // GitHub Copilot
    (Words::Begin("model is not supported for this request"), ModelMissing, &[400]), // GitHub Copilot
    (Words::Begin("invalid model: "), ModelMissing, &[400]),       // Mistral
    (Words::Begin("the provided model identifier is invalid"), ModelMissing, &[400]), // Bedrock
    (Words::Begin("the engine is currently overloaded"), Overloaded, &[400]),
    (Words::Begin("the model is overloaded"), Overloaded, &[400]),
    (Words::Begin("the model is currently overloaded"), Overloaded, &[400]),
    (Words::Begin("the server is overloaded"), Overloaded, &[400]),
    (Words::Begin("the server is currently overloaded"), Overloaded, &[400]),
];

/// The class of what was told, with the status of the answer (or the one that the error inside it states).
pub(super) fn of(row: &VendorRow, status: Option<u16>, report: &Report) -> FailureClass {
    by_code(row, status, report)
        .or_else(|| by_words(status, &report.text))
        .or_else(|| status.map(|status| by_status(status, report.is_apis)))
        .or_else(|| lookup(FAMILIES, report))
        .unwrap_or(if report.is_error { ServerError } else { Garbled })
}

fn by_code(row: &VendorRow, status: Option<u16>, report: &Report) -> Option<FailureClass> {
    if row.billing_codes.iter().any(|code| report.codes.iter().any(|known| known == code)) {
        return Some(Billing);
    }
    if matches!(status, None | Some(413 | 429)) {
        if never_fits(&report.text) {
            return Some(TooLarge); // OpenAI and Groq call it rate_limit_exceeded
        }
        if is_daily(report) {
            return Some(Billing);
        }
    }
    lookup(CODES, report)
}

fn lookup(table: &[(&str, FailureClass)], report: &Report) -> Option<FailureClass> {
    table.iter().find(|(code, _)| report.codes.iter().any(|known| known == code)).map(|(_, class)| *class)
}

/// One request above the limit of tokens per minute: "Request too large for gpt-4 … on tokens per min (TPM)".
fn never_fits(text: &str) -> bool {
    text.contains("request too large") && (text.contains("token") || text.contains("tpm"))
}

/// Google's quotas that a wait of minutes doesn't bring back. Its words are the same for every quota.
fn is_daily(report: &Report) -> bool {
    let daily = report.codes.iter().any(|code| code.contains("perday"));
    daily || report.codes.iter().any(|code| code == "resource_exhausted") && report.text.contains("limit: 0")
}

fn by_words(status: Option<u16>, text: &str) -> Option<FailureClass> {
    let said = |words: &Words| match words {
        Words::Begin(words) => text.starts_with(words),
        Words::End(words) => text.trim_end_matches('.').ends_with(words),
        Words::Hold(words) => text.contains(words),
    };
    let fits = |statuses: &[u16]| status.is_none_or(|status| statuses.contains(&status));
    let known = WORDINGS.iter().find(|(words, _, statuses)| fits(statuses) && said(words));
    known.map(|(_, class, _)| *class)
}

/// The table of semantics S1. Where it leaves a choice:
/// - 401, 402, 403 and 429 speak of our account whoever says them. A 404 does so only in the API's own words;
///   otherwise there is no such path. 410 is a model that was retired.
/// - 408, 409, 424 and 425 and a proxy's 499 are no fault of the caller's and may go better elsewhere; 504 is a
///   server's error, because Timeout is our own timers'; 498 is Groq's flex tier without room.
/// - 405 and its like judge a method, headers and a connection that are ours: no caller has a part in them, even if the
///   API itself says so.
/// - A redirect leads elsewhere, and is not followed: the address is wrong until somebody mends it.
/// - Any other 4xx is the caller's if the API said it. What stands in front of an API, or at an address that is none,
///   knows nothing of the request.
fn by_status(status: u16, is_apis: bool) -> FailureClass {
    match status {
        300..=303 | 305..=399 => Misdirected,
        401 => Credential,
        402 => Billing,
        403 => Forbidden,
        404 | 410 if is_apis => ModelMissing,
        429 => RateLimited,
        498 | 503 | 529 => Overloaded,
        408 | 409 | 424 | 425 | 499 => ServerError,
        405 | 406 | 407 | 411 | 412 | 414 | 416 | 417 | 421 | 426 | 428 | 431 | 444 => Misdirected,
        400..=499 if is_apis => CallerFault,
        400..=499 => Misdirected,
        500..=599 => ServerError,
        _ => Garbled,
    }
}
