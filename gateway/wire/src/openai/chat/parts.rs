//! What a message's `content` says.

use super::data_url;
use super::thoughts;
use super::wrong::{Wrong, members, needed, object, text};
use crate::hub::Part;
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};

/// The parts of `content`, by their positions; none if it is null.
pub(super) fn content(value: &mut Cursor<'_>) -> Result<Vec<Part>, Wrong> {
    let mut parts = Vec::new();
    match value.kind() {
        Kind::String => parts.push(Part::Text { text: Text::read(value.shared()), cache: None }),
        Kind::Array => value.items(|position, value| {
            parts.push(part(value).map_err(|wrong| wrong.under(position))?);
            Ok(())
        })?,
        Kind::Null => {}
        other => return Err(Wrong::new(format!("must be a string or an array, not {}.", other.name()))),
    }
    Ok(parts)
}

/// The members of a part, of whatever kind it is: which one is told by `type`, which may come last.
#[derive(Default)]
struct Members {
    kind: Option<Text>,
    text: Option<Text>,
    refusal: Option<Text>,
    image: Option<Image>,
    audio: Option<Audio>,
    file: Option<File>,
    cache: Option<Json>,
    thought: thoughts::Block,
}

struct Image {
    url: Option<Text>,
    detail: Option<Text>,
}

#[derive(Default)]
struct Audio {
    data: Option<Text>,
    format: Option<Text>,
}

#[derive(Default)]
struct File {
    name: Option<Text>,
    data: Option<Text>,
    id: Option<Text>,
}

fn part(value: &mut Cursor<'_>) -> Result<Part, Wrong> {
    if value.kind() == Kind::String {
        // Some callers mix strings and parts.
        return Ok(Part::Text { text: Text::read(value.shared()), cache: None });
    }
    let mut found = Members::default();
    members(value, |key, value| found.member(key, value))?;
    found.part()
}

impl Members {
    fn member(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            "type" => self.kind = text(key, value)?,
            "text" => self.text = text(key, value)?,
            "refusal" => self.refusal = text(key, value)?,
            "image_url" => self.image = image(value)?,
            "input_audio" => self.audio = audio(value)?,
            "file" => self.file = file(value)?,
            "cache_control" => self.cache = marked(value),
            _ => self.thought.member(key, value)?,
        }
        Ok(())
    }

    fn part(self) -> Result<Part, Wrong> {
        let cache = self.cache;
        let kind = needed("type", self.kind)?;
        match &*kind.said() {
            "text" => Ok(Part::Text { text: needed("text", self.text)?, cache }),
            "refusal" => Ok(Part::Refusal { text: needed("refusal", self.refusal)? }),
            "image_url" => {
                let image = needed("image_url", self.image)?;
                let url = needed("image_url.url", image.url)?;
                let source = data_url::source(url).map_err(|wrong| wrong.under("image_url.url"))?;
                Ok(Part::Image { source, detail: image.detail, cache })
            }
            "input_audio" => {
                let audio = needed("input_audio", self.audio)?;
                let data = data_url::base64(needed("input_audio.data", audio.data)?);
                Ok(Part::Audio { data, format: needed("input_audio.format", audio.format)? })
            }
            "file" => document(needed("file", self.file)?, cache).map_err(|wrong| wrong.under("file")),
            "thinking" | "redacted_thinking" => self.thought.part(),
            other => Err(Wrong::new(format!(
                "is `{other}`, which is none of `text`, `image_url`, `input_audio`, `file` and `refusal`."
            ))
            .under("type")),
        }
    }
}

/// An object with a URL, or that alone, as some callers write it.
fn image(value: &mut Cursor<'_>) -> Result<Option<Image>, Wrong> {
    const KEY: &str = "image_url";
    let mut image = Image { url: None, detail: None };
    match value.kind() {
        Kind::Null => return Ok(None),
        Kind::String => image.url = text(KEY, value)?,
        _ => object(KEY, value, |key, value| {
            match key {
                "url" => image.url = text(key, value)?,
                "detail" => image.detail = text(key, value)?,
                _ => {}
            }
            Ok(())
        })?,
    }
    Ok(Some(image))
}

fn audio(value: &mut Cursor<'_>) -> Result<Option<Audio>, Wrong> {
    let mut audio = Audio::default();
    if value.kind() == Kind::Null {
        return Ok(None);
    }
    object("input_audio", value, |key, value| {
        match key {
            "data" => audio.data = text(key, value)?,
            "format" => audio.format = text(key, value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Some(audio))
}

fn file(value: &mut Cursor<'_>) -> Result<Option<File>, Wrong> {
    let mut file = File::default();
    if value.kind() == Kind::Null {
        return Ok(None);
    }
    object("file", value, |key, value| {
        match key {
            "filename" => file.name = text(key, value)?,
            "file_data" => file.data = text(key, value)?,
            "file_id" => file.id = text(key, value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Some(file))
}

fn document(file: File, cache: Option<Json>) -> Result<Part, Wrong> {
    match (file.data, file.id) {
        (Some(data), _) => {
            let source = data_url::source(data).map_err(|wrong| wrong.under("file_data"))?;
            Ok(Part::Document { source, name: file.name, cache })
        }
        (None, Some(_)) => Err(Wrong::new(
            "names a file that lies at one vendor; this model is served by another. Send the file itself as `file_data`.",
        )
        .under("file_id")),
        (None, None) => Err(Wrong::new("is missing.").under("file_data")),
    }
}

/// A mark of what is to be cached, as it is written; null is none.
pub(super) fn marked(value: &mut Cursor<'_>) -> Option<Json> {
    (value.kind() != Kind::Null).then(|| Json::read(value.shared()))
}

/// The mark of a whole message or tool, which belongs to its last part.
pub(super) fn mark(part: &mut Part, mark: Option<Json>) {
    if let Part::Text { cache, .. }
    | Part::Image { cache, .. }
    | Part::Document { cache, .. }
    | Part::Call { cache, .. }
    | Part::Result { cache, .. } = part
        && mark.is_some()
    {
        *cache = mark;
    }
}
