//! Who says what, as Anthropic wants it: system turns apart, the others alternating.

use super::ids;
use super::said::{At, Block, Run};
use super::told::Told;
use crate::anthropic::model::Model;
use crate::anthropic::request::pairs;
use crate::hub::signature;
use crate::hub::{Chat, Part, Role, Turn, Unsayable};
use crate::json::text::{Json, Text};

/// All that is said.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) runs: Vec<Run<'a>>,
}

impl<'a> Said<'a> {
    pub(super) fn of(
        chat: &'a Chat,
        account: &str,
        model: Model,
        told: &mut Told,
    ) -> Result<Self, Unsayable> {
        if let Some(orphan) = pairs::orphan(&chat.turns) {
            let message = format!("In `{}`, {}.", orphan.at, orphan.message);
            return Err(Unsayable::new(orphan.at, message));
        }
        let leading = chat.turns.iter().take_while(|turn| is_system(turn.role)).count();
        let (first, rest) = chat.turns.split_at_checked(leading).unwrap_or_default();
        let system: Vec<_> = first.iter().flat_map(|turn| blocks(turn, account, told)).collect();
        let rest = rest.iter().map(|turn| (turn.role, blocks(turn, account, told)));
        let spoken: Vec<_> = rest.filter(|(_, blocks)| !blocks.is_empty()).collect();
        let mut said = match (spoken.is_empty(), system.is_empty()) {
            (true, true) => return Err(Unsayable::new("messages", "`messages` say nothing.")),
            // With nothing else, what the system says is what is asked.
            (true, false) => {
                let run = Run { role: Role::User, blocks: system };
                Self { system: Vec::new(), runs: vec![run] }
            }
            (false, _) => Self { system, runs: runs(spoken, model) },
        };
        for run in &mut said.runs {
            // Results must come first. Source: Anthropic's page on handling tool calls.
            run.blocks.sort_by_key(|block| !matches!(block.part, Part::Result { .. }));
        }
        ids::settle(&mut said.runs);
        said.trim_end();
        Ok(said)
    }

    /// Whether the turn in progress opens with something else than thinking: where thinking has a budget, Anthropic
    /// refuses that. Source: Anthropic's pages on extended and adaptive thinking.
    pub(super) fn opens_with_a_call(&self) -> bool {
        let last = self.runs.iter().rposition(|run| run.role == Role::Assistant);
        let Some((run, after)) = last.and_then(|at| self.runs.get(at..)?.split_first()) else { return false };
        let mut answers = after.iter().flat_map(|run| &run.blocks);
        let thinks = |block: &Block<'_>| matches!(block.part, Part::Thinking { .. } | Part::Redacted { .. });
        answers.any(|block| matches!(block.part, Part::Result { .. }))
            && !run.blocks.first().is_some_and(thinks)
    }

    /// A last text of the assistant's must not end in white space. Source: Anthropic's errors.
    fn trim_end(&mut self) {
        let Some(run) = self.runs.last_mut().filter(|run| run.role == Role::Assistant) else { return };
        let Some(block) = run.blocks.last_mut() else { return };
        if let Part::Text { text, .. } | Part::Refusal { text } = block.part {
            let said = text.said();
            let trimmed = said.trim_end();
            if trimmed.len() < said.len() {
                block.own = Some(Text::new(trimmed));
            }
        }
    }
}

fn is_system(role: Role) -> bool {
    matches!(role, Role::System | Role::Developer)
}

/// Neighbours of one role become one. System turns in the middle stay where the model takes them: behind a user's,
/// and last or in front of an assistant's. Elsewhere they are a user's text in their place: to hoist them would change
/// the prefix that vendors cache by. Source: Anthropic's page on system messages in the middle.
fn runs(spoken: Vec<(Role, Vec<Block<'_>>)>, model: Model) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let speakers = next_speakers(&spoken);
    for ((role, blocks), next) in spoken.into_iter().zip(speakers) {
        let stays = model.system_turns
            && runs.last().is_some_and(|run| run.role != Role::Assistant)
            && next.is_none_or(|role| role == Role::Assistant);
        let role = match role {
            Role::System | Role::Developer if stays => Role::System,
            Role::System | Role::Developer => Role::User,
            role => role,
        };
        match runs.last_mut().filter(|run| run.role == role) {
            Some(run) => run.blocks.extend(blocks),
            None => runs.push(Run { role, blocks }),
        }
    }
    runs
}

/// Who speaks from each turn on, system turns passed over.
fn next_speakers(spoken: &[(Role, Vec<Block<'_>>)]) -> Vec<Option<Role>> {
    let mut next = None;
    let from_the_end = spoken.iter().rev().map(|(role, _)| {
        next = if is_system(*role) { next } else { Some(*role) };
        next
    });
    let mut speakers: Vec<_> = from_the_end.collect();
    speakers.reverse();
    speakers
}

/// What of a turn is said: nothing empty, and no reasoning that this account did not sign.
fn blocks<'a>(turn: &'a Turn, account: &str, told: &mut Told) -> Vec<Block<'a>> {
    if turn.name.is_some() {
        told.once("messages.name");
    }
    let mut blocks: Vec<Block<'a>> = Vec::with_capacity(turn.parts.len());
    let mut position = 0;
    for part in &turn.parts {
        let at = At { turn: &turn.at, position };
        let (cache, own) = match part {
            Part::Thinking { signature, .. } => {
                let own = signature.as_ref().and_then(|tagged| signature::own(account, tagged));
                let Some(own) = own else { continue };
                (None, Some(own))
            }
            Part::Redacted { data } => {
                let Some(own) = signature::own(account, data) else { continue };
                (None, Some(own))
            }
            _ => {
                position += usize::from(!matches!(part, Part::Call { .. }));
                (cache(part), None)
            }
        };
        match part {
            Part::Text { text, .. } | Part::Refusal { text } if text.is_blank() => {
                move_back(&mut blocks, cache, told);
            }
            _ => blocks.push(Block { part, cache, own, at }),
        }
    }
    blocks
}

/// The marker of a block that is left out moves to the one before, which must not be thinking.
fn move_back<'a>(blocks: &mut [Block<'a>], marker: Option<&'a Json>, told: &mut Told) {
    let Some(marker) = marker else { return };
    let thinks = |block: &Block<'_>| matches!(block.part, Part::Thinking { .. } | Part::Redacted { .. });
    match blocks.last_mut().filter(|block| !thinks(block)) {
        Some(block) => block.cache = block.cache.or(Some(marker)),
        None => told.once("cache_control"),
    }
}

/// The marker of a part: a result's may stand at what it holds.
fn cache(part: &Part) -> Option<&Json> {
    match part {
        Part::Text { cache, .. }
        | Part::Image { cache, .. }
        | Part::Document { cache, .. }
        | Part::Call { cache, .. } => cache.as_ref(),
        Part::Result { cache: own, parts, .. } => own.as_ref().or_else(|| parts.iter().rev().find_map(cache)),
        Part::Audio { .. } | Part::Thinking { .. } | Part::Redacted { .. } | Part::Refusal { .. } => None,
    }
}
