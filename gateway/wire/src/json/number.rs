//! Counts and indexes, however they are written: many servers write whole numbers as floats.

/// The count that `text` is, a fraction cut off. Some servers write -1 for unknown, or null.
pub(crate) fn count(text: &[u8]) -> Option<u64> {
    digits(text).or_else(|| float(text).map(|number| number as u64)) // saturates
}

/// The whole number that `text` is: also as `1.0`, `10e-1` or `-0`.
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    digits(text).or_else(|| float(text).filter(|number| number.fract() == 0.0).map(|number| number as u64))
}

fn digits(text: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    (!text.is_empty()).then_some(number)
}

#[cold]
fn float(text: &[u8]) -> Option<f64> {
    if !matches!(text.first(), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, expected) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("1.0", Some(1)),
            ("1.00", Some(1)),
            ("1e0", Some(1)),
            ("1E+1", Some(10)),
            ("10e-1", Some(1)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("1.5", None),
            ("-1", None),
            ("-1.0", None),
            ("1e400", None),
            ("Infinity", None),
            ("-Infinity", None),
            ("NaN", None),
            ("null", None),
            ("true", None),
            ("", None),
        ] {
            assert_eq!(whole(text.as_bytes()), expected, "{text}");
        }
        assert_eq!((count(b"1.5"), count(b"1e400"), count(b"-1")), (Some(1), Some(u64::MAX), None));
    }
}
