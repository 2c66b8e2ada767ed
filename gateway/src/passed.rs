//! A unary answer too large to hold, as it passes: how long it is, and its end, because vendors write the usage
//! behind the text. Its text is nobody's business here.

use bytes::{Buf, BytesMut};
use weir_config::Usage;
use weir_wire::openai;

/// So much of the end is kept.
const END: usize = 16 << 10;

/// What is remembered of the bytes that have passed.
#[derive(Default)]
pub(crate) struct Passed {
    bytes: u64,
    end: BytesMut,
}

impl Passed {
    /// One more piece has passed.
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.end.extend_from_slice(piece.get(piece.len().saturating_sub(END)..).unwrap_or_default());
        self.end.advance(self.end.len().saturating_sub(END));
    }

    /// How many bytes have passed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the vendor counted, if that has passed.
    pub(crate) fn usage(&self) -> Option<Usage> {
        openai::usage_at_end(&self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_1_the_end_is_kept_however_it_comes() {
        let text = "x".repeat(3 * END) + r#"","usage":{"prompt_tokens":7,"completion_tokens":5}}"#;
        for size in [1, 10, END - 1, END, END + 1, 4 * END] {
            let mut passed = Passed::default();
            text.as_bytes().chunks(size).for_each(|piece| passed.add(piece));
            assert_eq!(passed.bytes(), text.len() as u64);
            assert_eq!(passed.usage(), Some(Usage { input: 7, output: 5, ..Usage::default() }), "{size}");
            assert!(passed.end.len() <= END);
        }
    }
}
