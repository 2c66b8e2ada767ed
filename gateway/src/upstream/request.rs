//! What is asked of an upstream: a value, made for one attempt. Where it goes and what opens it is the site's (`site`).

use super::lines::{Lines, NO_LINES};
use bytes::Bytes;

/// A POST of JSON.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) path: Path<'a>,
    pub(crate) accept: Accept,
    /// Header lines besides those that every request to the site has.
    pub(crate) lines: &'a Lines,
    pub(crate) body: &'a [Bytes],
    /// Which headers of a success are wanted, in lower case. All of any other answer are given.
    pub(crate) keep: &'static [&'static str],
}

/// What is accepted as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    Json,
    Events,
}

/// A path, and possibly a query, that stands behind a site's base path and cannot leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path<'a>(&'a str);

impl<'a> Request<'a> {
    /// Sends `body` to what is at `path`, behind the site's base path. `None`: that is no [`Path`].
    pub(crate) fn post(path: &'a str, body: &'a [Bytes], accept: Accept) -> Option<Self> {
        Some(Self { path: Path::new(path)?, accept, lines: &NO_LINES, body, keep: &[] })
    }
}

impl<'a> Path<'a> {
    /// `text` as a path. `None`: it has another form, or a segment that begins with a dot, by which it might leave the
    /// base path.
    pub(crate) const fn new(text: &'a str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let [b'/', ..] = rest else { return None };
        while let [byte, next @ ..] = rest {
            if matches!((byte, next), (b'/', [b'.', ..])) {
                return None;
            }
            rest = next;
        }
        if is_plain(text) { Some(Self(text)) } else { None }
    }

    pub(super) fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

/// Whether `text` can stand in a request's first line: visible ASCII, and nothing that would begin a fragment.
pub(super) const fn is_plain(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, next @ ..] = rest {
        if !byte.is_ascii_graphic() || *byte == b'#' {
            return false;
        }
        rest = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_2_a_path_cannot_leave_the_base_path_nor_end_the_line_that_it_stands_in() {
        for path in
            ["/chat/completions", "/models/gemini-2.5:streamGenerateContent?alt=sse", "/", "/a%20b/c~d"]
        {
            assert_eq!(Path::new(path).unwrap().as_bytes(), path.as_bytes());
        }
        for other in [
            "",
            "chat",
            "http://b/",
            "/../admin",
            "/a/./b",
            "/a/..",
            "/.git",
            "/a b",
            "/a#b",
            "/a\r\nb: c",
            "/a\tb",
            "/ä",
        ] {
            assert_eq!(Path::new(other), None, "{other:?}");
        }
    }
}
