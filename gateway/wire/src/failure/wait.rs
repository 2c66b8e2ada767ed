//! How long an upstream wants us to wait, from six ways to say it (wire.md section 6).

use super::date;
use http::HeaderMap;
use std::time::Duration;
use weir_config::UnixSeconds;

/// Azure was seen to say 0 ms and 1 s in one answer; shorter waits only bring the next refusal.
const MIN: Duration = Duration::from_secs(1);
/// Three days were seen. Nobody plans by them.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait of an answer with a status of 400 or above: its headers, else its body, else when its limits
/// reset. Between 1 s and 24 h.
pub(super) fn of(headers: &HeaderMap, body: Option<Duration>, now: UnixSeconds) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis =
        text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()).and_then(|ms| seconds(ms / 1000.0));
    let after = text("retry-after").and_then(|after| retry_after(after, now));
    // Zero and a date in the past say no more than that it may be tried again.
    let header = millis.max(after).filter(|wait| !wait.is_zero());
    header.or(body).or_else(|| limits_reset(headers, now)).map(bounded)
}

/// A wait that can be kept.
pub(super) fn bounded(wait: Duration) -> Duration {
    wait.clamp(MIN, MAX)
}

/// Seconds or an HTTP date in one of its three forms.
fn retry_after(text: &str, now: UnixSeconds) -> Option<Duration> {
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    let today = || jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp().as_second());
    let at = today().or_else(|| date::old(text, now))?;
    Some(Duration::from_secs(u64::try_from(at.saturating_sub(now.0)).unwrap_or(0)))
}

/// When the limits of `x-ratelimit-reset-*` are back: of those with nothing remaining, or of all if none says
/// so, the last.
fn limits_reset(headers: &HeaderMap, now: UnixSeconds) -> Option<Duration> {
    const RESET: &str = "x-ratelimit-reset";
    let waits = || {
        headers.iter().filter_map(|(name, value)| {
            let limit = name.as_str().strip_prefix(RESET)?;
            let remaining = headers.get(format!("x-ratelimit-remaining{limit}"));
            Some((remaining.is_some_and(|left| left == "0"), reset(value.to_str().ok()?, now)?))
        })
    };
    let empty = waits().filter_map(|(empty, wait)| empty.then_some(wait)).max();
    empty.or_else(|| waits().map(|(_, wait)| wait).max())
}

/// A reset: a Go duration (OpenAI, Groq), seconds (Azure, Together), or an instant in seconds or milliseconds
/// since 1970 (OpenRouter).
pub(super) fn reset(text: &str, now: UnixSeconds) -> Option<Duration> {
    let text = text.trim();
    let Ok(number) = text.parse::<f64>() else { return go_duration(text) };
    let instant = if number >= 1e12 { number / 1000.0 } else { number };
    seconds(if instant >= 1e9 { (instant - now.0 as f64).max(0.0) } else { number })
}

/// `6m0s`, `17.399999999s`, `20ms`, `1h2m3s`.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = after;
    }
    seconds(total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "d" | "day" | "days" => 86_400.0,
        "h" | "hour" | "hours" => 3_600.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "s" | "sec" | "second" | "seconds" => 1.0,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// "Please try again in 7m12s.", "Please retry after 20 seconds."; `text` is in lower case.
pub(super) fn in_words(text: &str) -> Option<Duration> {
    let after = ["try again in ", "retry after ", "retry in "];
    let rest = after.iter().find_map(|words| text.split_once(words)).map(|(_, rest)| rest)?;
    let mut words = rest.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ')', '!']));
    let first = words.next()?;
    go_duration(first).or_else(|| seconds(first.parse::<f64>().ok()? * unit_seconds(words.next()?)?))
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(if seconds.is_finite() { seconds.min(1e9) } else { seconds }).ok()
}
