//! Tools that may be called, and which of them are to be.

use super::parts::marked;
use super::wrong::{Wrong, array, flag, json_object, members, needed, object, text};
use crate::hub::{Choice, Tool};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};

/// Reads `tools`.
pub(super) fn tools(key: &str, value: &mut Cursor<'_>) -> Result<Vec<Tool>, Wrong> {
    let mut tools = Vec::new();
    array(key, value, |_, value| {
        let mut found = Members::default();
        members(value, |key, value| found.member(key, value))?;
        tools.push(found.tool()?);
        Ok(())
    })?;
    Ok(tools)
}

/// A tool's members, nested in `function`, flat as in OpenAI's Responses, or with Anthropic's `input_schema`: Cursor
/// mixes all three (case 64).
#[derive(Default)]
struct Members {
    kind: Option<Text>,
    nested: bool,
    custom: bool,
    name: Option<Text>,
    description: Option<Text>,
    schema: Option<Json>,
    strict: Option<bool>,
    cache: Option<Json>,
}

impl Members {
    fn member(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            "type" => self.kind = text(key, value)?,
            "custom" => self.custom = value.kind() != Kind::Null,
            "function" => {
                self.nested = value.kind() != Kind::Null;
                object(key, value, |key, value| self.own(key, value))?;
            }
            _ => self.own(key, value)?,
        }
        Ok(())
    }

    fn own(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            _ if value.kind() == Kind::Null => {}
            "name" => self.name = text(key, value)?,
            "description" => self.description = text(key, value)?.filter(|said| !said.is_empty()),
            "parameters" | "input_schema" => self.schema = json_object(key, value)?,
            "strict" => self.strict = flag(key, value)?,
            "cache_control" => self.cache = marked(value),
            _ => {}
        }
        Ok(())
    }

    fn tool(self) -> Result<Tool, Wrong> {
        let kind = self.kind.as_ref().map(Text::said);
        let is_function = match kind.as_deref() {
            None | Some("function") => true,
            // Anthropic's word for a tool of the caller's own.
            Some("custom") => !self.custom && self.schema.is_some(),
            Some(_) => false,
        };
        if !is_function {
            let why = "must be `function`: its vendor runs or reads other tools itself, and this model is served by \
                       another.";
            return Err(Wrong::new(why).under("type"));
        }
        let key = if self.nested { "function.name" } else { "name" };
        let name = needed(key, self.name.filter(|name| !name.is_empty()))?;
        Ok(Tool {
            name,
            description: self.description,
            schema: self.schema,
            strict: self.strict,
            cache: self.cache,
        })
    }
}

/// Reads `tool_choice`: a word, a tool, or the tools that are allowed (case 12).
pub(super) fn choice(key: &str, value: &mut Cursor<'_>) -> Result<Option<Choice>, Wrong> {
    match value.kind() {
        Kind::Null => Ok(None),
        Kind::String => {
            let word = Text::read(value.shared());
            named(&word.said()).map(Some).ok_or_else(|| Wrong::new(WANTED).under(key))
        }
        _ => {
            let mut found = Chosen::default();
            object(key, value, |key, value| found.member(key, value))?;
            found.choice().map(Some).map_err(|wrong| wrong.under(key))
        }
    }
}

const WANTED: &str = "must be `none`, `auto`, `required`, a tool (`{\"type\":\"function\",…}`) or `{\"type\":\"allowed_tools\",…}`.";

/// `any` is Anthropic's and Mistral's word for `required`.
fn named(word: &str) -> Option<Choice> {
    match word {
        "none" => Some(Choice::None),
        "auto" => Some(Choice::Auto),
        "required" | "any" => Some(Choice::Any),
        _ => None,
    }
}

/// The members of a choice that is an object, nested or flat as a tool's are.
#[derive(Default)]
struct Chosen {
    kind: Option<Text>,
    name: Option<Text>,
    mode: Option<Text>,
    names: Vec<Text>,
}

impl Chosen {
    fn member(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            "type" => self.kind = text(key, value)?,
            "name" => self.name = text(key, value)?,
            "function" => self.name = function(key, value)?.or(self.name.take()),
            "allowed_tools" => object(key, value, |key, value| self.allowed(key, value))?,
            _ => self.allowed(key, value)?,
        }
        Ok(())
    }

    fn allowed(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            "mode" => self.mode = text(key, value)?,
            "tools" => {
                self.names.clear();
                array(key, value, |_, value| {
                    self.names.push(allowed_name(value)?);
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn choice(self) -> Result<Choice, Wrong> {
        let kind = needed("type", self.kind)?;
        match &*kind.said() {
            "function" | "tool" => {
                Ok(Choice::One(needed("function.name", self.name.filter(|name| !name.is_empty()))?))
            }
            "allowed_tools" => {
                let must = match self.mode.as_ref().map(Text::said).as_deref() {
                    Some("required") => true,
                    None | Some("auto") => false,
                    Some(_) => {
                        return Err(Wrong::new("must be `auto` or `required`.").under("allowed_tools.mode"));
                    }
                };
                Ok(Choice::Among { names: self.names, must })
            }
            word => named(word).ok_or_else(|| Wrong::new(WANTED)),
        }
    }
}

/// A tool that is allowed, nested or flat.
fn allowed_name(value: &mut Cursor<'_>) -> Result<Text, Wrong> {
    let mut name = None;
    members(value, |key, value| {
        match key {
            "name" => name = text(key, value)?.or(name.take()),
            "function" => name = function(key, value)?.or(name.take()),
            _ => {}
        }
        Ok(())
    })?;
    needed("function.name", name.filter(|name| !name.is_empty()))
}

/// The name within `function`.
fn function(key: &str, value: &mut Cursor<'_>) -> Result<Option<Text>, Wrong> {
    let mut name = None;
    object(key, value, |key, value| {
        if key == "name" {
            name = text(key, value)?;
        }
        Ok(())
    })?;
    Ok(name)
}
