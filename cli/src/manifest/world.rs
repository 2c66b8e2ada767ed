//! The objects in force, and how edits change them.
//!
//! An edit meets what an API server would do: it takes each object or refuses it, and a refused one stays as it
//! was. A file that cannot be read any more leaves everything of its own as it was. What is gone from a readable
//! file is deleted, unless it is to stay.

use super::drafts::ByFile;
use super::object::{self, Contents, Id, Object, What};
use super::place::{Origin, dotted};
use super::problem::Problem;
use super::text::FileText;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use weir_crds::validate;

/// An object in force.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// With the schema's defaults.
    pub(crate) value: Value,
    /// Where this value was read. The file may have changed since, if the change was refused.
    pub(crate) origin: Origin,
    /// The file that has the object now, or had it last: its value there may have been refused.
    pub(crate) file: Arc<str>,
}

/// Every object in force.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<Id, Held>,
}

/// What became of an edit.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) problems: Vec<Problem>,
    pub(crate) added: Vec<Id>,
    pub(crate) changed: Vec<Id>,
    pub(crate) removed: Vec<Id>,
    /// What was passed over, by file in the order of the manifests.
    pub(crate) foreign: Vec<String>,
}

impl Outcome {
    /// Whether anything is in force that was not before, or the other way round.
    pub(crate) fn has_changes(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty())
    }

    /// Adds what changed `later`.
    pub(crate) fn extend(&mut self, later: Self) {
        self.added.extend(later.added);
        self.changed.extend(later.changed);
        self.removed.extend(later.removed);
    }
}

impl World {
    /// Takes what the files say now; what none of them has stays if `staying` has it. `adjust` sees an object of ours
    /// as it was written, before the schema's defaults: it may put its own there.
    pub(crate) fn take(
        &mut self,
        files: &[FileText],
        staying: &BTreeSet<Id>,
        adjust: impl Fn(&Id, &mut Value),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let (candidates, unreadable) = candidates(files, &mut outcome);
        let mut next = BTreeMap::new();
        for (id, objects) in candidates {
            let before = self.objects.remove(&id);
            let accepted = match objects.as_slice() {
                [object] => accept(object, before.as_ref(), &adjust, &mut outcome.problems),
                several => refuse_twins(several, &mut outcome.problems),
            };
            match (&before, &accepted) {
                (None, Some(_)) => outcome.added.push(id.clone()),
                (Some(old), Some(new)) if old.value != new.value => outcome.changed.push(id.clone()),
                _ => {}
            }
            let file = objects.first().map(|object| Arc::clone(&object.origin.file));
            let kept = before.map(|held| Held { file: file.unwrap_or(held.file), ..held });
            next.extend(accepted.or(kept).map(|held| (id, held)));
        }
        for (id, held) in std::mem::take(&mut self.objects) {
            let file = Path::new(&*held.file);
            if staying.contains(&id) || unreadable.iter().any(|path| file.starts_with(&**path)) {
                next.insert(id, held);
            } else {
                outcome.removed.push(id);
            }
        }
        self.objects = next;
        outcome
    }

    /// The objects in force, by the file that named each last.
    pub(crate) fn by_file(&self) -> ByFile {
        let mut by_file = ByFile::new();
        for (id, object) in &self.objects {
            by_file.entry(Arc::clone(&object.file)).or_default().insert(id.clone());
        }
        by_file
    }

    /// The objects of one kind.
    pub(crate) fn all(&self, what: What) -> impl Iterator<Item = (&Id, &Held)> {
        self.objects.iter().filter(move |(id, _)| id.what == what)
    }
}

type Candidates = BTreeMap<Id, Vec<Object>>;

/// Every object that the files name, in their order; and the files and folders that may hold more than they show.
fn candidates(files: &[FileText], outcome: &mut Outcome) -> (Candidates, BTreeSet<Arc<str>>) {
    let mut candidates = Candidates::new();
    let mut unreadable = BTreeSet::new();
    for FileText { file, text } in files {
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                outcome.problems.push(Problem::io(why));
                unreadable.insert(Arc::clone(file));
                continue;
            }
        };
        let Contents { objects, foreign, problems, incomplete } = object::read(file, text);
        if incomplete {
            unreadable.insert(Arc::clone(file));
        }
        outcome.problems.extend(problems);
        outcome.foreign.extend(foreign);
        for object in objects {
            candidates.entry(object.id.clone()).or_default().push(object);
        }
    }
    (candidates, unreadable)
}

/// The object, if an API server would take it in place of `before`.
fn accept(
    object: &Object,
    before: Option<&Held>,
    adjust: impl Fn(&Id, &mut Value),
    problems: &mut Vec<Problem>,
) -> Option<Held> {
    let Object { id, value, origin } = object;
    let mut value = value.clone();
    if id.what != What::Namespace
        && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("namespace".to_owned(), json!(id.name.namespace));
    }
    let in_words =
        |wrong: Vec<(String, &str)>| wrong.into_iter().map(|(at, why)| (at, why.to_owned())).collect();
    let wrong: Vec<(String, String)> = match id.what {
        What::Ours(kind) => {
            adjust(id, &mut value);
            validate::apply_defaults(kind, &mut value);
            let violations = validate::verdict(kind, &value, before.map(|held| &held.value));
            violations.into_iter().map(|violation| (violation.pointer, violation.message)).collect()
        }
        What::Secret => in_words(object::secret(&value).err().unwrap_or_default()),
        What::Namespace => in_words(object::labels(&value).err().unwrap_or_default()),
    };
    if wrong.is_empty() {
        return Some(Held { value, origin: origin.clone(), file: Arc::clone(&origin.file) });
    }
    problems.extend(wrong.into_iter().map(|(pointer, message)| {
        Problem::at(Some(origin.spot(&pointer)), message).about(id.to_string(), dotted(&pointer))
    }));
    None
}

/// Nobody can say which of them is meant, so none of them is taken.
fn refuse_twins(objects: &[Object], problems: &mut Vec<Problem>) -> Option<Held> {
    let (first, others) = objects.split_first()?;
    problems.extend(others.iter().map(|other| {
        let message = format!(
            "the same object is in {} already: rename or remove one of them",
            first.origin.spot("/metadata/name")
        );
        let spot = other.origin.spot("/metadata/name");
        Problem::at(Some(spot), message).about(other.id.to_string(), "metadata.name".to_owned())
    }));
    None
}

#[cfg(test)]
mod tests;
