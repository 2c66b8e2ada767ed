//! What was written and the watch has yet to tell of. Without it a pass would compare with a status of before,
//! and write again what is there already.

use super::status::Status;
use std::collections::BTreeMap;
use std::sync::Arc;

/// By the object's uid: a name can be taken again.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// On their way.
    flying: BTreeMap<String, Arc<Status>>,
    /// Written, and the version that this made of the object.
    written: BTreeMap<String, (String, Arc<Status>)>,
}

impl Known {
    /// The status that an object has or is about to have, if the watch, which knows it in `version`, is behind.
    pub fn beyond(&self, uid: &str, version: &str) -> Option<&Arc<Status>> {
        self.flying.get(uid).or_else(|| self.written_after(uid, version))
    }

    /// The status that was written to it after `version`.
    pub(super) fn written_after(&self, uid: &str, version: &str) -> Option<&Arc<Status>> {
        let (written, status) = self.written.get(uid)?;
        is_later(written, version).then_some(status)
    }

    /// What need not be remembered: the watch knows the object, by uid, in a version that has it, or not at all.
    pub(super) fn caught_up(&self, watched: &BTreeMap<&str, &str>) -> Vec<(String, String)> {
        let is_old = |uid: &str, written: &str| watched.get(uid).is_none_or(|seen| !is_later(written, seen));
        let old = self.written.iter().filter(|(uid, (written, _))| is_old(uid, written));
        old.map(|(uid, (written, _))| (uid.clone(), written.clone())).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Forgets a status, unless another was written since.
    pub(super) fn forget(&mut self, uid: &str, version: &str) {
        if self.written.get(uid).is_some_and(|(written, _)| written == version) {
            self.written.remove(uid);
        }
    }

    pub(super) fn sent(&mut self, uid: String, status: Arc<Status>) {
        self.flying.insert(uid, status);
    }

    /// What was sent is there, and has made this version of the object; or it is not, as far as anybody knows.
    pub(super) fn landed(&mut self, uid: &str, version: Option<String>) {
        if let (Some(status), Some(version)) = (self.flying.remove(uid), version) {
            self.written.insert(uid.to_owned(), (version, status));
        }
    }
}

/// Whether `one` is later than `other`. Resource versions of a kind are numbers that grow; should they not be,
/// whatever differs is later, and costs a write that changes nothing.
fn is_later(one: &str, other: &str) -> bool {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one > other,
        _ => one != other,
    }
}
