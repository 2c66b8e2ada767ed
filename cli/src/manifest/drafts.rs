//! Which text of a file counts while somebody writes it, and when an object that no file has any more is gone.
//!
//! A file is written in steps: emptied, then filled in pieces; removed, then put there again. What is read in between
//! may be a manifest like any other, only with less in it. So a text counts when it has stood for a moment, and one
//! that breaks off, or may do so, some seconds after its file began to look so. An object is gone when it has been in
//! no text for these seconds: what else its file says counts meanwhile, and further edits do not put it off. Behind
//! what cannot be read nothing is missed. No clock: the instant is an argument.

mod reading;

use super::object::Id;
use super::text::FileText;
use reading::{Reading, Text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A text that stood for this long is no piece of a larger one that is being written without a pause.
pub(crate) const CALM: Duration = Duration::from_millis(200);
/// A write is under way for no longer. Whoever removes an object waits for it.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// The objects in force, by the file that named each last.
pub(crate) type ByFile = BTreeMap<Arc<str>, BTreeSet<Id>>;

/// The texts that count, those that do not yet, and the objects that are in neither.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    counted: BTreeMap<Arc<str>, Reading>,
    drafts: BTreeMap<Arc<str>, Draft>,
    /// The objects as a text that counted said last, also while no text has them.
    known: BTreeMap<Id, Arc<Value>>,
    /// The objects in force that are in no text, since when.
    missing: BTreeMap<Id, Instant>,
}

/// What a file looks like that differs from what counts.
#[derive(Debug)]
struct Draft {
    /// `None`: the file is gone.
    reading: Option<Reading>,
    /// When it was first seen so.
    since: Instant,
    /// When the file was first seen to differ from what counts.
    began: Instant,
    /// Whether it ends where a file may end, with nothing lost at its end.
    is_whole: bool,
}

impl Drafts {
    /// All of `files` counts: nothing is in force yet that could be lost.
    pub(crate) fn begin(files: Vec<FileText>) -> Self {
        let mut drafts = Self::default();
        for FileText { file, text } in files {
            let reading = Reading::new(&file, text);
            drafts.count(file, reading);
        }
        drafts
    }

    /// The texts that count, by their files' names.
    pub(crate) fn texts(&self) -> Vec<FileText> {
        let text =
            |(file, it): (&Arc<str>, &Reading)| FileText { file: Arc::clone(file), text: it.text.clone() };
        self.counted.iter().map(text).collect()
    }

    /// Whether some text does not count yet or some object is missing, so that another look is needed soon.
    pub(crate) fn is_restless(&self) -> bool {
        !(self.drafts.is_empty() && self.missing.is_empty())
    }

    /// Takes note of what the files are at `now`; `files` are all of them, `held` is what is in force.
    pub(crate) fn see(&mut self, files: Vec<FileText>, held: &ByFile, now: Instant) {
        let mut seen: BTreeMap<_, _> =
            files.into_iter().map(|FileText { file, text }| (file, Some(text))).collect();
        for file in self.counted.keys() {
            seen.entry(Arc::clone(file)).or_insert(None);
        }
        let mut before = std::mem::take(&mut self.drafts);
        for (file, text) in seen {
            if text.as_ref() == self.counted.get(&file).map(|reading| &reading.text) {
                continue;
            }
            let draft = match before.remove(&file) {
                Some(draft) if draft.reading.as_ref().map(|reading| &reading.text) == text.as_ref() => draft,
                earlier => {
                    let began = earlier.map_or(now, |draft| draft.began);
                    self.draft(&file, text, began, now)
                }
            };
            self.drafts.insert(file, draft);
        }
        self.miss(held, now);
    }

    /// A draft that is first seen `now`.
    fn draft(&self, file: &Arc<str>, text: Option<Text>, began: Instant, now: Instant) -> Draft {
        let reading = text.map(|text| Reading::new(file, text));
        let was_open = self.counted.get(file).is_some_and(|counted| !counted.ends);
        let is_whole = reading.as_ref().is_none_or(|reading| {
            reading.is_complete && (reading.ends || was_open) && !reading.is_cut(&self.known)
        });
        Draft { reading, since: now, began, is_whole }
    }

    /// Takes note of the objects of `held` that are in no text `now`.
    fn miss(&mut self, held: &ByFile, now: Instant) {
        let all: BTreeSet<&Id> = held.values().flatten().collect();
        self.known.retain(|id, _| all.contains(id));
        let seen: BTreeSet<&Id> = self.seen().flat_map(|(_, reading)| reading.objects.keys()).collect();
        // What cannot be had, or has been broken for long, has its objects; they are missed after it, anew.
        let is_closed = |(file, it): &(&Arc<str>, &Reading)| {
            it.text.is_err() || !it.is_complete && !self.drafts.contains_key(*file)
        };
        let closed: Vec<&Arc<str>> = self.seen().filter(is_closed).map(|(file, _)| file).collect();
        let open = held.iter().filter(|(file, _)| !is_behind(file, &closed));
        let missing = open.flat_map(|(_, ids)| ids).filter(|id| !seen.contains(id));
        let since = |id: &Id| (id.clone(), self.missing.get(id).copied().unwrap_or(now));
        self.missing = missing.map(since).collect();
    }

