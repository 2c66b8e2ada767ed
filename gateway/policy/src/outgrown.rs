//! Which context windows a request is known to have outgrown.

/// The largest window that was too small for a request, if one was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outgrown(Option<u64>);

impl Outgrown {
    /// A target with this window refused the request for its length.
    pub(crate) fn add(&mut self, window: Option<u64>) {
        self.0 = self.0.max(window);
    }

    /// Whether a target with this window may still hold the request. Only a window known to be no larger than one
    /// that was too small is ruled out. An unknown one may be larger: asking in vain costs a quick refusal, not asking
    /// costs the caller the answer.
    pub(crate) fn leaves(self, window: Option<u64>) -> bool {
        window.is_none_or(|window| self.0.is_none_or(|outgrown| window > outgrown))
    }
}
