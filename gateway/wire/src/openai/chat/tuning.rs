//! How the answer is to be: its form, where it stops, how much is reasoned.

use super::parts::marked;
use super::wrong::{Wrong, array, count, flag, json_object, needed, object, text};
use crate::hub::{Effort, Format, Other, Reasoning};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};

/// Reads `stop`: a string or several.
pub(super) fn stop(key: &str, value: &mut Cursor<'_>) -> Result<Vec<Text>, Wrong> {
    let mut stop = Vec::new();
    match value.kind() {
        Kind::String => stop.extend(text(key, value)?),
        Kind::Array => array(key, value, |_, value| match value.kind() {
            Kind::String => {
                stop.push(Text::read(value.shared()));
                Ok(())
            }
            other => Err(Wrong::new(format!("must be a string, not {}.", other.name()))),
        })?,
        Kind::Null => {}
        other => return Err(Wrong::kind(key, "a string or an array", other)),
    }
    Ok(stop)
}

/// Reads `response_format`.
pub(super) fn format(key: &str, value: &mut Cursor<'_>) -> Result<Option<Format>, Wrong> {
    if value.kind() == Kind::Null {
        return Ok(None);
    }
    let mut found = Members::default();
    object(key, value, |key, value| match key {
        "type" => {
            found.kind = text(key, value)?;
            Ok(())
        }
        "json_schema" => object(key, value, |key, value| found.member(key, value)),
        _ => Ok(()),
    })?;
    found.format().map_err(|wrong| wrong.under(key))
}

#[derive(Default)]
struct Members {
    kind: Option<Text>,
    name: Option<Text>,
    description: Option<Text>,
    schema: Option<Json>,
    strict: Option<bool>,
}

impl Members {
    fn member(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            "name" => self.name = text(key, value)?,
            "description" => self.description = text(key, value)?,
            "schema" => self.schema = json_object(key, value)?,
            "strict" => self.strict = flag(key, value)?,
            _ => {}
        }
        Ok(())
    }

    fn format(self) -> Result<Option<Format>, Wrong> {
        let kind = needed("type", self.kind)?;
        match &*kind.said() {
            "text" => Ok(None),
            "json_object" => Ok(Some(Format::Json)),
            "json_schema" => Ok(Some(Format::Schema {
                name: self.name,
                description: self.description,
                schema: needed("json_schema.schema", self.schema)?,
                strict: self.strict,
            })),
            _ => Err(Wrong::new("must be `text`, `json_object` or `json_schema`.").under("type")),
        }
    }
}

/// Reads `reasoning_effort`.
pub(super) fn effort(key: &str, value: &mut Cursor<'_>) -> Result<Option<Effort>, Wrong> {
    let Some(word) = text(key, value)? else { return Ok(None) };
    let names = || Effort::ALL.map(|effort| format!("`{}`", effort.name())).join(", ");
    let effort = Effort::named(&word.said());
    effort.map(Some).ok_or_else(|| Wrong::new(format!("must be one of {}.", names())).under(key))
}

/// Reads `thinking`, Anthropic's field, which DeepSeek and others take, too.
pub(super) fn thinking(
    key: &str,
    value: &mut Cursor<'_>,
    reasoning: &mut Reasoning,
    others: &mut Vec<Other>,
) -> Result<(), Wrong> {
    object(key, value, |inner, value| {
        match inner {
            "type" => match text(inner, value)?.as_ref().map(Text::said).as_deref() {
                None => {}
                Some("enabled" | "adaptive") => reasoning.on = Some(true),
                Some("disabled") => reasoning.on = Some(false),
                Some(_) => {
                    return Err(Wrong::new("must be `enabled`, `disabled` or `adaptive`.").under(inner));
                }
            },
            "budget_tokens" => reasoning.budget = count(inner, value)?,
            _ => other(format!("{key}.{inner}"), value, others),
        }
        Ok(())
    })
}

/// Reads `reasoning`, OpenRouter's field.
pub(super) fn reasoning(
    key: &str,
    value: &mut Cursor<'_>,
    reasoning: &mut Reasoning,
    others: &mut Vec<Other>,
) -> Result<(), Wrong> {
    object(key, value, |inner, value| {
        match inner {
            "enabled" => reasoning.on = flag(inner, value)?.or(reasoning.on),
            "effort" => reasoning.effort = effort(inner, value)?.or(reasoning.effort),
            "max_tokens" => reasoning.budget = count(inner, value)?.or(reasoning.budget),
            _ => other(format!("{key}.{inner}"), value, others),
        }
        Ok(())
    })
}

/// A field that only some APIs have, as it is written; null is none.
pub(super) fn other(name: String, value: &mut Cursor<'_>, others: &mut Vec<Other>) {
    others.extend(marked(value).map(|value| Other { name, value }));
}
