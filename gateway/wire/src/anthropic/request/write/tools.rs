//! Tools and which of them are to be called.

use super::caches::Caches;
use super::fields::field;
use super::told::Told;
use crate::hub::{Chat, Choice, Names, Tool, Unsayable};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};
use crate::json::write::Writer;
use std::collections::HashSet;
use std::convert::Infallible;

/// The tools that are sent.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    sent: Vec<&'a Tool>,
    choice: Option<Pick<'a>>,
    /// At most one of them in a turn.
    one_at_a_time: bool,
}

/// Anthropic's choices.
#[derive(Debug, Clone, Copy)]
enum Pick<'a> {
    None,
    Auto,
    Any,
    One(&'a Text),
}

impl<'a> Tools<'a> {
    pub(super) fn of(chat: &'a Chat, told: &mut Told) -> Result<Self, Unsayable> {
        if chat.tools.is_empty() {
            // Both sides refuse a choice among none, so nothing is lost but for a wish that cannot be met.
            if matches!(chat.choice, Some(Choice::Any | Choice::One(_) | Choice::Among { must: true, .. })) {
                told.once("tool_choice");
            }
            return Ok(Self { sent: Vec::new(), choice: None, one_at_a_time: false });
        }
        let mut sent: Vec<&Tool> = chat.tools.iter().collect();
        let choice = match &chat.choice {
            None => None,
            Some(Choice::None) => Some(Pick::None),
            Some(Choice::Auto) => Some(Pick::Auto),
            Some(Choice::Any) => Some(Pick::Any),
            Some(Choice::One(name)) => Some(Pick::One(name)),
            Some(Choice::Among { names, must }) => {
                let allowed: HashSet<_> = names.iter().map(Text::said).collect();
                sent.retain(|tool| allowed.contains(&tool.name.said()));
                Some(if *must { Pick::Any } else { Pick::Auto })
            }
        };
        if sent.is_empty() {
            let why = "None of the tools that are allowed is among `tools`.";
            return Err(Unsayable::new("tool_choice", why));
        }
        Ok(Self { sent, choice, one_at_a_time: chat.parallel_calls == Some(false) })
    }

    /// Thinking with a budget cannot go with a call that must be. Source: Anthropic's page on extended thinking.
    pub(super) fn without_force(&mut self, told: &mut Told) {
        if matches!(self.choice, Some(Pick::Any | Pick::One(_))) {
            self.choice = Some(Pick::Auto);
            told.once("tool_choice");
        }
    }

    /// How many of them have a marker.
    pub(super) fn markers(&self) -> usize {
        self.sent.iter().filter(|tool| tool.cache.is_some()).count()
    }

    pub(super) fn write(&self, out: &mut Writer, names: &Names, caches: &mut Caches) {
        if self.sent.is_empty() {
            return;
        }
        out.key("tools");
        out.open('[');
        for tool in &self.sent {
            out.open('{');
            field(out, "name", &names.upstreams_name(&tool.name));
            if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
                field(out, "description", description);
            }
            out.key("input_schema");
            schema(out, tool.schema.as_ref());
            if let Some(strict) = tool.strict {
                out.key("strict");
                out.boolean(strict);
            }
            caches.write(out, tool.cache.as_ref());
            out.close('}');
        }
        out.close(']');
        self.write_choice(out, names);
    }

    fn write_choice(&self, out: &mut Writer, names: &Names) {
        let pick = match (self.choice, self.one_at_a_time) {
            (Some(pick), _) => pick,
            (None, true) => Pick::Auto,
            (None, false) => return,
        };
        out.key("tool_choice");
        out.open('{');
        out.key("type");
        out.string(match pick {
            Pick::None => "none",
            Pick::Auto => "auto",
            Pick::Any => "any",
            Pick::One(_) => "tool",
        });
        if let Pick::One(name) = pick {
            field(out, "name", &names.upstreams_name(name));
        }
        if self.one_at_a_time && !matches!(pick, Pick::None) {
            out.key("disable_parallel_tool_use");
            out.boolean(true);
        }
        out.close('}');
    }
}

/// The schema of a tool's arguments as its caller wrote it, which must say that it is of an object.
fn schema(out: &mut Writer, schema: Option<&Json>) {
    let Some(schema) = schema.filter(|schema| Cursor::new(schema.bytes()).kind() == Kind::Object) else {
        return out.value(br#"{"type":"object","properties":{}}"#);
    };
    let (mut is_typed, mut is_empty) = (false, true);
    let Ok(()) = Cursor::new(schema.bytes()).members(|key, _| {
        is_empty = false;
        is_typed |= key == "type";
        Ok::<_, Infallible>(())
    });
    match schema.bytes().strip_prefix(b"{") {
        _ if is_empty => out.value(br#"{"type":"object","properties":{}}"#),
        Some(rest) if !is_typed => {
            out.value(br#"{"type":"object","#);
            out.raw(rest);
        }
        _ => out.json(schema),
    }
}
