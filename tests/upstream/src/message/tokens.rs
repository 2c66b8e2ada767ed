//! Tokens as Anthropic counts them, and where a stream tells them.

/// Tokens as Anthropic counts them: each of the input stands in one class, thinking is part of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// `input_tokens`: those that no cache had a part in.
    pub input: u64,
    /// `output_tokens`, thinking included.
    pub output: u64,
    /// `cache_read_input_tokens`.
    pub cache_read: u64,
    /// Written to the cache for five minutes.
    pub cache_write_5m: u64,
    /// Written to the cache for an hour.
    pub cache_write_1h: u64,
    /// `output_tokens_details.thinking_tokens`.
    pub thinking: u64,
}

/// Which events of a stream tell the input's tokens; `message_delta` tells the output's in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// `message_start`, and `message_delta` again, as Anthropic does since 2025.
    Twice,
    /// `message_start` alone, as Anthropic did before.
    AtStart,
    /// `message_delta` alone, with zeros in `message_start`, as OpenRouter does.
    AtEnd,
}

impl Tokens {
    /// Tokens without a cache and without thinking.
    pub fn new(input: u64, output: u64) -> Self {
        Self { input, output, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0, thinking: 0 }
    }

    pub(super) fn unary(self) -> String {
        format!("{{{},{}{}}}", self.of_start(), self.of_output(), SERVED)
    }

    pub(super) fn at_start(self, told: Told) -> String {
        let (told, output) = match told {
            Told::Twice | Told::AtStart => (self, 1),
            Told::AtEnd => (Self::new(0, 0), 0),
        };
        format!(r#"{{{},"output_tokens":{output}{SERVED}}}"#, told.of_start())
    }

    pub(super) fn at_end(self, told: Told) -> String {
        match told {
            Told::Twice | Told::AtEnd => format!("{{{},{}}}", self.of_input(), self.of_output()),
            Told::AtStart => format!("{{{}}}", self.of_output()),
        }
    }

    fn of_input(self) -> String {
        format!(
            r#""input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{}"#,
            self.input,
            self.cache_write_5m + self.cache_write_1h,
            self.cache_read,
        )
    }

    /// The input with the classes of what was written to the cache, which `message_delta` does not have.
    fn of_start(self) -> String {
        format!(
            r#"{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}}"#,
            self.of_input(),
            self.cache_write_5m,
            self.cache_write_1h,
        )
    }

    fn of_output(self) -> String {
        let output = format!(r#""output_tokens":{}"#, self.output);
        match self.thinking {
            0 => output,
            thinking => format!(r#"{output},"output_tokens_details":{{"thinking_tokens":{thinking}}}"#),
        }
    }
}

const SERVED: &str = r#","service_tier":"standard","inference_geo":"not_available""#;
