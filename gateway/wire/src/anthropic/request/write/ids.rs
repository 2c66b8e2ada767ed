//! Ids of calls: those that Anthropic takes stay, others become one that it takes. No two calls have the same.

use super::said::{Block, Run};
use crate::anthropic::request::pairs::Open;
use crate::hub::{Part, Role, digest};
use crate::json::text::Text;
use std::collections::HashMap;

/// Gives each call an id that is its own, and each result that of its call: the first of that name that has none.
/// What an id becomes depends on what came before it alone, so that it is the same in each later request.
pub(super) fn settle(runs: &mut [Run<'_>]) {
    let mut used = Used::default();
    let mut open: Open<'_, Option<Text>> = Open::new();
    for run in runs {
        if run.role == Role::Assistant {
            open.clear();
        }
        for Block { part, own, .. } in &mut run.blocks {
            match *part {
                Part::Call { id, .. } => {
                    *own = used.unique(id);
                    open.call(id, own.clone());
                }
                Part::Result { id, .. } => *own = open.result(id).flatten(),
                _ => {}
            }
        }
    }
}

/// The ids that are in use, each with the number that the next of its name gets.
#[derive(Default)]
struct Used(HashMap<String, u64>);

impl Used {
    /// What stands in place of this id, if it cannot stay.
    fn unique(&mut self, id: &Text) -> Option<Text> {
        let said = id.said();
        // Source: Anthropic's errors, `^[a-zA-Z0-9_-]+$`.
        let plain = if is_plain(&said) { said.into_owned() } else { short(&said) };
        let own = self.free(plain);
        (own != id.said()).then(|| Text::new(&own))
    }

    fn free(&mut self, plain: String) -> String {
        let Some(next) = self.0.get(&plain).copied() else {
            self.0.insert(plain.clone(), 2);
            return plain;
        };
        let numbered = |number: &u64| format!("{plain}_{number}");
        let number = (next..).find(|number| !self.0.contains_key(&numbered(number))).unwrap_or(next);
        let own = numbered(&number);
        self.0.insert(own.clone(), 2);
        self.0.insert(plain, number.saturating_add(1));
        own
    }
}

/// Whether Anthropic takes it as an id.
pub(super) fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A head that can be read, and what tells the id from others.
fn short(id: &str) -> String {
    const HEAD: usize = 48;
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let mut short: String = id.chars().map(plain).take(HEAD).collect();
    short.push('_');
    short.extend(digest(id).chars().take(8));
    short
}
