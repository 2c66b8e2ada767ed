//! Values that a manifest writes as text: durations, money, sizes, instants.
//!
//! Each type keeps the text, so that an object reads back as it was written, and says in its schema which texts
//! are allowed. `parse` gives the value; it fails only where the schema was not applied before.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use weir_config::{Price, UnixSeconds};

/// A label's value.
pub(crate) const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";

/// A text is not what its type takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct ParseValueError {
    text: String,
    expected: &'static str,
}

macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident, pattern: $pattern:expr, max: $max:expr, words: $words:expr $(, $key:literal: $value:tt)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// What the schema demands of the text.
            pub const PATTERN: &'static str = $pattern;
            /// The same in words, to follow "is not".
            pub const WORDS: &'static str = $words;

            fn error(&self) -> ParseValueError {
                ParseValueError { text: self.0.clone(), expected: Self::WORDS }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "maxLength": $max $(, $key: $value)* })
            }
        }
    };
}

text_value! {
    /// A length of time: `30s`, `1m30s`, `500ms`.
    Duration,
    pattern: r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
    max: 28,
    words: "a duration: whole numbers with the units h, m, s or ms, such as 30s, 1m30s or 500ms"
}

text_value! {
    /// US dollars as decimal text, at most 9,000,000: `2.50`.
    Usd,
    pattern: r"^(0|[1-9][0-9]{0,6})(\.[0-9]{1,6})?$",
    max: 14,
    words: "an amount in USD: a quoted decimal from \"0\" to \"9000000\" with at most six decimals, such as \"2.50\"",
    "x-kubernetes-validations": [
        { "rule": "double(self) <= 9000000.0", "message": "must be at most 9000000 (USD)" }
    ]
}

text_value! {
    /// A number of bytes: `32Mi`, `65536`.
    ByteSize,
    pattern: r"^[1-9][0-9]{0,9}(Ki|Mi|Gi)?$",
    max: 12,
    words: "a size: a quoted whole number of bytes, or one with Ki, Mi or Gi, such as 32Mi"
}

// With a `format` the API server takes a list, too, for what is of type string; the rule, which compares instants,
// refuses it.
text_value! {
    /// An instant as RFC 3339 writes it: `2027-01-31T00:00:00Z`.
    Timestamp,
    pattern: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    max: 40,
    words: "an instant with its zone, such as 2027-01-31T00:00:00Z",
    "format": "date-time",
    "x-kubernetes-validations": [
        { "rule": "self >= timestamp('1970-01-01T00:00:00Z')", "message": "must be an instant after 1970-01-01T00:00:00Z" }
    ]
}

/// Stands for an address range in `#[schemars(with = ..)]`; compile reads the text.
pub(crate) struct Cidr;

impl JsonSchema for Cidr {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cidr".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "x-kubernetes-validations": [
                { "rule": "isCIDR(self)", "message": "must be an address range, such as 10.1.0.0/16 or fd00::/8" }
            ]
        })
    }
}

/// Stands for labels to match in `#[schemars(with = ..)]`: at least one, for none would match everything.
pub(crate) struct Labels;

impl JsonSchema for Labels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Labels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": 16,
            "additionalProperties": { "type": "string", "maxLength": 63, "pattern": LABEL_VALUE }
        })
    }
}

impl Duration {
    /// The length; the parts add up in whatever order they stand.
    ///
    /// # Errors
    /// The text does not match [`Self::PATTERN`].
    pub fn parse(&self) -> Result<std::time::Duration, ParseValueError> {
        let mut rest = self.0.as_str();
        let mut millis = 0u64;
        let mut parts = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let scale = match unit {
                "h" => 3_600_000,
                "m" => 60_000,
                "s" => 1_000,
                "ms" => 1,
                _ => return Err(self.error()),
            };
            if digits > 5 {
                return Err(self.error());
            }
            millis += number.parse::<u64>().map_err(|_| self.error())? * scale;
            parts += 1;
            rest = after;
        }
        if !(1..=4).contains(&parts) {
            return Err(self.error());
        }
        Ok(std::time::Duration::from_millis(millis))
    }
}

impl Usd {
    /// The amount, taken as a price per million tokens.
    ///
    /// # Errors
    /// The text does not match [`Self::PATTERN`] or is above 9,000,000.
    pub fn parse(&self) -> Result<Price, ParseValueError> {
        self.0.parse().map_err(|_| self.error())
    }
}

impl ByteSize {
    /// The number of bytes.
    ///
    /// # Errors
    /// The text does not match [`Self::PATTERN`].
    pub fn parse(&self) -> Result<u64, ParseValueError> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = self.0.split_at(digits);
        let scale: u64 = match unit {
            "" => 1,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            _ => return Err(self.error()),
        };
        if number.len() > 10 || number.starts_with('0') {
            return Err(self.error());
        }
        Ok(number.parse::<u64>().map_err(|_| self.error())? * scale)
    }
}

impl Timestamp {
    /// The instant; a fraction of a second is dropped.
    ///
    /// # Errors
    /// The text does not match [`Self::PATTERN`], or there is no such date.
    pub fn parse(&self) -> Result<UnixSeconds, ParseValueError> {
        let instant: jiff::Timestamp = self.0.parse().map_err(|_| self.error())?;
        Ok(UnixSeconds(instant.as_second()))
    }
}

#[cfg(test)]
mod tests;
