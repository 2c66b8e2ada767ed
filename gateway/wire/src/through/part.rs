//! What the strings of an answer are.
//!
//! They are known by the key that they stand under: the fields differ from vendor to vendor (`content` is a
//! string or an array of parts, reasoning has three names), the names of what holds text do not.

/// What a string is, by its key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing that a reader would miss.
    #[default]
    Other,
    /// Text.
    Text,
    /// A tool call.
    Call,
    Thinking,
    Reasoning,
    /// Text that may repeat the reasoning: OpenRouter's `reasoning_details`.
    Details,
    /// An address, of an image mostly.
    Url,
    /// Audio, an image or encrypted reasoning, as base64.
    Data,
    /// A sign that there was reasoning.
    Signature,
}

impl Part {
    /// Of the string under `key`.
    #[inline]
    pub(super) fn under(key: &[u8]) -> Self {
        match key {
            b"text" | b"summary" => Self::Details,
            b"content" | b"refusal" | b"transcript" => Self::Text,
            b"arguments" | b"name" | b"input" => Self::Call,
            b"reasoning_content" | b"thinking" => Self::Thinking,
            b"reasoning" => Self::Reasoning,
            b"url" | b"image_url" => Self::Url,
            b"data" | b"b64_json" => Self::Data,
            b"signature" => Self::Signature,
            _ => Self::Other,
        }
    }
}
