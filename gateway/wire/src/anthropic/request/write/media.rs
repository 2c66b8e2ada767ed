//! Pictures and documents: what they are is told by their first bytes, not by their label.

use super::fields::{field, kind};
use super::said::At;
use crate::hub::{Source, Unsayable};
use crate::json::text::Text;
use crate::json::write::Writer;
use std::borrow::Cow;

/// What Anthropic sees. Source: Anthropic's page on vision.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";

pub(super) fn image(out: &mut Writer, source: &Source, at: At<'_>) -> Result<(), Unsayable> {
    kind(out, "image");
    out.key("source");
    match opened(source).as_ref() {
        Source::Data { media_type, data } => {
            let label = media_type.said().trim().to_ascii_lowercase();
            let label = if label == "image/jpg" { "image/jpeg" } else { &label };
            let known = IMAGES.into_iter().find(|known| *known == label);
            let Some(media_type) = told_by_bytes(data).filter(|kind| *kind != PDF).or(known) else {
                let why =
                    format!("The image is `{label}`; Anthropic's Messages takes png, jpeg, gif and webp.");
                return Err(at.unsayable(why));
            };
            base64(out, media_type, data);
            Ok(())
        }
        Source::Url(url) => {
            by_url(out, url);
            Ok(())
        }
        Source::Text(_) => Err(at.unsayable("The image is text.")),
    }
}

pub(super) fn document(
    out: &mut Writer,
    source: &Source,
    name: Option<&Text>,
    at: At<'_>,
) -> Result<(), Unsayable> {
    kind(out, "document");
    out.key("source");
    match opened(source).as_ref() {
        Source::Data { media_type, data } => {
            let label = media_type.said().trim().to_ascii_lowercase();
            match told_by_bytes(data).unwrap_or(&label) {
                PDF => base64(out, PDF, data),
                _ => {
                    let why =
                        format!("The file is `{label}`; Anthropic's Messages takes PDF, and text as text.");
                    return Err(at.unsayable(why));
                }
            }
        }
        Source::Url(url) => by_url(out, url),
        Source::Text(text) => {
            out.open('{');
            kind(out, "text");
            out.key("media_type");
            out.string("text/plain");
            field(out, "data", text);
            out.close('}');
        }
    }
    if let Some(name) = name.filter(|name| !name.is_blank()) {
        field(out, "title", name);
    }
    Ok(())
}

fn base64(out: &mut Writer, media_type: &str, data: &Text) {
    out.open('{');
    kind(out, "base64");
    out.key("media_type");
    out.string(media_type);
    field(out, "data", data);
    out.close('}');
}

fn by_url(out: &mut Writer, url: &Text) {
    out.open('{');
    kind(out, "url");
    field(out, "url", url);
    out.close('}');
}

/// What a URL holds itself, if it is a `data:` URL.
fn opened(source: &Source) -> Cow<'_, Source> {
    let Source::Url(url) = source else { return Cow::Borrowed(source) };
    if url.len() < 5 || !url.json().get(1..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:")) {
        return Cow::Borrowed(source);
    }
    let said = url.said();
    let held = said.get(5..).and_then(|rest| rest.split_once(','));
    match held.and_then(|(head, data)| Some((head.get(..head.len().checked_sub(7)?)?, head, data))) {
        Some((kind, head, data)) if head.to_ascii_lowercase().ends_with(";base64") => {
            let media_type = Text::new(kind.split(';').next().unwrap_or_default());
            Cow::Owned(Source::Data { media_type, data: Text::new(data) })
        }
        _ => Cow::Borrowed(source),
    }
}

/// What the first bytes of this base64 say that it is.
fn told_by_bytes(data: &Text) -> Option<&'static str> {
    let bytes = first_bytes(data);
    match &bytes[..] {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', ..] => Some(PDF),
        _ => None,
    }
}

/// The first twelve bytes, or fewer.
fn first_bytes(data: &Text) -> Vec<u8> {
    let (inside, mut bits, mut length, mut bytes) = (data.inside(), 0_u32, 0, Vec::with_capacity(12));
    // A slash may be escaped.
    for letter in inside.iter().filter(|letter| **letter != b'\\').take(16) {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        (bits, length) = (bits << 6 | u32::from(value), length + 6);
        if length >= 8 {
            length -= 8;
            bytes.push((bits >> length) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_it_is() {
        for (data, expected) in [
            ("iVBORw0KGgoAAAANSUhEUg==", Some("image/png")),
            ("/9j/4AAQSkZJRgABAQAAAQ==", Some("image/jpeg")),
            ("R0lGODlhAQABAIAAAAAAAP==", Some("image/gif")),
            ("UklGRiQAAABXRUJQVlA4IBgA", Some("image/webp")),
            ("UklGRiQAAABXQVZFZm10IBAA", None), // a wave
            ("JVBERi0xLjcKJeLjz9MKMSAw", Some(PDF)),
            ("QUJD", None),
            ("", None),
        ] {
            assert_eq!(told_by_bytes(&Text::new(data)), expected, "{data}");
        }
        let escaped = Text::read(bytes::Bytes::from_static(br#""\/9j\/4AAQ""#));
        assert_eq!(told_by_bytes(&escaped), Some("image/jpeg"));
    }
}
