//! Which text of a file counts while somebody writes it.
//!
//! A file is written in steps: emptied, then filled in pieces; removed, then put there again. What is read in between
//! may be a manifest like any other, only with less in it. So a text counts when it has stood for a moment, and one
//! that takes objects away or breaks off only when it has stood for some seconds: until then the text from before
//! counts. Files are judged each on its own; an object that moved to another file is not taken away. No clock: the
//! instant is an argument.

use super::files::FileText;
use super::object::{self, Id};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A text that stood for this long is no piece of a larger one that is being written without a pause.
pub(crate) const CALM: Duration = Duration::from_millis(200);
/// A write is under way for no longer without a change. Whoever removes an object waits for it.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// The objects in force, by the file that each was read from.
pub(crate) type ByFile = BTreeMap<Arc<str>, BTreeSet<Id>>;

type Text = Result<String, String>;

/// The texts that count, and those that do not yet.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    counted: BTreeMap<Arc<str>, Text>,
    drafts: BTreeMap<Arc<str>, Draft>,
}

/// What a file looks like that differs from what counts.
#[derive(Debug)]
struct Draft {
    /// `None`: the file is gone.
    text: Option<Text>,
    /// When it was first seen so.
    since: Instant,
    holds: BTreeSet<Id>,
    /// Whether it ends where a file may end.
    is_whole: bool,
}

impl Drafts {
    /// All of `files` counts: nothing is in force yet that could be lost.
    pub(crate) fn begin(files: Vec<FileText>) -> Self {
        let counted = files.into_iter().map(|FileText { file, text }| (file, text)).collect();
        Self { counted, drafts: BTreeMap::new() }
    }

    /// The texts that count, by their files' names.
    pub(crate) fn texts(&self) -> Vec<FileText> {
        let text = |(file, text): (&Arc<str>, &Text)| FileText { file: Arc::clone(file), text: text.clone() };
        self.counted.iter().map(text).collect()
    }

    /// Whether some text does not count yet, so that another look is needed soon.
    pub(crate) fn is_restless(&self) -> bool {
        !self.drafts.is_empty()
    }

    /// Takes note of what the files are at `now`; `files` are all of them.
    pub(crate) fn see(&mut self, files: Vec<FileText>, now: Instant) {
        let mut seen: BTreeMap<_, _> =
            files.into_iter().map(|FileText { file, text }| (file, Some(text))).collect();
        for file in self.counted.keys() {
            seen.entry(Arc::clone(file)).or_insert(None);
        }
        let mut before = std::mem::take(&mut self.drafts);
        for (file, text) in seen {
            let counted = self.counted.get(&file);
            if text.as_ref() == counted {
                continue;
            }
            let draft = match before.remove(&file) {
                Some(draft) if draft.text == text => draft,
                _ => Draft::new(&file, text, counted, now),
            };
            self.drafts.insert(file, draft);
        }
    }

    /// Lets those drafts count whose time has come at `now`; false if there are none.
    pub(crate) fn settle(&mut self, held: &ByFile, now: Instant) -> bool {
        let due = self.due(held, now);
        for file in &due {
            match self.drafts.remove(file).and_then(|draft| draft.text) {
                Some(text) => self.counted.insert(Arc::clone(file), text),
                None => self.counted.remove(file),
            };
        }
        !due.is_empty()
    }

    /// The files whose drafts may count at `now`, together: one that has to wait keeps its objects, and with them waits
    /// who would take them over.
    fn due(&self, held: &ByFile, now: Instant) -> BTreeSet<Arc<str>> {
        let calm = self.drafts.iter().filter(|(_, draft)| draft.age(now) >= CALM);
        let mut due: BTreeSet<Arc<str>> = calm.map(|(file, _)| Arc::clone(file)).collect();
        loop {
            let waiting = self.waiting(&due, held, now);
            if waiting.is_empty() {
                return due;
            }
            due.retain(|file| !waiting.contains(file));
        }
    }

    /// Those of `due` that have to wait if all of them came to count.
    fn waiting(&self, due: &BTreeSet<Arc<str>>, held: &ByFile, now: Instant) -> BTreeSet<Arc<str>> {
        let is_due = |file: &Arc<str>| due.contains(file);
        let drafts = || self.drafts.iter().filter(|(file, _)| is_due(file));
        let stay = held.iter().filter(|(file, _)| !is_due(file)).flat_map(|(_, ids)| ids);
        let come = drafts().flat_map(|(_, draft)| &draft.holds);
        let after: BTreeSet<&Id> = stay.chain(come).collect();
        let is_unsettled = |file: &Arc<str>| self.drafts.contains_key(file) && !is_due(file);
        let awaited: BTreeSet<&Id> =
            held.iter().filter(|(file, _)| is_unsettled(file)).flat_map(|(_, ids)| ids).collect();
        let must_wait = |(file, draft): &(&Arc<str>, &Draft)| {
            let loses = || held.get(*file).is_some_and(|ids| ids.iter().any(|id| !after.contains(id)));
            let takes_over = || draft.holds.iter().any(|id| awaited.contains(id));
            draft.age(now) < GRACE && (!draft.is_whole || loses() || takes_over())
        };
        drafts().filter(must_wait).map(|(file, _)| Arc::clone(file)).collect()
    }
}

impl Draft {
    /// A draft that is first seen `now`, in place of what `counted`.
    fn new(file: &Arc<str>, text: Option<Text>, counted: Option<&Text>, now: Instant) -> Self {
        let (holds, is_whole) = match &text {
            None => (BTreeSet::new(), true),
            Some(Err(_)) => (BTreeSet::new(), false),
            Some(Ok(text)) => {
                let contents = object::read(file, text);
                let ends =
                    ends(text) || counted.is_some_and(|before| before.as_ref().is_ok_and(|it| !ends(it)));
                let holds = contents.objects.into_iter().map(|object| object.id).collect();
                (holds, !contents.incomplete && ends)
            }
        };
        Self { text, since: now, holds, is_whole }
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// Whether `text` ends as whole files do: with its line, or with JSON's last brace. Some editors leave the last line
/// open; then it was so before, too.
fn ends(text: &str) -> bool {
    text.is_empty() || text.ends_with(['\n', '\r', '}', ']'])
}

#[cfg(test)]
mod tests;
