//! What of a request is not said, for its caller.

use crate::hub::Dropped;
use std::borrow::Cow;

/// Names of the caller's, each once.
#[derive(Debug, Default)]
pub(super) struct Told(Dropped);

impl Told {
    pub(super) fn once(&mut self, name: impl Into<Cow<'static, str>>) {
        let name = name.into();
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    pub(super) fn all(self) -> Dropped {
        self.0
    }
}
