//! What an unquoted word of YAML means.
//!
//! It means what `kubectl` takes it for, so that a manifest is the same object on a laptop and in a cluster.
//! `kubectl` reads YAML 1.1 (sigs.k8s.io/yaml, which keeps go-yaml v2's table): `on`, `yes`, `y` are true and
//! `010` is eight, unlike in YAML 1.2, which Rust's libraries read.

use serde_json::{Number, Value};

/// The value of a plain scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| if is_float(&digits) { Number::from_f64(digits.parse().ok()?) } else { None })
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.split_at_checked(2) {
        Some(("0x" | "0X", rest)) => (16, rest),
        Some(("0b" | "0B", rest)) => (2, rest),
        Some(("0o" | "0O", rest)) => (8, rest),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -value } else { value };
    i64::try_from(value).map(Number::from).or_else(|_| u64::try_from(value).map(Number::from)).ok()
}

/// `[-+]? (.digits | digits (.digits?)?) ([eE][-+]?digits)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_exponent = |part: &str| {
        let digits = part.strip_prefix(['-', '+']).unwrap_or(part);
        !digits.is_empty() && all_digits(digits)
    };
    !(whole.is_empty() && fraction.is_empty())
        && all_digits(whole)
        && all_digits(fraction)
        && exponent.is_none_or(is_exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_word_means_what_kubectl_takes_it_for() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("on", json!(true)),
            ("No", json!(false)),
            ("none", json!("none")),
            ("12", json!(12)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("1_000", json!(1000)),
            ("010", json!(8)),
            ("0o10", json!(8)),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("0X1F", json!(31)),
            ("-0B11", json!(-3)),
            ("0O17", json!(15)),
            ("0x1_F", json!(31)),
            ("0x", json!("0x")),
            ("0o8", json!("0o8")),
            ("0x1F.8", json!("0x1F.8")),
            ("1_000.5", json!(1000.5)),
            ("1__0.5_", json!(10.5)),
            ("1_e5", json!(100_000.0)),
            ("08_1", json!(81.0)),
            ("_1", json!("_1")),
            ("08", json!(8.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("2.50", json!(2.5)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("1e", json!("1e")),
            (".", json!(".")),
            ("-", json!("-")),
            ("+-1", json!("+-1")),
            ("1.2.3", json!("1.2.3")),
            ("30s", json!("30s")),
            ("2027-01-31T00:00:00Z", json!("2027-01-31T00:00:00Z")),
            ("10.0.0.0/8", json!("10.0.0.0/8")),
            ("::1", json!("::1")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }
}
