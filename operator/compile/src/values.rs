//! Leaf values. The schema refuses what does not parse here; whoever calls compile without a schema in front
//! gets a finding instead, and nothing reaches a snapshot unread.

use crate::codes::Code;
use crate::finding::Report;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

/// `result`, or a finding at `field` that says that the value is ignored.
pub(crate) fn parsed<T>(report: &mut Report, field: &str, result: Result<T, impl Display>) -> Option<T> {
    parsed_or(report, field, result, "so it is ignored")
}

/// `result`, or a finding at `field` that says why not and what follows from it.
pub(crate) fn parsed_or<T>(
    report: &mut Report,
    field: &str,
    result: Result<T, impl Display>,
    consequence: &str,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let message = format!("{}, {consequence}; correct it", shortened(&error.to_string()));
            report.add(Code::InvalidValue, field, message);
            None
        }
    }
}

/// Reads a duration that may be zero.
pub(crate) fn duration(
    report: &mut Report,
    field: &str,
    text: Option<&weir_crds::Duration>,
) -> Option<Duration> {
    parsed(report, field, text?.parse())
}

/// Reads a duration that must be longer than zero.
pub(crate) fn positive_duration(
    report: &mut Report,
    field: &str,
    text: Option<&weir_crds::Duration>,
) -> Option<Duration> {
    let duration = duration(report, field, text)?;
    parsed(report, field, if duration.is_zero() { Err("it must be longer than 0") } else { Ok(duration) })
}

/// Reads an integer of which the schema allows `range` only.
pub(crate) fn integer<T: TryFrom<i64>>(
    report: &mut Report,
    field: &str,
    value: Option<impl Into<i64>>,
    range: RangeInclusive<i64>,
) -> Option<T> {
    parsed(report, field, in_range(value?.into(), &range))
}

/// `value`, if it is in `range`; else says so.
pub(crate) fn in_range<T: TryFrom<i64>>(value: i64, range: &RangeInclusive<i64>) -> Result<T, String> {
    let fits = T::try_from(value).ok().filter(|_| range.contains(&value));
    fits.ok_or_else(|| format!("{value} is not from {} to {}", range.start(), range.end()))
}

/// `text` as a message shows it: quoted, escaped, at most some 60 characters.
pub(crate) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{text:?}") }
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

/// Up to five of `names`, and how many more there are.
pub(crate) fn listed<T: Display>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| shortened(&name.to_string())).collect();
    match names.len().saturating_sub(5) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A public model's name: `^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`, at most 256 bytes.
pub(crate) fn is_public_name(text: &str) -> bool {
    text.len() <= 256
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte))
}

/// A public model's name, or one with a final `*`.
pub(crate) fn is_public_pattern(text: &str) -> bool {
    is_public_name(text.strip_suffix('*').unwrap_or(text))
}

/// What a key may be allowed: a public pattern, or `*` alone for all.
pub(crate) fn is_allowed_pattern(text: &str) -> bool {
    text == "*" || is_public_pattern(text)
}

/// A provider's model: as a public name, but it may begin with `@`.
pub(crate) fn is_model_name(text: &str) -> bool {
    let rest = text.strip_prefix('@');
    text.len() <= 256
        && (is_public_name(text) || rest.is_some_and(|rest| is_public_name(&format!("a{rest}"))))
}

/// Whether every character can stand in a header value and none is space: visible ASCII.
pub(crate) fn is_visible_ascii(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
}

/// A name within an object: a DNS label.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_label_of_any_length(text)
}

/// What `metadata.name` takes: DNS labels with dots between.
pub(crate) fn is_object_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_of_any_length)
}

fn is_label_of_any_length(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::ObjectName;
    use weir_crds::Kind;

    #[test]
    fn a_model_pattern_has_its_star_at_the_end_only() {
        assert!(is_public_pattern("gpt-4o*") && is_public_pattern("openai/gpt-4o"));
        assert!(!is_public_pattern("*") && !is_public_pattern("a*b") && !is_public_pattern("a**"));
        assert!(is_allowed_pattern("*") && !is_allowed_pattern("") && !is_allowed_pattern("gpt 4"));
        assert!(is_model_name("@cf/meta/llama") && !is_public_name("@cf/meta/llama") && !is_model_name("a*"));
    }

    #[test]
    fn names_are_what_the_api_server_takes() {
        assert!(is_object_name("team-a.chat") && is_label("a1"));
        for text in ["", "A", "-a", "a-", "a/b", "a..b", "a b", "ä", "a\n"] {
            assert!(!is_object_name(text) && !is_label(text), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_parse_is_said_and_ignored() {
        let mut report = Report::on(Kind::Route, &ObjectName::new("a", "r"));
        assert_eq!(integer::<u32>(&mut report, "f", Some(0), 1..=32), None);
        assert_eq!(integer::<u32>(&mut report, "f", Some(32), 1..=32), Some(32));
        assert_eq!(positive_duration(&mut report, "f", Some(&"0s".into())), None);
        assert_eq!(duration(&mut report, "f", Some(&"0s".into())), Some(Duration::ZERO));
        let codes: Vec<Code> = report.into_findings().iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::InvalidValue, Code::InvalidValue]);
    }

    #[test]
    fn lists_are_cut_short() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }
}
