//! What of a request is not said, for its caller.

use crate::hub::Dropped;
use std::borrow::Cow;
use std::collections::HashSet;

/// Names of the caller's, each once.
#[derive(Debug, Default)]
pub(super) struct Told {
    names: Dropped,
    /// The same, for callers who bring many.
    known: HashSet<Cow<'static, str>>,
}

impl Told {
    pub(super) fn once(&mut self, name: impl Into<Cow<'static, str>>) {
        let name = name.into();
        if self.known.insert(name.clone()) {
            self.names.push(name);
        }
    }

    pub(super) fn all(self) -> Dropped {
        self.names
    }
}
