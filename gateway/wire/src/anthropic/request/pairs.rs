//! Calls and what they came to: each result must follow its call, and each call needs one. Every vendor refuses what
//! lacks its other half, so that is refused before anything is sent.

use crate::hub::{Part, Role, Turn};
use crate::json::text::Text;

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
    let mut open: Vec<(&Text, &Turn)> = Vec::new();
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
                Part::Call { id, .. } => open.push((id, turn)),
                Part::Result { id, .. } => match open.iter().position(|(open, _)| same(open, id)) {
                    Some(at) => drop(open.remove(at)),
                    None => return Some(without_call(id, turn)),
                },
                _ => {}
            }
        }
    }
    without_result(&open)
}

/// Whether both say the same, however they are written.
pub(super) fn same(one: &Text, other: &Text) -> bool {
    one == other || one.said() == other.said()
}

fn without_result(open: &[(&Text, &Turn)]) -> Option<Orphan> {
    let (id, turn) = open.first()?;
    let message = format!("the tool call `{}` has no result in what follows it", id.said());
    Some(Orphan { at: turn.at.clone(), message })
}

fn without_call(id: &Text, turn: &Turn) -> Orphan {
    let message = format!("the tool result of `{}` follows no such tool call", id.said());
    Orphan { at: turn.at.clone(), message }
}
