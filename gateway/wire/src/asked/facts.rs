//! What is known of a request, and what is added to it, whatever its API.

/// What is known of a request, whatever its API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The model that is asked for, 1 to 256 bytes.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// How many choices are asked for, at least one.
    pub choices: u32,
    /// Whether the caller asked for a stream's usage.
    pub includes_usage: bool,
    /// Whether the caller brought stream options, whatever they say.
    pub brings_stream_options: bool,
    /// Its size as text, for assuming how many tokens it is: images, audio and files count as a constant each.
    pub text_bytes: u64,
    /// The body's size in bytes, also once the body is given up.
    pub length: usize,
}

/// What the gateway puts into a request for purposes of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Additions {
    /// Asks for a stream's usage: nothing is added to a request that is unary or that asks already.
    pub usage: bool,
}
