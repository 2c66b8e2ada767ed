//! One message as it is written.

use super::lines::Line;
use super::word::word;
use crate::hub::{Arguments, Names, Part, Source};
use crate::json::text::Text;
use crate::json::write::Writer;

/// Writes a message.
pub(super) fn line(writer: &mut Writer, line: &Line<'_>, names: &Names, is_openai: bool) {
    writer.open('{');
    writer.key("role");
    word(writer, line.role);
    if let Some(name) = line.name {
        writer.key("name");
        writer.text(name);
    }
    if let Some(id) = line.answers {
        writer.key("tool_call_id");
        writer.text(id);
    }
    let refusals: Vec<&Text> = line.parts.iter().filter_map(|part| refusal(part)).collect();
    writer.key("content");
    content(writer, line, !refusals.is_empty(), is_openai);
    if !refusals.is_empty() {
        writer.key("refusal");
        writer.joined(refusals);
    }
    if !line.calls.is_empty() {
        writer.key("tool_calls");
        writer.open('[');
        line.calls.iter().for_each(|part| call(writer, part, names));
        writer.close(']');
    }
    writer.close('}');
}

/// The words of a refusal, which have a field of their own.
fn refusal(part: &Part) -> Option<&Text> {
    match part {
        Part::Refusal { text } => Some(text),
        _ => None,
    }
}

/// Content that is only text goes out as one string: many servers take no more in some roles (case 19). OpenAI takes
/// several texts apart.
fn content(writer: &mut Writer, line: &Line<'_>, is_refusal: bool, is_openai: bool) {
    let parts: Vec<&Part> =
        line.parts.iter().map(AsRef::as_ref).filter(|part| says_something(part)).collect();
    let texts: Option<Vec<&Text>> = parts.iter().copied().map(text).collect();
    match texts.as_deref() {
        Some([]) if is_refusal || !line.calls.is_empty() => writer.value(b"null"),
        Some([]) => word(writer, ""),
        Some([one]) => writer.text(one),
        Some([first, rest @ ..]) if !is_openai => {
            let gap = Text::new("\n\n");
            writer.joined(std::iter::once(*first).chain(rest.iter().flat_map(|text| [&gap, *text])));
        }
        _ => {
            writer.open('[');
            parts.into_iter().for_each(|part| self::part(writer, part));
            writer.close(']');
        }
    }
}

fn text(part: &Part) -> Option<&Text> {
    match part {
        Part::Text { text, .. } => Some(text),
        _ => None,
    }
}

fn says_something(part: &Part) -> bool {
    match part {
        Part::Text { text, .. } => !text.is_empty(),
        Part::Refusal { .. } => false,
        _ => true,
    }
}

fn part(writer: &mut Writer, part: &Part) {
    match part {
        Part::Text { text, .. } => {
            begin(writer, "text");
            writer.text(text);
        }
        Part::Image { source, detail, .. } => {
            begin(writer, "image_url");
            writer.open('{');
            writer.key("url");
            url(writer, source);
            if let Some(detail) = detail {
                writer.key("detail");
                writer.text(detail);
            }
            writer.close('}');
        }
        Part::Audio { data, format } => {
            begin(writer, "input_audio");
            writer.open('{');
            writer.key("data");
            writer.text(data);
            writer.key("format");
            writer.text(format);
            writer.close('}');
        }
        Part::Document { source, name, .. } => {
            begin(writer, "file");
            writer.open('{');
            writer.key("filename");
            // OpenAI takes no file without a name.
            match name {
                Some(name) => writer.text(name),
                None => word(writer, "document.pdf"),
            }
            writer.key("file_data");
            url(writer, source);
            writer.close('}');
        }
        // None of these stands in a content: see `lines`.
        Part::Call { .. }
        | Part::Result { .. }
        | Part::Thinking { .. }
        | Part::Redacted { .. }
        | Part::Refusal { .. } => return,
    }
    writer.close('}');
}

/// `{"type":"kind","kind":`
fn begin(writer: &mut Writer, kind: &str) {
    writer.open('{');
    writer.key("type");
    word(writer, kind);
    writer.key(kind);
}

fn url(writer: &mut Writer, source: &Source) {
    match source {
        Source::Data { media_type, data } => {
            writer.joined([&Text::new("data:"), media_type, &Text::new(";base64,"), data]);
        }
        Source::Url(url) | Source::Text(url) => writer.text(url),
    }
}

fn call(writer: &mut Writer, part: &Part, names: &Names) {
    let Part::Call { id, name, arguments, .. } = part else { return };
    writer.open('{');
    writer.key("id");
    writer.text(id);
    writer.key("type");
    word(writer, "function");
    writer.key("function");
    writer.open('{');
    writer.key("name");
    writer.text(&names.upstreams_name(name));
    writer.key("arguments");
    match arguments {
        Arguments::Text(text) if !text.is_empty() => writer.text(text),
        Arguments::Json(json) if &**json.bytes() != b"null" => {
            // As it is written, so that the same history is the same prefix (case 5).
            writer.string(&String::from_utf8_lossy(json.bytes()));
        }
        // Nothing is no JSON, but servers read it as such (case 4).
        Arguments::Text(_) | Arguments::Json(_) => word(writer, "{}"),
    }
    writer.close('}');
    writer.close('}');
}
