//! How Anthropic's API refuses, by name: the bodies of its reference's page on errors and of recordings.

use serde_json::json;

use crate::Answer;

/// Any status with Anthropic's error object. Statuses that waiting does not cure say so to SDKs.
pub fn error(status: u16, kind: &str, message: &str) -> Answer {
    let error = json!({"type": kind, "message": message});
    let body = json!({"type": "error", "error": error, "request_id": "req_upstream"});
    let answer = Answer::json(status, body.to_string()).header("request-id", "req_upstream");
    match status {
        429 | 500.. => answer,
        _ => answer.header("x-should-retry", "false"),
    }
}

/// 400 with this message: whatever the caller did wrong.
pub fn invalid(message: &str) -> Answer {
    error(400, "invalid_request_error", message)
}

/// 400: the prompt is larger than the context window. The text is all that tells it.
pub fn too_long(tokens: u64, window: u64) -> Answer {
    invalid(&format!("prompt is too long: {tokens} tokens > {window} maximum"))
}

/// 401.
pub fn bad_key() -> Answer {
    error(401, "authentication_error", "invalid x-api-key")
}

/// 402.
pub fn no_credit() -> Answer {
    error(402, "billing_error", "Your credit balance is too low to access the Anthropic API.")
}

/// 403.
pub fn forbidden() -> Answer {
    error(403, "permission_error", "Your API key does not have permission to use the specified resource.")
}

/// 404 on the model.
pub fn model_missing(model: &str) -> Answer {
    error(404, "not_found_error", &format!("model: {model}"))
}

/// 413.
pub fn too_large() -> Answer {
    error(413, "request_too_large", "Request exceeds the maximum size")
}

/// 429 with `retry-after` in seconds, or without one.
pub fn rate_limited(retry_after: Option<u64>) -> Answer {
    let message = "This request would exceed your organization's rate limit.";
    let answer = error(429, "rate_limit_error", message);
    match retry_after {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// 500.
pub fn server_error() -> Answer {
    error(500, "api_error", "Internal server error")
}

/// 529.
pub fn overloaded() -> Answer {
    error(529, "overloaded_error", "Overloaded")
}
