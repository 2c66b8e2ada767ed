//! Messages become turns: what a tool's message says becomes part of the user's turn behind the calls.

use super::message::{Answer, Message, Speaker, message};
use super::wrong::{Wrong, array};
use crate::hub::{Other, Part, Role, Turn};
use crate::json::cursor::Cursor;
use crate::json::text::{Json, Text};
use std::collections::{HashMap, HashSet};

const KEY: &str = "messages";

/// What the messages come to.
#[derive(Default)]
pub(super) struct Turns {
    pub(super) turns: Vec<Turn>,
    /// Members of messages that are not read, each once.
    pub(super) others: Vec<Other>,
    others_seen: HashSet<String>,
    open: Option<Open>,
}

/// The calls of the last assistant's turn that has some.
struct Open {
    /// Which turn it is.
    turn: usize,
    /// How many calls of each id wait for their results: ids may repeat, and are paired in order (case 3).
    waiting: HashMap<String, u32>,
    /// The turn behind it has results.
    has_results: bool,
}

/// Reads `messages`.
pub(super) fn read(value: &mut Cursor<'_>) -> Result<Turns, Wrong> {
    let mut turns = Turns::default();
    array(KEY, value, |position, value| {
        let at = format!("{KEY}.{position}");
        let (seen, others) = (&mut turns.others_seen, &mut turns.others);
        let message = message(value, &mut |key, value| {
            if seen.insert(key.to_owned()) {
                others.push(Other { name: format!("{at}.{key}"), value: Json::read(value.shared()) });
            }
        })?;
        turns.add(message, at)
    })?;
    turns.unanswered()?;
    if turns.turns.is_empty() {
        return Err(Wrong::new("must have at least one message.").under(KEY));
    }
    Ok(turns)
}

impl Turns {
    /// Adds a message.
    fn add(&mut self, message: Message, at: String) -> Result<(), Wrong> {
        let Message { speaker, parts, name, answer } = message;
        let role = match speaker {
            Speaker::System => Role::System,
            Speaker::Developer => Role::Developer,
            Speaker::User => Role::User,
            Speaker::Assistant => Role::Assistant,
            Speaker::Tool => return self.result(answer, parts, at),
        };
        if role == Role::Assistant {
            self.unanswered()?;
            self.open = Open::of(self.turns.len(), &parts);
        }
        self.turns.push(Turn { role, parts, name, at });
        Ok(())
    }

    /// A result goes behind the calls, whatever was said in between: all results of a turn's calls stand in one turn
    /// (case 6).
    fn result(&mut self, answer: Option<Answer>, parts: Vec<Part>, at: String) -> Result<(), Wrong> {
        let Some(Answer { id, is_error, cache }) = answer else { return Ok(()) };
        let Some(open) = self.open.as_mut() else { return Err(orphan(&id)) };
        if !open.take(&id) {
            return Err(orphan(&id));
        }
        let result = Part::Result { id, parts, is_error, cache };
        let behind = open.turn + 1;
        if let Some(turn) = self.turns.get_mut(behind).filter(|_| open.has_results) {
            turn.parts.push(result);
            return Ok(());
        }
        open.has_results = true;
        let turn = Turn { role: Role::User, parts: vec![result], name: None, at };
        self.turns.insert(behind.min(self.turns.len()), turn);
        Ok(())
    }

    /// Fails if a call is still without its result (case 7).
    fn unanswered(&self) -> Result<(), Wrong> {
        let Some(open) = &self.open else { return Ok(()) };
        let Some(turn) = self.turns.get(open.turn) else { return Ok(()) };
        let waits = |id: &Text| open.waiting.get(&*id.said()).is_some_and(|count| *count > 0);
        let call = turn.parts.iter().find_map(|part| match part {
            Part::Call { id, .. } if waits(id) => Some(id),
            _ => None,
        });
        match call {
            Some(id) => Err(Wrong::of(
                format!("{}.tool_calls", turn.at),
                format!(
                    "has a call `{}` without a result. Send a `tool` message with this `tool_call_id` behind it, or \
                     leave the call out.",
                    shown(id)
                ),
            )),
            None => Ok(()),
        }
    }
}

impl Open {
    /// The calls among `parts` of this turn, if there are any.
    fn of(turn: usize, parts: &[Part]) -> Option<Self> {
        let mut waiting = HashMap::new();
        for part in parts {
            if let Part::Call { id, .. } = part {
                *waiting.entry(id.said().into_owned()).or_insert(0) += 1;
            }
        }
        (!waiting.is_empty()).then_some(Self { turn, waiting, has_results: false })
    }

    /// Whether a call of this id waits; then it does no longer.
    fn take(&mut self, id: &Text) -> bool {
        match self.waiting.get_mut(&*id.said()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

fn orphan(id: &Text) -> Wrong {
    Wrong::new(format!(
        "is `{}`, but no call of this id in the assistant's message before it waits for a result. Send each result \
         once, behind the message that has its call.",
        shown(id)
    ))
    .under("tool_call_id")
}

/// An id as a message quotes it.
fn shown(id: &Text) -> String {
    id.said().chars().take(80).collect()
}
