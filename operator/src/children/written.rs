//! What one gateway's children were last written as, for as long as the watch has yet to tell of it; and how much may
//! be written at all.

use super::apply::Unapplied;
use crate::publish::is_newer;
use crate::watch::{TOLD, owned};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A name that somebody else has is looked at so often: no watch tells of what is not ours.
const TAKEN: Duration = Duration::from_secs(10);
/// So many writes in a row, and then one in each second: whoever else writes the same field is not fought faster.
const BURST: u32 = 30;
const REST: Duration = Duration::from_secs(1);

/// By the child's kind: of each there is one.
#[derive(Debug)]
pub(super) struct Written {
    marks: BTreeMap<String, Mark>,
    taken: BTreeMap<String, Instant>,
    /// When all of the burst may be written again.
    rested: Instant,
}

#[derive(Debug)]
struct Mark {
    digest: String,
    version: String,
    /// What was ours by the API server's answer.
    fields: Vec<ManagedFieldsEntry>,
    at: Instant,
    /// The watch has told of this object: if it is not there any more, it was deleted.
    told: bool,
}

impl Default for Written {
    /// Nothing yet.
    fn default() -> Self {
        Self { marks: BTreeMap::new(), taken: BTreeMap::new(), rested: Instant::now() }
    }
}

impl Written {
    /// Notes a write, over what the watch has told of or not; gives the moment until which the watch has to tell of it.
    pub(super) fn wrote(&mut self, kind: &str, digest: &str, answer: &ObjectMeta, is_known: bool) -> Instant {
        let mark = Mark {
            digest: digest.to_owned(),
            version: answer.resource_version.clone().unwrap_or_default(),
            fields: owned(answer).cloned().collect(),
            at: Instant::now(),
            told: is_known,
        };
        let until = mark.at + TOLD;
        self.marks.insert(kind.to_owned(), mark);
        self.taken.remove(kind);
        until
    }

    /// The watch knows this object.
    pub(super) fn told(&mut self, kind: &str, there: &ObjectMeta) {
        self.taken.remove(kind);
        if let Some(mark) = self.marks.get_mut(kind) {
            mark.told |= !is_before(there, &mark.version);
        }
    }

    /// Until when the watch may yet tell of what was made; nothing if it is to be made.
    pub(super) fn is_to_come(&self, kind: &str, digest: &str) -> Option<Instant> {
        let mark = self.marks.get(kind).filter(|mark| !mark.told && mark.digest == digest)?;
        Some(mark.at + TOLD).filter(|until| *until > Instant::now())
    }

    /// Until when the watch may yet tell of what was written over `there`.
    pub(super) fn is_behind(&self, kind: &str, digest: &str, there: &ObjectMeta) -> Option<Instant> {
        let mark = self.marks.get(kind).filter(|mark| mark.digest == digest)?;
        let until = mark.at + TOLD;
        (is_before(there, &mark.version) && until > Instant::now()).then_some(until)
    }

    /// Whether what is ours of `there` is what the API server made of it when it was written. It leaves out what is
    /// empty, and then nobody owns it.
    pub(super) fn is_as_answered(&self, kind: &str, there: &ObjectMeta) -> bool {
        self.marks.get(kind).is_some_and(|mark| owned(there).eq(mark.fields.iter()))
    }

    /// Somebody else has the name.
    pub(super) fn taken(&mut self, kind: &str) {
        self.taken.insert(kind.to_owned(), Instant::now() + TAKEN);
    }

    /// Whether that was so a moment ago.
    pub(super) fn is_known_as_taken(&self, kind: &str) -> bool {
        self.taken.get(kind).is_some_and(|until| *until > Instant::now())
    }

    /// When to look whether a name has come free.
    pub(super) fn look_again(&self) -> Instant {
        let now = Instant::now();
        self.taken.values().copied().filter(|until| *until > now).min().unwrap_or(now + TAKEN)
    }

    /// There is none of this kind any more.
    pub(super) fn forget(&mut self, kind: &str) {
        self.marks.remove(kind);
        self.taken.remove(kind);
    }

    /// To be asked before each write.
    pub(super) fn may_write(&mut self) -> Result<(), Unapplied> {
        let now = Instant::now();
        let rested = self.rested.max(now) + REST;
        if rested > now + REST * BURST {
            return Err(Unapplied::Postponed(rested - REST * BURST));
        }
        self.rested = rested;
        Ok(())
    }
}

fn is_before(there: &ObjectMeta, version: &str) -> bool {
    let known = there.resource_version.as_deref().unwrap_or_default();
    known != version && is_newer(version, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_is_fought_with_is_written_over_once_a_second() {
        let mut written = Written::default();
        let writes = |written: &mut Written| (0..1000).take_while(|_| written.may_write().is_ok()).count();
        assert_eq!(writes(&mut written), BURST as usize);
        tokio::time::advance(REST).await;
        assert_eq!(writes(&mut written), 1);
        let Err(Unapplied::Postponed(until)) = written.may_write() else { panic!("it may") };
        tokio::time::sleep_until(until).await;
        assert_eq!(writes(&mut written), 1);
        tokio::time::advance(REST * 1000).await;
        assert_eq!(writes(&mut written), BURST as usize, "rest is not saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_watch_does_not_tell_of_in_time_is_written_again() {
        let meta = |version: &str| ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        let mut written = Written::default();
        assert_eq!(written.is_to_come("Role", "d"), None);
        let until = written.wrote("Role", "d", &meta("10"), false);
        assert_eq!(written.is_to_come("Role", "d"), Some(until));
        assert_eq!(written.is_to_come("Role", "other"), None);
        assert_eq!(written.is_behind("Role", "d", &meta("9")), Some(until));
        assert_eq!(written.is_behind("Role", "d", &meta("10")), None);
        written.told("Role", &meta("9"));
        assert_eq!(written.is_to_come("Role", "d"), Some(until), "that was the one before");
        tokio::time::advance(TOLD).await;
        assert_eq!(written.is_to_come("Role", "d"), None);
        written.wrote("Role", "d", &meta("11"), false);
        written.told("Role", &meta("11"));
        assert_eq!(written.is_to_come("Role", "d"), None, "it was there and is gone");
        written.wrote("Role", "d", &meta("12"), true);
        assert_eq!(
            written.is_to_come("Role", "d"),
            None,
            "so it is if it goes before its last change was told"
        );
    }
}
