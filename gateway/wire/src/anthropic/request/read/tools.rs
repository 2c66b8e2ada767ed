//! Tools and which of them are to be called.

use super::Reader;
use super::fields::{At, Object};
use crate::asked::BadRequest;
use crate::hub::{Choice, Tool};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::Json;

impl Reader {
    pub(super) fn tools(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let top = At::Top("tools");
        if value.kind() != Kind::Array {
            return Err(top.wrong("an array", value.kind()));
        }
        value.items(|position, value| self.tool(value, &At::Item(&top, position)))
    }

    /// A tool of the caller's. One that runs at Anthropic has a type of its own: that is kept as what only some APIs
    /// have, under its place.
    fn tool(&mut self, value: &mut Cursor<'_>, at: &At<'_>) -> Result<(), BadRequest> {
        let mut whole = value.clone();
        let mut tool = Object::read(value, at)?;
        if tool.text("type")?.is_some_and(|kind| kind.said() != "custom") {
            self.other(at.to_string(), Json::read(whole.shared()));
            return Ok(());
        }
        let read = Tool {
            name: tool.needed("name")?,
            description: tool.text("description")?,
            schema: tool.object("input_schema")?,
            strict: tool.boolean("strict")?,
            cache: tool.json("cache_control"),
        };
        self.chat.tools.push(read);
        self.rest("tools", tool);
        Ok(())
    }

    pub(super) fn choice(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let at = At::Top("tool_choice");
        let mut choice = Object::read(value, &at)?;
        let kind = choice.needed("type")?;
        self.chat.choice = Some(match &*kind.said() {
            "auto" => Choice::Auto,
            "any" => Choice::Any,
            "none" => Choice::None,
            "tool" => Choice::One(choice.needed("name")?),
            other => return Err(at.bad(format_args!("has the type `{other}`, which is unknown"))),
        });
        self.chat.parallel_calls =
            choice.boolean("disable_parallel_tool_use")?.filter(|disabled| *disabled).map(|_| false);
        self.rest("tool_choice", choice);
        Ok(())
    }
}