    /// What every file that is there looks like.
    fn seen(&self) -> impl Iterator<Item = (&Arc<str>, &Reading)> {
        let counted = self.counted.iter().filter(|(file, _)| !self.drafts.contains_key(*file));
        counted.chain(self.drafts.iter().filter_map(|(file, draft)| Some((file, draft.reading.as_ref()?))))
    }

    /// Lets those drafts count whose time has come at `now`. Gives the objects that stay in force also where no text
    /// that counts has them; `None` if nothing changes.
    pub(crate) fn settle(&mut self, held: &ByFile, now: Instant) -> Option<BTreeSet<Id>> {
        let due = self.due(held, now);
        for file in &due {
            match self.drafts.remove(file).and_then(|draft| draft.reading) {
                Some(reading) => self.count(Arc::clone(file), reading),
                None => drop(self.counted.remove(file)),
            }
        }
        let gone = self.gone(held, now);
        self.missing.retain(|id, _| !gone.contains(id));
        let is_news = !(due.is_empty() && gone.is_empty());
        is_news.then(|| held.values().flatten().filter(|id| !gone.contains(id)).cloned().collect())
    }

    fn count(&mut self, file: Arc<str>, reading: Reading) {
        self.known.extend(reading.objects.iter().map(|(id, value)| (id.clone(), Arc::clone(value))));
        self.counted.insert(file, reading);
    }

    /// The objects in force that have been missed for long enough, and that nothing unreadable may hide.
    fn gone<'a>(&self, held: &'a ByFile, now: Instant) -> BTreeSet<&'a Id> {
        let readings = self.seen().chain(&self.counted);
        let closed: Vec<&Arc<str>> =
            readings.filter(|(_, reading)| !reading.is_complete).map(|(file, _)| file).collect();
        let counted: BTreeSet<&Id> =
            self.counted.values().flat_map(|reading| reading.objects.keys()).collect();
        let is_gone = |id: &Id| {
            let since = self.missing.get(id);
            since.is_some_and(|since| now.saturating_duration_since(*since) >= GRACE) && !counted.contains(id)
        };
        let open = held.iter().filter(|(file, _)| !is_behind(file, &closed));
        open.flat_map(|(_, ids)| ids).filter(|id| is_gone(id)).collect()
    }

    /// The files whose drafts may count at `now`, together: one that has to wait keeps its objects, and with them waits
    /// who would take them over.
    fn due(&self, held: &ByFile, now: Instant) -> BTreeSet<Arc<str>> {
        let ready = self.drafts.iter().filter(|(_, draft)| draft.is_ready(now));
        let mut due: BTreeSet<Arc<str>> = ready.map(|(file, _)| Arc::clone(file)).collect();
        loop {
            let waits = |(file, _): &(&Arc<str>, &BTreeSet<Id>)| {
                self.drafts.contains_key(*file) && !due.contains(*file)
            };
            let awaited: BTreeSet<&Id> = held.iter().filter(waits).flat_map(|(_, ids)| ids).collect();
            let takes_over = |file: &Arc<str>| {
                let draft = self.drafts.get(file).filter(|draft| !draft.is_late(now));
                let reading = draft.and_then(|draft| draft.reading.as_ref());
                reading.is_some_and(|reading| reading.objects.keys().any(|id| awaited.contains(id)))
            };
            let waiting: BTreeSet<Arc<str>> = due.iter().filter(|file| takes_over(file)).cloned().collect();
            if waiting.is_empty() {
                return due;
            }
            due.retain(|file| !waiting.contains(file));
        }
    }
}

impl Draft {
    /// A whole one waits for a calm, but not for ever; what may go on waits for its time, and then for a calm.
    fn is_ready(&self, now: Instant) -> bool {
        let is_calm = now.saturating_duration_since(self.since) >= CALM;
        if self.is_whole { is_calm || self.is_late(now) } else { is_calm && self.is_late(now) }
    }

    /// Whether it has waited for as long as anything waits.
    fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= GRACE
    }
}

/// Whether `file` is one of `closed`, or in a folder that is.
fn is_behind(file: &str, closed: &[&Arc<str>]) -> bool {
    closed.iter().any(|path| Path::new(file).starts_with(&***path))
}

#[cfg(test)]
mod tests;
