//! Answers that the API server did not give, in its words.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::json;

/// An answer in the server's stead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    /// Seconds, as a header.
    retry_after: Option<u32>,
    body: String,
}

impl Answer {
    /// A `Status` object of this code and reason, as the API server words its refusals.
    pub fn status(status: StatusCode, reason: &str, message: &str) -> Self {
        Self { status, retry_after: None, body: status_object(status, reason, message).to_string() }
    }

    /// 409: the object has changed in between.
    pub fn conflict() -> Self {
        Self::status(
            StatusCode::CONFLICT,
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 429 with `Retry-After`, in seconds.
    pub fn too_many_requests(retry_after: u32) -> Self {
        let answer = Self::status(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "too many requests, please try again later",
        );
        Self { retry_after: Some(retry_after), ..answer }
    }

    /// 410: the version from which to watch or list on is no longer known.
    pub fn gone() -> Self {
        Self::status(StatusCode::GONE, "Expired", TOO_OLD)
    }

    /// The same as a watch gives it that was begun: 200 with an event ERROR.
    pub fn watch_gone() -> Self {
        let object = status_object(StatusCode::GONE, "Expired", TOO_OLD);
        let event = json!({ "type": "ERROR", "object": object });
        Self { status: StatusCode::OK, retry_after: None, body: format!("{event}\n") }
    }

    /// 500.
    pub fn internal_error() -> Self {
        Self::status(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "an error on the server has prevented the request from succeeding",
        )
    }

    pub(super) fn response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

const TOO_OLD: &str = "too old resource version: 1 (2)";

fn status_object(status: StatusCode, reason: &str, message: &str) -> serde_json::Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status.as_u16(),
    })
}
