//! What an error body says, whatever its shape: some ten of them were recorded (wire.md section 3).

use super::{option, wait};
use crate::json::Brief;
use crate::json::lenient::{self, says_something};
use crate::sse::Event;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::time::Duration;
use weir_config::UnixSeconds;

/// The parts of an error body that matter, as the vendor wrote them: nothing is sanitised yet.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) message: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    /// A status that the body states: OpenRouter and Groq do, inside a 200.
    pub(super) status: Option<u16>,
    /// How long to wait, as the body says.
    pub(super) wait: Option<Duration>,
    /// Everything that may be a code, in lower case: codes, types, statuses, reasons, quota ids.
    pub(super) codes: Vec<String>,
    /// The message and the message inside it, in lower case.
    pub(super) text: String,
    /// It has the shape of an error, not of just any text or object.
    pub(super) is_error: bool,
    /// It came with a bad status, and an API said it: it is an object with what some vendor's API puts into one.
    /// What stands in front of an API mostly answers a page or a line of text.
    pub(super) is_apis: bool,
    /// It mentions the option for a stream's usage, in whatever place.
    pub(super) mentions_option: bool,
    /// The vendor itself names that option as what is at fault.
    pub(super) names_option: bool,
}

impl Report {
    /// Reads `body`; nothing in it is required.
    pub(super) fn read(body: &[u8], now: UnixSeconds) -> Self {
        let body = body.trim_ascii(); // blanks take no room from what is kept
        if body.len() <= Brief::MOST {
            return Self::read_all(body, now);
        }
        let mut brief = Brief::default();
        brief.feed(body);
        Self::read_all(brief.text().trim_ascii(), now)
    }

    fn read_all(body: &[u8], now: UnixSeconds) -> Self {
        let mut report = Self::default();
        if is_json(body) {
            report.value(&lenient::read(body), now);
            // An object that is longer than what is at hand of it, because it quotes the request: that much is known.
            let text = serde_json::from_slice::<IgnoredAny>(body);
            report.is_apis |= body.starts_with(b"{") && text.is_err_and(|error| error.is_eof());
        } else {
            report.other(body, now);
        }
        report.text = report.message.as_deref().unwrap_or_default().to_lowercase();
        report.mentions_option = option::is_mentioned(body);
        report.names_option |= report.mentions_option && option::is_named(&report.text);
        report.wait = report.wait.or_else(|| wait::in_words(&report.text));
        report
    }

    /// A body that is no object or array: an event, a text, a page.
    fn other(&mut self, body: &[u8], now: UnixSeconds) {
        let event = Event::of(body);
        let framed = event.error.or(event.data.as_deref()).map(<[u8]>::trim_ascii);
        if let Some(data) = framed.filter(|data| is_json(data)) {
            return self.value(&lenient::read(data), now);
        }
        if let Ok(value) = serde_json::from_slice(body) {
            return self.value(&value, now);
        }
        let text = String::from_utf8_lossy(body);
        if !text.is_empty() && !text.starts_with('<') {
            self.message = Some(text.into_owned());
        }
    }

    fn value(&mut self, value: &Value, now: UnixSeconds) {
        match value {
            Value::Array(values) => {
                if let Some(Value::Object(first)) = values.first() {
                    self.body(first, now); // Gemini, from some endpoints
                }
            }
            Value::Object(body) => self.body(body, now),
            Value::String(text) => self.message = Some(text.clone()),
            _ => {}
        }
    }

    fn body(&mut self, body: &Map<String, Value>, now: UnixSeconds) {
        let has = |key: &&str| body.get(*key).is_some_and(says_something);
        let told = ["error", "errors"].into_iter().filter_map(|key| body.get(key));
        match told.filter_map(first).next() {
            Some(Value::Object(error)) => {
                self.is_error = true;
                self.fields(error, now);
            }
            Some(error) => {
                self.is_error = true; // Ollama, Venice; xAI with a code beside it
                self.message = error.as_str().map(str::to_owned);
            }
            None => {
                let typed = |key| body.get(key).and_then(Value::as_str) == Some("error");
                let stated = || status(body).is_some() && has(&"message") && !body.contains_key("choices");
                self.is_error = typed("object") || typed("type") || stated();
            }
        }
        self.is_apis = self.is_error || ["message", "detail", "msg", "title"].iter().any(has);
        self.fields(body, now);
    }

