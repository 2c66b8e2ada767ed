//! Header lines of a request to an upstream, as they are sent.

use http::{HeaderName, HeaderValue};
use std::fmt;

/// What says where a request goes and where it ends is nobody's to say but the connection's.
const FRAMING: &[&str] =
    &["connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"];

/// Checked header lines, each with its line end. `Debug` shows none: credentials are among them.
#[derive(Default)]
pub(crate) struct Lines(Vec<u8>);

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

/// No lines.
pub(super) static NO_LINES: Lines = Lines(Vec::new());

/// It cannot stand in the head of a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cannot stand in the head of a request")]
pub(crate) struct InvalidHead;

impl Lines {
    /// Adds a line, of which the value is `value`, the one text behind the other.
    ///
    /// # Errors
    /// The name is no header's, or that of one that frames the request; or the value would end the line.
    pub(crate) fn add(&mut self, name: &str, value: &[&str]) -> Result<(), InvalidHead> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| InvalidHead)?;
        if FRAMING.contains(&name.as_str()) {
            return Err(InvalidHead);
        }
        self.push(&name, value)
    }

    /// The line that says which host is meant.
    pub(super) fn push_host(&mut self, host: &str) -> Result<(), InvalidHead> {
        self.push(&http::header::HOST, &[host])
    }

    fn push(&mut self, name: &HeaderName, value: &[&str]) -> Result<(), InvalidHead> {
        let value = HeaderValue::from_str(&value.concat()).map_err(|_| InvalidHead)?;
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            self.0.extend_from_slice(part);
        }
        Ok(())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_2_a_line_is_one_line_and_does_not_say_where_the_request_goes_or_ends() {
        let mut lines = Lines::default();
        lines.add("Anthropic-Version", &["2023-06-01"]).unwrap();
        lines.add("authorization", &["Bearer ", "sk-1"]).unwrap();
        let good = b"anthropic-version: 2023-06-01\r\nauthorization: Bearer sk-1\r\n";
        for (name, value) in [
            ("x", "a\r\nb: c"),
            ("x", "a\nb"),
            ("x", "a\0"),
            ("x\r\ny", "a"),
            ("x y", "a"),
            ("x:", "a"),
            ("", "a"),
            ("Host", "elsewhere"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
        ] {
            assert_eq!(lines.add(name, &[value]), Err(InvalidHead), "{name:?} {value:?}");
            assert_eq!(lines.as_bytes(), good, "nothing of it is sent");
        }
    }
}
