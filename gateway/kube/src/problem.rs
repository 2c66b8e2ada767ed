//! What keeps newer configuration from being applied, in words for whoever operates it.
//!
//! Never what a part says: it may be secret, and so would be a parser's quotation of it.

use kube::runtime::watcher;
use std::error::Error;
use std::fmt::{self, Write};
use weir_config::published::Unreadable;

/// Why the newest configuration is not in force.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The API server cannot be asked, or does not answer: asking again soon may help.
    Api(String),
    /// What it answers does not fit together: a publish is under way, or was torn, or this version cannot read it.
    Content(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Api(text) | Self::Content(text)) = self;
        f.write_str(text)
    }
}

impl From<Unreadable> for Problem {
    fn from(error: Unreadable) -> Self {
        Self::Content(error.to_string())
    }
}

impl Problem {
    /// From a call about `what`.
    pub(crate) fn call(what: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 404 => Self::Content(format!("{what} is missing")),
            _ => Self::Api(format!("{what} cannot be fetched: {}", describe(error))),
        }
    }

    /// From the watch of the index.
    pub(crate) fn watch(error: &watcher::Error) -> Self {
        let why = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => describe(error),
            watcher::Error::WatchError(status) => format!("{} {}", status.code, status.message),
            watcher::Error::NoResourceVersion => "it names no version".to_owned(),
        };
        Self::Api(format!("the index cannot be watched: {why}"))
    }
}

/// `error` with what is behind it: on top of a refused connection stands no more than "client error".
fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.message),
        kube::Error::SerdeError(_) => "the answer is not what was asked for".to_owned(),
        kube::Error::Service(error) => chain(&**error),
        other => chain(other),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}
