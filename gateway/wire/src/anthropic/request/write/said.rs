//! What is said, in the order and by the roles that Anthropic wants.

use crate::hub::{Part, Role, Unsayable};
use crate::json::text::{Json, Text};

/// What one says until another does.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) role: Role,
    pub(super) blocks: Vec<Block<'a>>,
}

/// A part that is said.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) part: &'a Part,
    pub(super) cache: Option<&'a Json>,
    /// What stands in place of the part's id, signature, data or text.
    pub(super) own: Option<Text>,
    pub(super) at: At<'a>,
}

/// Where it stands in the caller's request: the turn, and which part of its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) turn: &'a str,
    pub(super) position: usize,
}

impl At<'_> {
    pub(super) fn unsayable(self, why: impl Into<String>) -> Unsayable {
        Unsayable::new(format!("{}.content.{}", self.turn, self.position), why)
    }
}
