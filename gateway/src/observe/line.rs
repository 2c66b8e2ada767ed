//! One line of the usage log, schema version 1.
//!
//! Written by hand: a serializer costs five times as much, and it is done for every request. Names come as JSON
//! from their labels, made once; all other texts are constants of ours without anything to escape.

use super::{AttemptFinished, Charge, RequestFinished, micros};
use crate::clock;
use crate::label::Chosen;
use std::time::{Duration, SystemTime};
use weir_config::TokenClass;

/// Writes lines; keeps the second it wrote last, because the next line mostly has the same.
#[derive(Debug, Default)]
pub(super) struct Writer {
    second: u64,
    /// That second as RFC 3339 writes it, up to the fraction.
    text: String,
}

impl Writer {
    /// Appends the line of `event` to `to`.
    pub(super) fn write(&mut self, to: &mut Vec<u8>, event: &RequestFinished, took: Duration) {
        text(to, "{\"schema\":1,\"time\":\"");
        self.time(to, event.began_at);
        text(to, "\",\"id\":\"");
        text(to, event.id.as_str());
        text(to, "\",\"client_request_id\":");
        text(to, event.client_request_id.as_deref().unwrap_or("null"));
        text(to, ",\"key\":");
        text(to, event.key.as_ref().map_or("null", |key| &key.key.json));
        text(to, ",\"tenant\":");
        text(to, event.key.as_ref().map_or("null", |key| &key.tenant.json));
        text(to, ",\"route\":");
        text(to, event.route.as_ref().map_or("null", |route| &route.json));
        chosen(to, event.chosen());
        text(to, if event.stream { ",\"stream\":true" } else { ",\"stream\":false" });
        let (status, code) = event.outcome.map_or((0, ""), |outcome| (outcome.status, outcome.code));
        number(to, ",\"status\":", status.into());
        text(to, ",\"outcome\":\"");
        text(to, code);
        text(to, "\",\"attempts\":[");
        for (i, attempt) in event.attempts.iter().enumerate() {
            text(to, if i == 0 { "{" } else { ",{" });
            self::attempt(to, attempt);
        }
        text(to, "]");
        charge(to, event.charge().as_ref());
        optional(to, ",\"first_token_us\":", event.first_token.map(micros));
        number(to, ",\"duration_us\":", micros(took));
        text(to, "}\n");
    }

    /// An instant in UTC to the millisecond.
    fn time(&mut self, to: &mut Vec<u8>, at: SystemTime) {
        let since = clock::since_1970(at);
        if since.as_secs() != self.second || self.text.is_empty() {
            self.second = since.as_secs();
            let second =
                i64::try_from(self.second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
            self.text = second.unwrap_or_default().to_string().trim_end_matches('Z').to_owned();
        }
        text(to, &self.text);
        let millis = since.subsec_millis();
        let digit = |value: u32| b'0' + (value % 10) as u8; // below 10
        to.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}

fn chosen(to: &mut Vec<u8>, chosen: Option<&Chosen>) {
    let nothing = ",\"target\":null,\"provider\":null,\"model\":null";
    text(to, chosen.map_or(nothing, |chosen| &chosen.json));
}

fn attempt(to: &mut Vec<u8>, attempt: &AttemptFinished) {
    text(to, "\"outcome\":\"");
    text(to, attempt.outcome);
    text(to, "\"");
    chosen(to, Some(&attempt.chosen));
    optional(to, ",\"status\":", attempt.status.map(u64::from));
    number(to, ",\"duration_us\":", micros(attempt.took));
    charge(to, attempt.charge.as_ref());
    text(to, "}");
}

/// What an attempt, or all of them, came to.
fn charge(to: &mut Vec<u8>, charge: Option<&Charge>) {
    let Some(Charge { usage, assumed, cost }) = charge else {
        return text(to, ",\"tokens\":null,\"assumed\":false,\"cost_nano_usd\":null");
    };
    text(to, ",\"tokens\":{");
    for (at, class) in TokenClass::ALL.into_iter().enumerate() {
        text(to, if at == 0 { "\"" } else { ",\"" });
        text(to, class.name());
        number(to, "\":", usage.of(class));
    }
    text(to, if *assumed { "},\"assumed\":true" } else { "},\"assumed\":false" });
    optional(to, ",\"cost_nano_usd\":", cost.map(|cost| cost.0));
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(text.as_bytes());
}

fn number(to: &mut Vec<u8>, name: &str, value: u64) {
    text(to, name);
    text(to, itoa::Buffer::new().format(value));
}

fn optional(to: &mut Vec<u8>, name: &str, value: Option<u64>) {
    match value {
        Some(value) => number(to, name, value),
        None => {
            text(to, name);
            text(to, "null");
        }
    }
}
