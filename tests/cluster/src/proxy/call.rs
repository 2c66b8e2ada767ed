//! One call as the proxy saw it.

use http::{Method, Request};
use std::fmt;

/// One call to the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// GET, POST, ...
    pub method: Method,
    /// `/apis/weir.dev/v1alpha1/llmkeys`: without the query.
    pub path: String,
    /// What follows `?`; empty without one.
    pub query: String,
}

impl Call {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        !self.method.is_safe()
    }

    /// Whether its answer is a stream of events.
    pub fn is_watch(&self) -> bool {
        self.query.split('&').any(|pair| matches!(pair, "watch" | "watch=1" | "watch=true"))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.query.is_empty() { "" } else { "?" };
        write!(f, "{} {}{separator}{}", self.method, self.path, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_and_a_write_are_told_from_the_rest() {
        let call = |method, uri| Call::of(&Request::builder().method(method).uri(uri).body(()).unwrap());
        let watch = call("GET", "/api/v1/pods?fieldSelector=a%3Db&watch=true");
        assert_eq!((watch.is_watch(), watch.is_write()), (true, false));
        let list = call("GET", "/api/v1/pods?allowWatchBookmarks=true");
        assert_eq!((list.is_watch(), list.is_write()), (false, false));
        let patch = call("PATCH", "/api/v1/namespaces/a/configmaps/b");
        assert_eq!((patch.is_watch(), patch.is_write()), (false, true));
        assert_eq!(patch.to_string(), "PATCH /api/v1/namespaces/a/configmaps/b");
        assert_eq!(list.to_string(), "GET /api/v1/pods?allowWatchBookmarks=true");
    }
}
