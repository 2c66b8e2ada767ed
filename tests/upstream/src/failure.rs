//! The ways in which vendors fail, by name. Bodies are OpenAI's; Anthropic's are in `anthropic`,
//! other vendors' in the recordings.

use std::time::Duration;

use serde_json::json;

use crate::answer::Body;
use crate::{Answer, At, Framing, anthropic, gzip};

impl Answer {
    /// Any status with OpenAI's error object.
    pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        let error = json!({"message": message, "type": kind, "param": null, "code": code});
        Self::json(status, json!({ "error": error }).to_string())
    }

    /// 429 with `Retry-After` in seconds, or without one.
    pub fn rate_limited(retry_after: Option<u64>) -> Self {
        let answer = Self::error(429, "requests", Some("rate_limit_exceeded"), "Rate limit reached.");
        match retry_after {
            Some(seconds) => answer.header("retry-after", seconds.to_string()),
            None => answer,
        }
    }

    /// 429 that waiting does not cure: the account is out of money.
    pub fn insufficient_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Self::error(429, "insufficient_quota", Some("insufficient_quota"), message)
    }

    /// A 5xx.
    pub fn server_error(status: u16) -> Self {
        Self::error(status, "server_error", None, "The server had an error while processing your request.")
    }

    /// 529, Anthropic's way to say that it is overloaded.
    pub fn overloaded() -> Self {
        anthropic::overloaded()
    }

    /// 401.
    pub fn bad_key() -> Self {
        Self::error(401, "invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided.")
    }

    /// 402.
    pub fn no_credit() -> Self {
        Self::error(402, "billing_error", Some("insufficient_balance"), "Insufficient Balance")
    }

    /// 403.
    pub fn forbidden() -> Self {
        Self::error(403, "permission_error", None, "You are not allowed to use this model.")
    }

    /// 404 on the model.
    pub fn model_missing() -> Self {
        let message = "The model does not exist or you do not have access to it.";
        Self::error(404, "invalid_request_error", Some("model_not_found"), message)
    }

    /// 400: the prompt is larger than the context window.
    pub fn context_length() -> Self {
        let message = "This model's maximum context length is 8192 tokens.";
        Self::error(400, "invalid_request_error", Some("context_length_exceeded"), message)
    }

    /// 400: refused by the content policy.
    pub fn content_policy() -> Self {
        let message = "Your request was rejected as a result of our safety system.";
        Self::error(400, "invalid_request_error", Some("content_policy_violation"), message)
    }

    /// 400: the caller's own mistake.
    pub fn caller_fault() -> Self {
        Self::error(400, "invalid_request_error", None, "Invalid value for 'temperature'.")
    }

    /// 413.
    pub fn too_large() -> Self {
        Self::error(413, "invalid_request_error", Some("request_too_large"), "Request too large.")
    }

    /// Any status with an HTML page: a proxy in between, or a 200 that is none.
    pub fn html(status: u16) -> Self {
        Self::bytes(status, "<!DOCTYPE html><html><body><h1>Something</h1></body></html>")
            .header("content-type", "text/html; charset=utf-8")
    }

    /// 200 with an error object for a body.
    pub fn error_inside_200() -> Self {
        Self::server_error(200)
    }

    /// 301, 302, 307 or 308.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::bytes(status, "").header("location", location)
    }

    /// 200 whose body was never JSON.
    pub fn invalid_json() -> Self {
        Self::json(200, r#"{"id": nope, 'object': "chat.completion"}"#)
    }

    /// 200 whose JSON breaks off, with a length that says that this is all.
    pub fn truncated_json() -> Self {
        Self::json(200, r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"mess"#)
    }

    /// 200 with a body compressed although nobody asked, and labelled so.
    pub fn gzip(body: &[u8]) -> Self {
        Self::json(200, gzip::store(body)).header("content-encoding", "gzip")
    }

    /// Bytes that are not HTTP, then a close.
    pub fn garbage() -> Self {
        Self::raw(&b"\x15\x03\x01\x00\x02\x02\x28\x00garbage\xff\xfe\r\n\r\n"[..])
    }

    /// Takes the request and never says a word.
    pub fn hang() -> Self {
        Self::says("").hang_at(At::Start)
    }

    /// Takes the request and resets the connection.
    pub fn reset() -> Self {
        Self::says("").reset_at(At::Start)
    }

    /// Takes the request and closes the connection.
    pub fn close() -> Self {
        Self::says("").close_at(At::Start)
    }

    /// An event stream with nothing in it.
    pub fn empty_stream() -> Self {
        Self::events(Vec::<String>::new())
    }

    /// An event stream of comments that never ends.
    pub fn endless_comments(every: Duration) -> Self {
        Self::endless(": keep-alive\n\n", every)
    }

    /// An event stream that repeats one frame until the client leaves.
    pub fn endless(frame: impl Into<bytes::Bytes>, every: Duration) -> Self {
        Self::with(200, Body::Endless { frame: frame.into(), every })
            .header("content-type", "text/event-stream")
            .framing(Framing::Chunked)
    }

    /// A whole unary completion whose text has so many MiB.
    pub fn huge(mebibytes: usize) -> Self {
        Self::says("x".repeat(mebibytes << 20))
    }
}
