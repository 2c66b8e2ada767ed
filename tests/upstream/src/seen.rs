//! `Seen`: a request as it arrived, for a test to look at. Nothing in it is normalised but header names.

use std::time::Instant;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// A request, whole.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which request this was, from 1, over all connections.
    pub number: u64,
    /// Which connection it came on, from 1.
    pub connection: u64,
    /// When its last byte was read.
    pub at: Instant,
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Headers in their order, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body, freed of transfer encoding.
    pub body: Bytes,
}

/// The fields that the fake itself reacts to.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asks {
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl Seen {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body's `model`.
    pub fn model(&self) -> Option<String> {
        self.asks().model
    }

    /// Whether the body asks for a stream.
    pub fn stream(&self) -> bool {
        self.asks().stream.unwrap_or_default()
    }

    /// Whether the body asks for a usage chunk.
    pub fn asks_usage(&self) -> bool {
        self.asks().stream_options.and_then(|options| options.include_usage).unwrap_or_default()
    }

    fn asks(&self) -> Asks {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
