//! Replays a recorded exchange with its exact body bytes. Transfer framing is ours: recorders drop it.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::Answer;

#[derive(Deserialize)]
struct Case {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_base64: Option<String>,
}

impl Answer {
    /// A case of `tests/fixtures/wire` (`.json`) or a raw event stream (`.sse`), body in one write unless
    /// [`Answer::writes`] says otherwise.
    pub fn recording(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if path.extension().is_some_and(|extension| extension == "sse") {
            return Ok(Self::bytes(200, bytes).header("content-type", "text/event-stream"));
        }
        let case: Case =
            serde_json::from_slice(&bytes).with_context(|| format!("cannot parse {}", path.display()))?;
        let body = match (case.response.body, case.response.body_base64) {
            (Some(text), _) => Bytes::from(text),
            (None, Some(base64)) => decode(&base64).context("bad base64 in a recording")?.into(),
            (None, None) => Bytes::new(),
        };
        let answer = Self::bytes(case.response.status, body);
        Ok(case.response.headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value)))
    }
}

/// Standard base64 with padding; small enough not to need a library.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}
