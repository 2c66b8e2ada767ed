//! JSON as far as it can be read: what it breaks off in, or what is wrong in its middle, only ends the reading.
//!
//! For the bodies of errors. They quote requests, and proxies cut and rewrite them: half a surrogate pair, a byte that
//! is no UTF-8 or a number that no `f64` holds must not hide the code beside it. So they are read as leniently as
//! answers are, and a little more. What of them counts is in few places, so that deep nesting is passed over.

use serde_json::{Map, Number, Value};

/// So many containers within containers are read. Of a deeper one it is known that there is something.
const MAX_LEVELS: u32 = 32;

/// Reads the first value in `text`; null if there is none. Of values under the same key the last stays that says
/// something.
pub(crate) fn read(text: &[u8]) -> Value {
    let rest = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
    Reader { rest }.value(MAX_LEVELS)
}

/// Whether it is more than a way to say that nothing is wrong.
pub(crate) fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => !matches!(number.as_f64(), Some(0.0 | 200.0)),
        Value::String(text) => {
            let nothing = ["", "0", "200", "ok", "success", "null", "none"];
            !nothing.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
        }
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(fields) => fields.values().any(says_something),
    }
}

/// What is still to be read: nothing, once something is wrong.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, levels: u32) -> Value {
        match self.peek() {
            Some(b'{' | b'[') if levels == 0 => {
                self.pass_over();
                Value::Bool(true)
            }
            Some(b'{') => self.object(levels - 1),
            Some(b'[') => self.array(levels - 1),
            Some(b'"') => Value::String(self.string()),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, levels: u32) -> Value {
        let mut fields = Map::new();
        self.take(b'{');
        while self.peek() == Some(b'"') {
            let key = self.string();
            if !self.take(b':') {
                break;
            }
            let value = self.value(levels);
            if says_something(&value) || !fields.contains_key(&key) {
                fields.insert(key, value);
            }
            if !self.take(b',') {
                break;
            }
        }
        self.close(b'}');
        Value::Object(fields)
    }

    fn array(&mut self, levels: u32) -> Value {
        let mut items = Vec::new();
        self.take(b'[');
        while self.peek().is_some_and(|byte| byte != b']') {
            items.push(self.value(levels));
            if !self.take(b',') {
                break;
            }
        }
        self.close(b']');
        Value::Array(items)
    }

    /// A string without its quotes. One that is cut off loses its last word: half a key doesn't look like one.
    fn string(&mut self) -> String {
        let text = self.rest.get(1..).unwrap_or_default();
        let end = quote(text);
        let raw = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        self.rest = text.get(raw.len() + 1..).unwrap_or_default();
        let mut text = unescaped(&String::from_utf8_lossy(raw));
        if end.is_none() {
            text.truncate(text.rfind(char::is_whitespace).unwrap_or(0));
            text.push('…');
        }
        text
    }

    /// A number or a word; null if it is neither, as `NaN`, or if there may be more of it.
    fn scalar(&mut self) -> Value {
        let within = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let end = self.rest.iter().position(|byte| !within(byte)).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        self.rest = after;
        match word {
            _ if after.is_empty() => Value::Null,
            b"true" => Value::Bool(true),
            b"false" => Value::Bool(false),
            word => {
                let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<Number>().ok());
                number.map_or(Value::Null, Value::Number)
            }
        }
    }

    /// Past a container, without recursion.
    fn pass_over(&mut self) {
        let mut open = 0u64;
        while let Some((byte, after)) = self.rest.split_first() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.rest = after;
            if open == 0 {
                return;
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    /// Past `sign`, if it comes next.
    fn take(&mut self, sign: u8) -> bool {
        let comes = self.peek() == Some(sign);
        if comes {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        comes
    }

    /// Past the end of a container; if anything else stands there, nothing more is read.
    fn close(&mut self, sign: u8) {
        if !self.take(sign) {
            self.rest = b"";
        }
    }
}

/// The place of the closing quote.
fn quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// `text` without escapes; what is no escape, or half of a surrogate pair, is replaced.
pub(crate) fn unescaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        clean.push_str(before);
        let mut letters = after.chars();
        let letter = letters.next();
        rest = letters.as_str();
        match letter {
            Some('n') => clean.push('\n'),
            Some('r') => clean.push('\r'),
            Some('t') => clean.push('\t'),
            Some('b' | 'f') => clean.push(' '),
            Some('u') => rest = push_unit(&mut clean, rest),
            Some(other) => clean.push(other),
            None => {}
        }
    }
    clean + rest
}

/// Appends what the four digits at the beginning of `rest` mean, with the other half of the pair if that follows;
/// what comes then.
fn push_unit<'a>(clean: &mut String, rest: &'a str) -> &'a str {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let low = |unit: &u16| (0xDC00..0xE000).contains(unit);
    let Some(first) = unit(rest) else {
        clean.push(char::REPLACEMENT_CHARACTER);
        return rest;
    };
    let after = rest.get(4..).unwrap_or_default();
    let is_high = (0xD800..0xDC00).contains(&first);
    let second = after.strip_prefix("\\u").and_then(unit).filter(|unit| is_high && low(unit));
    let units = [first].into_iter().chain(second);
    clean.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    if second.is_some() { after.get(6..).unwrap_or_default() } else { after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn s2_17_what_is_slightly_off_is_read_around() {
        for (text, expected) in [
            (
                r#"{"a":"x \ud83d","b":"\ud83d\ude00 \ude00\u00e9\n\q\u12"}"#,
                json!({"a": "x \u{FFFD}", "b": "😀 \u{FFFD}é\nq\u{FFFD}12"}),
            ),
            ("\u{FEFF}{\"a\":1}", json!({"a": 1})),
            (
                r#"{"a":NaN,"b":-Infinity,"c":1e400,"d":7,"e":nope}"#,
                json!({"a": null, "b": null, "c": null, "d": 7, "e": null}),
            ),
            ("{\"a\":\"one\ntwo\u{1}\"}", json!({"a": "one\ntwo\u{1}"})),
            (r#"{"a":"x","b":1,"a":null,"b":2}"#, json!({"a": "x", "b": 2})),
            (r#"{"a":1} and more"#, json!({"a": 1})),
            (r#"{"a":1,"b":{"c":"the end of th"#, json!({"a": 1, "b": {"c": "the end of…"}})),
            (r#"{"a":"half"#, json!({"a": "…"})),
            (r#"{"a":50"#, json!({"a": null})),
            (r#"{"a":1,"b":[1,2 3],"c":4}"#, json!({"a": 1, "b": [1, 2]})),
            (r#"{"a":1,"#, json!({"a": 1})),
            (r#"[{"a":"1"},"#, json!([{"a": "1"}])),
            ("", Value::Null),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(read(b"{\"a\":\"caf\xe9\",\"b\":1}"), json!({"a": "caf\u{FFFD}", "b": 1}));
        for levels in [30, 31, 130, 100_000] {
            let text = format!("{}1{},\"code\":500}}", "{\"a\":".repeat(levels), "}".repeat(levels - 1));
            assert_eq!(read(text.as_bytes())["code"], 500, "{levels}");
            assert!(says_something(&read(text.as_bytes())["a"]), "{levels}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_json_is_read_as_json(value in values()) {
            let value = json!([value]);
            prop_assert_eq!(read(value.to_string().as_bytes()), value.clone());
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(read(&pretty), value);
        }

        #[test]
        fn anything_can_be_read(bytes in prop::collection::vec(prop::sample::select(b"{}[]\":,\\u1deN x\xff".to_vec()), 0..60)) {
            read(&bytes);
        }
    }
}
