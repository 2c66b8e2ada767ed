//! Names that Anthropic takes: those of tools, and ids of calls. What it refuses becomes a short form that is the same
//! each time, whatever else is in the request: vendors cache by exact prefix.

use crate::json::text::Text;

/// The longest name of a tool. Source: Anthropic's Messages reference.
const LONGEST: usize = 128;

/// The names of tools as Anthropic takes them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names;

impl Names {
    /// A name of the caller's as the upstream takes it.
    pub(super) fn to_upstream(self, name: &Text) -> Text {
        let said = name.said();
        if said.len() <= LONGEST && is_plain(&said) {
            return name.clone();
        }
        Text::new(&short(&said, LONGEST))
    }
}

/// Whether it is of the letters that ids and names may have, and not empty.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A head that can be read, and what tells `text` from others: at most `longest` letters, of those that are plain.
pub(super) fn short(text: &str, longest: usize) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let head: String = text.chars().map(plain).take(longest.saturating_sub(9)).collect();
    format!("{head}_{:08x}", hash(text) as u32)
}

/// What tells `text` from others, and nothing more of it.
pub(super) fn hashed(text: &str) -> String {
    format!("{:016x}", hash(text))
}

/// FNV-1a: it is the same in each version of ours, unlike the standard library's hash.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anthropic_takes_stays() {
        for name in ["get_weather", "a-b", &"x".repeat(128)] {
            assert_eq!(Names.to_upstream(&Text::new(name)).said(), name);
        }
    }

    #[test]
    fn another_becomes_a_short_form_that_is_always_the_same() {
        // FNV-1a's published vectors: "" and "a".
        assert_eq!((hash(""), hash("a")), (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c));
        for name in ["a.b c", "größe", "", &"y".repeat(129), &"ü".repeat(500)] {
            let short = Names.to_upstream(&Text::new(name));
            assert!(is_plain(&short.said()) && short.len() <= LONGEST, "{short:?}");
            assert_eq!(Names.to_upstream(&Text::new(name)), short);
        }
        assert!(Names.to_upstream(&Text::new("a.b c")).said().starts_with("a_b_c_"));
        assert_ne!(Names.to_upstream(&Text::new("a.b")), Names.to_upstream(&Text::new("a b")));
    }
}
