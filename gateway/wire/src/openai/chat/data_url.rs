//! `data:` URLs, in which Chat's callers send images and files. Source: RFC 2397.

use super::wrong::Wrong;
use crate::hub::Source;
use crate::json::text::Text;
use bytes::Bytes;

/// What stands behind a URL that is sent in place of a file.
pub(super) fn source(url: Text) -> Result<Source, Wrong> {
    let Some((head, data)) = parts(&url) else { return linked(url) };
    let head = Text::read(quoted(&head));
    let said = head.said();
    let mut words = said.get(SCHEME.len()..).unwrap_or_default().split(';');
    let media_type = words.next().unwrap_or_default().trim().to_ascii_lowercase();
    if !words.next_back().is_some_and(|word| word.trim().eq_ignore_ascii_case("base64")) {
        return Err(Wrong::new(
            "is a data URL that is not in base64. Write `data:<media type>;base64,<data>`.",
        ));
    }
    Ok(Source::Data { media_type: Text::new(&media_type), data: Text::read(quoted(&data)) })
}

/// The base64 of a string that may be a `data:` URL (case 25).
pub(super) fn base64(text: Text) -> Text {
    match parts(&text) {
        Some((_, data)) => Text::read(quoted(&data)),
        None => text,
    }
}

const SCHEME: &str = "data:";

/// What stands before the comma of a `data:` URL, and behind it.
fn parts(url: &Text) -> Option<(Bytes, Bytes)> {
    let inside = url.inside();
    if !inside.get(..SCHEME.len())?.eq_ignore_ascii_case(SCHEME.as_bytes()) {
        return None;
    }
    let comma = memchr::memchr(b',', &inside)?;
    Some((inside.slice(..comma), inside.slice(comma + 1..)))
}

fn linked(url: Text) -> Result<Source, Wrong> {
    let said = url.said();
    let is = |scheme: &str| said.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    if is("https://") || is("http://") {
        return Ok(Source::Url(url));
    }
    Err(Wrong::new("must be an https URL or a data URL (`data:<media type>;base64,<data>`)."))
}

/// A piece of a JSON string as one of its own.
fn quoted(inside: &[u8]) -> Bytes {
    [b"\"", inside, b"\""].concat().into()
}
