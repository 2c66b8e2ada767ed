//! Ids of calls: those that Anthropic takes stay, others become one that it takes. No two calls have the same.

use super::names;
use super::turns::{Block, Run};
use crate::anthropic::request::pairs::same;
use crate::hub::{Part, Role};
use crate::json::text::Text;
use std::collections::HashSet;

/// Gives each call an id that is its own, and each result that of its call: the first of that name that has none.
/// What an id becomes depends on what came before it alone, so that it is the same in each later request.
pub(super) fn settle(runs: &mut [Run<'_>]) {
    let mut used: HashSet<String> = HashSet::new();
    let mut open: Vec<(&Text, Option<Text>)> = Vec::new();
    for run in runs {
        if run.role == Role::Assistant {
            open.clear();
        }
        for Block { part, own, .. } in &mut run.blocks {
            match *part {
                Part::Call { id, .. } => {
                    *own = unique(id, &mut used);
                    open.push((id, own.clone()));
                }
                Part::Result { id, .. } => {
                    if let Some(at) = open.iter().position(|(open, _)| same(open, id)) {
                        *own = open.remove(at).1;
                    }
                }
                _ => {}
            }
        }
    }
}

/// What stands in place of this id, if it cannot stay.
fn unique(id: &Text, used: &mut HashSet<String>) -> Option<Text> {
    let said = id.said();
    // Source: Anthropic's errors, `^[a-zA-Z0-9_-]+$`.
    let plain = if names::is_plain(&said) { said.into_owned() } else { names::short(&said, 64) };
    let mut own = plain.clone();
    let mut next = 2;
    while !used.insert(own.clone()) {
        own = format!("{plain}_{next}");
        next += 1;
    }
    (own != id.said()).then(|| Text::new(&own))
}
