//! Leaf values: durations, sizes, instants, model names. The schema refuses what does not parse here; whoever
//! calls compile without a schema in front gets a finding instead.

use crate::codes::Code;
use crate::finding::Report;
use k8s_openapi::jiff::Timestamp;
use std::time::Duration;
use weir_config::UnixSeconds;

/// Reads `value` with `parse`; what does not parse is reported at `field` and treated as absent.
pub(crate) fn read<T>(
    report: &mut Report,
    field: &str,
    value: Option<&str>,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let value = value?;
    let parsed = parse(value);
    if parsed.is_none() {
        let shown: String = value.chars().take(64).collect();
        report.add(
            Code::InvalidValue,
            field,
            format!("{shown:?} is not {expected}, so it is ignored; correct it"),
        );
    }
    parsed
}

/// Reads a duration field.
pub(crate) fn read_duration(report: &mut Report, field: &str, value: Option<&str>) -> Option<Duration> {
    read(report, field, value, "a duration such as 30s or 1h30m", duration)
}

/// `^([0-9]{1,5}(h|m|s|ms)){1,4}$`, as in `1m30s`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    for _ in 0..4 {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=5).contains(&digits) {
            return None;
        }
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        // `ms` first: `5ms` is not five minutes and an `s`.
        let (unit, tail) = if let Some(tail) = tail.strip_prefix("ms") {
            (1, tail)
        } else if let Some(tail) = tail.strip_prefix('s') {
            (1_000, tail)
        } else if let Some(tail) = tail.strip_prefix('m') {
            (60_000, tail)
        } else {
            (3_600_000, tail.strip_prefix('h')?)
        };
        total += Duration::from_millis(number * unit);
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
    None
}

/// An instant of RFC 3339; fractions of a second are cut off, so that nothing lives longer than it says.
pub(crate) fn instant(text: &str) -> Option<UnixSeconds> {
    let instant: Timestamp = text.parse().ok()?;
    Some(UnixSeconds(instant.as_nanosecond().div_euclid(1_000_000_000).try_into().ok()?))
}

/// A model's name as callers and routes write it: `^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`.
pub(crate) fn is_model_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte))
}

/// A model's name, or one with a final `*`.
pub(crate) fn is_model_pattern(text: &str) -> bool {
    is_model_name(text.strip_suffix('*').unwrap_or(text))
}

/// What a key may be allowed: a model pattern, or `*` alone for all.
pub(crate) fn is_allowed_pattern(text: &str) -> bool {
    text == "*" || is_model_pattern(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_are_written() {
        for (text, millis) in
            [("5s", 5_000), ("200ms", 200), ("1m30s", 90_000), ("2h", 7_200_000), ("1h1m1s1ms", 3_661_001)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "5 s", "-1s", "123456s", "1d", "1s1s1s1s1s", "1.5s", "٣s", "1sm"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_cut_down_to_whole_seconds() {
        assert_eq!(instant("1970-01-01T00:00:09.9Z"), Some(UnixSeconds(9)));
        assert_eq!(instant("1969-12-31T23:59:58.5Z"), Some(UnixSeconds(-2)));
        assert_eq!(instant("tomorrow"), None);
    }

    #[test]
    fn a_model_pattern_has_its_star_at_the_end_only() {
        assert!(is_model_pattern("gpt-4o*") && is_model_pattern("openai/gpt-4o"));
        assert!(!is_model_pattern("*") && !is_model_pattern("a*b") && !is_model_pattern("a**"));
        assert!(is_allowed_pattern("*") && !is_allowed_pattern("") && !is_allowed_pattern("gpt 4"));
    }
}
