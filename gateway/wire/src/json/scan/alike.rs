//! Keys that are not the same, but that many readers take for the same: Go's `encoding/json` and .NET's web defaults
//! match keys without case. Where Weir reads `model` and the server behind it `Model`, a caller is admitted for one model
//! and answered by another.

/// The one of `known`, which are ASCII, for which some reader takes `key`: they differ in case at most. Two letters beyond
/// ASCII have one within it as their other case (Unicode's simple folding), `ſ` and the kelvin sign.
#[inline(always)]
pub(super) fn position<const N: usize>(known: &[&str; N], key: &[u8]) -> Option<usize> {
    // Nearly every key is ASCII and as long as none of them.
    let found = known.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(key));
    if found.is_some() || key.is_ascii() {
        found
    } else {
        known.iter().position(|known| is_folded(known, key))
    }
}

#[cold]
fn is_folded(known: &str, key: &[u8]) -> bool {
    let mut rest = key;
    let mut letters = known.bytes();
    letters.all(|letter| match letter_of(rest) {
        Some((given, after)) => {
            rest = after;
            given.eq_ignore_ascii_case(&letter)
        }
        None => false,
    }) && rest.is_empty()
}

/// The ASCII letter that `key` begins with, in whatever case, and what comes then.
fn letter_of(key: &[u8]) -> Option<(u8, &[u8])> {
    match key {
        [0xC5, 0xBF, rest @ ..] => Some((b's', rest)),       // U+017F
        [0xE2, 0x84, 0xAA, rest @ ..] => Some((b'k', rest)), // U+212A
        [letter, rest @ ..] if letter.is_ascii() => Some((*letter, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_alike_up_to_their_case() {
        for (known, key) in [
            ("model", "Model"),
            ("model", "MODEL"),
            ("model", "mOdEl"),
            ("n", "N"),
            ("stream", "\u{17f}tream"),
            ("stream_options", "\u{17f}tream_option\u{17f}"),
            ("kind", "\u{212a}ind"),
        ] {
            assert_eq!(position(&[known], key.as_bytes()), Some(0), "{key}");
        }
        for (known, key) in [
            ("model", "models"),
            ("model", "mode"),
            ("model", "m\u{f6}del"),
            ("stream", "stream\u{17f}"),
            ("stream_options", "stream-options"),
            ("n", "\u{17f}"),
            ("n", "\u{1d7}"),
            ("n", ""),
        ] {
            assert_eq!(position(&[known], key.as_bytes()), None, "{key}");
        }
        assert_eq!(position(&["stream", "n"], b"\xc5tream"), None);
        assert_eq!(position(&["stream", "n"], b"\xff"), None);
    }
}
