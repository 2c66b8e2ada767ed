//! The names of headers that more than one part of the gateway reads or writes.

use http::HeaderName;

/// A request's id: ours in answers, the caller's own in requests.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
