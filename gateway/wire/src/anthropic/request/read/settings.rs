//! How the answer is to come about: thinking, effort, its form, and whose it is.

use super::Reader;
use super::fields::{At, Object};
use crate::asked::BadRequest;
use crate::hub::{Effort, Format, Reasoning};
use crate::json::cursor::Cursor;

impl Reader {
    fn reasoning(&mut self) -> &mut Reasoning {
        self.chat.reasoning.get_or_insert_default()
    }

    pub(super) fn thinking(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let at = At::Top("thinking");
        let mut thinking = Object::read(value, &at)?;
        let kind = thinking.needed("type")?;
        let on = match &*kind.said() {
            "enabled" | "adaptive" => true,
            "disabled" => false,
            other => return Err(at.bad(format_args!("has the type `{other}`, which is unknown"))),
        };
        let budget = thinking.whole("budget_tokens")?;
        let reasoning = self.reasoning();
        reasoning.on = Some(on);
        reasoning.budget = budget.filter(|_| on);
        self.rest("thinking", thinking);
        Ok(())
    }

    pub(super) fn output(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let at = At::Top("output_config");
        let mut output = Object::read(value, &at)?;
        if let Some(effort) = output.text("effort")? {
            let effort = effort.said();
            let known = Effort::named(&effort);
            let known = known.ok_or_else(|| {
                At::Field(&at, "effort").bad(format_args!("is `{effort}`, which is unknown"))
            })?;
            self.reasoning().effort = Some(known);
        }
        output.cursor("format", |value, at| self.format(value, at))?;
        self.rest("output_config", output);
        Ok(())
    }

    pub(super) fn format(&mut self, value: &mut Cursor<'_>, at: &At<'_>) -> Result<(), BadRequest> {
        let mut format = Object::read(value, at)?;
        let kind = format.needed("type")?;
        if kind.said() != "json_schema" {
            return Err(at.bad(format_args!("has the type `{}`, which is unknown", kind.said())));
        }
        let schema = format.object("schema")?;
        let schema = schema.ok_or_else(|| At::Field(at, "schema").bad("is missing"))?;
        let (name, description) = (format.text("name")?, format.text("description")?);
        self.chat.format = Some(Format::Schema { name, description, schema, strict: None });
        self.rest("output_config.format", format);
        Ok(())
    }

    pub(super) fn metadata(&mut self, value: &mut Cursor<'_>) -> Result<(), BadRequest> {
        let at = At::Top("metadata");
        let mut metadata = Object::read(value, &at)?;
        self.chat.user = metadata.text("user_id")?;
        self.rest("metadata", metadata);
        Ok(())
    }
}
