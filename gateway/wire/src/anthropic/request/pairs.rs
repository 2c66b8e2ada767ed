//! Calls and what they came to: each result must follow its call, and each call needs one. Every vendor refuses what
//! lacks its other half, so that is refused before anything is sent.

use crate::hub::{Part, Role, Turn};
use crate::json::text::Text;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// Calls that wait for their results, with something of each. Callers choose how many there are and how they are
/// called, so that no look-up goes through all of them.
#[derive(Debug)]
pub(super) struct Open<'a, T> {
    calls: Vec<Option<T>>,
    by_id: HashMap<Cow<'a, str>, VecDeque<usize>>,
}

impl<'a, T> Open<'a, T> {
    pub(super) fn new() -> Self {
        Self { calls: Vec::new(), by_id: HashMap::new() }
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.by_id.clear();
    }

    pub(super) fn call(&mut self, id: &'a Text, what: T) {
        self.by_id.entry(id.said()).or_default().push_back(self.calls.len());
        self.calls.push(Some(what));
    }

    /// The first call of this id that has no result yet; now it has one.
    pub(super) fn result(&mut self, id: &Text) -> Option<T> {
        let at = self.by_id.get_mut(&*id.said())?.pop_front()?;
        self.calls.get_mut(at)?.take()
    }

    /// The first call without a result.
    fn left(&self) -> Option<&T> {
        self.calls.iter().find_map(Option::as_ref)
    }
}

/// A call or a result without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Orphan {
    /// The turn that it stands in.
    pub(super) at: String,
    /// Why it cannot stand alone, as a sentence.
    pub(super) message: String,
}

/// The first orphan. An assistant's turns in a row count as one, and so does what follows them up to the next.
pub(super) fn orphan(turns: &[Turn]) -> Option<Orphan> {
    let mut open: Open<'_, (&Text, &Turn)> = Open::new();
    let mut answering = false;
    for turn in turns {
        let calls = turn.role == Role::Assistant;
        if calls && answering {
            if let Some(alone) = without_result(&open) {
                return Some(alone);
            }
            open.clear();
        }
        answering = !calls;
        for part in &turn.parts {
            match part {
                Part::Call { id, .. } => open.call(id, (id, turn)),
                Part::Result { id, .. } if open.result(id).is_none() => return Some(without_call(id, turn)),
                _ => {}
            }
        }
    }
    without_result(&open)
}

fn without_result(open: &Open<'_, (&Text, &Turn)>) -> Option<Orphan> {
    let (id, turn) = open.left()?;
    let message = format!("the tool call `{}` has no result in what follows it", id.said());
    Some(Orphan { at: turn.at.clone(), message })
}

fn without_call(id: &Text, turn: &Turn) -> Orphan {
    let message = format!("the tool result of `{}` follows no such tool call", id.said());
    Orphan { at: turn.at.clone(), message }
}