    /// The fields of an error, or of the body around it: what was found first stays.
    fn fields(&mut self, error: &Map<String, Value>, now: UnixSeconds) {
        let text = |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let owned = |key: &str| text(key).map(str::to_owned);
        let message = ["message", "detail", "msg"].into_iter().find_map(|key| words(error.get(key)?));
        self.message = self.message.take().or(message);
        self.kind = self.kind.take().or_else(|| owned("type").or_else(|| owned("error_type")));
        self.code = self.code.take().or_else(|| owned("code"));
        let param = || owned("param").or_else(|| place(error.get("detail")?));
        let is_placed = |key| error.get(key).is_some_and(option::is_place);
        self.names_option |=
            text("param").is_some_and(option::is_path) || is_placed("detail") || is_placed("message");
        self.param = self.param.take().or_else(param);
        self.status = self.status.or_else(|| status(error));
        let codes = ["code", "type", "error_type", "status"].into_iter().filter_map(text);
        self.codes.extend(codes.map(str::to_lowercase));
        self.details(error);
        if let Some(metadata) = error.get("metadata").and_then(Value::as_object) {
            self.metadata(metadata, now);
        }
    }

    /// Google's `details[]` and Azure's `innererror`.
    fn details(&mut self, error: &Map<String, Value>) {
        let inner = ["innererror", "inner_error"].into_iter().filter_map(|key| error.get(key)?.get("code"));
        self.codes.extend(inner.filter_map(Value::as_str).map(str::to_lowercase));
        let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for detail in details {
            let delay = detail.get("retryDelay").and_then(Value::as_str);
            self.wait = self.wait.or_else(|| delay.and_then(wait::go_duration));
            let violations = detail.get("violations").and_then(Value::as_array);
            let quotas = violations.into_iter().flatten().filter_map(|violation| violation.get("quotaId"));
            let reasons = detail.get("reason").into_iter().chain(quotas);
            self.codes.extend(reasons.filter_map(Value::as_str).map(str::to_lowercase));
        }
    }

    /// OpenRouter's: the error of the upstream behind it, and when its limit resets.
    fn metadata(&mut self, metadata: &Map<String, Value>, now: UnixSeconds) {
        let reset = metadata.get("headers").and_then(|headers| headers.get("X-RateLimit-Reset"));
        let reset = reset.and_then(|reset| reset.as_str().map(str::to_owned).or(Some(reset.to_string())));
        self.wait = self.wait.or_else(|| reset.and_then(|reset| wait::reset(&reset, now)));
        let Some(raw) = metadata.get("raw").and_then(Value::as_str) else { return };
        let mut behind = Self::default();
        match lenient::read(raw.as_bytes()) {
            Value::Object(mut error) => {
                error.remove("metadata"); // of the one behind that one nobody asks
                behind.body(&error, now);
            }
            _ => behind.message = Some(raw.to_owned()),
        }
        self.codes.extend(behind.codes);
        self.names_option |= behind.names_option;
        if let Some(why) = behind.message {
            let outer = self.message.take().map(|outer| outer + ": ").unwrap_or_default();
            self.message = Some(outer + &why);
        }
    }
}

/// The error, or the first of several; `None` if it says nothing.
fn first(error: &Value) -> Option<&Value> {
    let first =
        error.as_array().map_or(Some(error), |errors| errors.iter().find(|error| says_something(error)));
    first.filter(|error| says_something(error))
}

/// Whether `body` begins as an object or array does: then nothing of it is told but its fields.
fn is_json(body: &[u8]) -> bool {
    matches!(body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body).trim_ascii_start(), [b'{' | b'[', ..])
}

/// The status that an error states, as a number or in digits.
fn status(error: &Map<String, Value>) -> Option<u16> {
    let stated = ["code", "status_code", "raw_status_code", "status"].into_iter();
    let numbers = stated.filter_map(|key| match error.get(key)? {
        Value::String(digits) => digits.parse().ok(),
        value => value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as u16), // saturates
    });
    numbers.into_iter().find(|status| (400..600).contains(status))
}

/// A text, or FastAPI's `detail`: a list of what is wrong where. Mistral puts that into the message.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().filter_map(words).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        Value::Object(_) => ["message", "msg", "detail"].into_iter().find_map(|key| words(value.get(key)?)),
        _ => None,
    }
}

/// Where FastAPI found the first fault, within the body: `messages.0.content`.
fn place(detail: &Value) -> Option<String> {
    let steps = detail.get(0)?.get("loc")?.as_array()?.iter();
    let steps = steps.map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
    let steps: Vec<String> = steps.skip_while(|step| step == "body").collect();
    (!steps.is_empty()).then(|| steps.join("."))
}
