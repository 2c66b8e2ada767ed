use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::Path;

const KEYS: [&str; 3] = ["model", "stream", "é"];

/// The members of an object in order, as written.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Box<RawValue>, Box<RawValue>)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// How deep the containers of a valid text lie in each other.
fn depth(text: &str) -> u32 {
    let (mut depth, mut most, mut bytes) = (0, 0, text.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => drop(bytes.next()),
                    Some(b'"') => break,
                    _ => {}
                }
            },
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// What serde_json says, without making numbers and strings of it: the values of the keys, if we are to accept it.
fn expected(text: &str) -> Option<[Option<String>; 3]> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let members = serde_json::Deserializer::from_str(text).deserialize_map(Members).ok()?;
    let named = |key: &&str| {
        let is = |name: &RawValue| serde_json::from_str::<String>(name.get()).is_ok_and(|name| name == *key);
        members
            .iter()
            .filter(|(name, _)| is(name))
            .map(|(_, value)| value.get().to_owned())
            .collect::<Vec<_>>()
    };
    let mut values = KEYS.each_ref().map(named);
    let once = values.iter().all(|values| values.len() <= 1);
    let names = members.iter().filter_map(|(name, _)| serde_json::from_str::<String>(name.get()).ok());
    let is_alike = |name: &String| KEYS.iter().any(|key| key != name && folded(key) == folded(name));
    let once = once && !names.into_iter().any(|name| is_alike(&name));
    (depth(text) <= step::MAX_DEPTH && once).then(|| values.each_mut().map(Vec::pop))
}

/// As Go folds what is ASCII.
fn folded(key: &str) -> String {
    key.replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase()
}

fn agrees_with_serde_json(text: &str) {
    match (object(text, &KEYS), expected(text)) {
        (Ok(spans), Some(values)) => {
            assert_eq!(spans.map(|span| span.map(|span| span.of(text).to_owned())), values, "{text}");
        }
        (Err(flaw), None) => assert!(flaw.at <= text.len(), "{flaw:?} of {text}"),
        (ours, theirs) => panic!("ours {ours:?}, theirs {theirs:?}: {text}"),
    }
}

/// JSON, mostly valid, with every oddity of numbers, escapes and white space that it has.
fn json() -> impl Strategy<Value = String> {
    const LEAVES: &[&str] = &[
        "0",
        "-0",
        "1",
        "-12.5e+3",
        "1E-999",
        "1e308",
        "1e309",
        "-1e999",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "0x1",
        "18446744073709551616",
        "9007199254740993",
        "0.1e1",
        "true",
        "false",
        "null",
        "tru",
        "nul",
        "True",
        "NaN",
        r#""""#,
        r#""a""#,
        r#""long enough to be looked at eight at a time""#,
        r#""\n\"\\\/\b\f\r\t""#,
        r#""\u00e9é€𝄞""#,
        r#""\uD834\uDD1E""#,
        r#""\uD834""#,
        r#""\uDD1E""#,
        r#""\uD834\u0041""#,
        r#""\uD834 ""#,
        r#""\u12""#,
        r#""\x""#,
        "\"\u{1}\"",
        "\"\t\"",
        "\"\u{7f}\"",
        r#""1234567\"#,
        r#""open"#,
        "'a'",
        "",
    ];
    const NAMES: &[&str] = &[
        r#""model""#,
        r#""stream""#,
        r#""mod\u0065l""#,
        r#""mode""#,
        r#""Model""#,
        "\"\u{17f}tream\"",
        r#""\u017fTREAM""#,
        r#""a""#,
        r#""""#,
        r#""é""#,
        r#""\u00e9""#,
        "model",
        "1",
    ];
    const BLANKS: &[&str] = &["", "", "", " ", "\n\t", "\r\n  ", "\u{a0}", "\u{b}"];
    let leaf = (0..LEAVES.len() * 3).prop_map(|i| LEAVES.get(i).copied().unwrap_or("7").to_owned());
    let name =
        (0..NAMES.len() * 4).prop_map(|i| NAMES.get(i).map_or(format!("\"k{i}\""), |s| (*s).to_owned()));
    let blank = || (0..24usize).prop_map(|i| BLANKS.get(i).copied().unwrap_or(""));
    let array_of = |items: Vec<(String, &'static str)>| {
        let items: Vec<String> =
            items.into_iter().map(|(item, blank)| format!("{blank}{item}{blank}")).collect();
        format!("[{}]", items.join(","))
    };
    let object_of = |members: Vec<(String, String, &'static str)>| {
        let members =
            members.into_iter().map(|(name, value, blank)| format!("{blank}{name}{blank}:{value}{blank}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let members = move |value: BoxedStrategy<String>| {
        prop::collection::vec((name.clone(), value, blank()), 0..5).prop_map(object_of)
    };
    let value = leaf.prop_recursive(5, 40, 5, {
        let members = members.clone();
        move |inner| {
            let array = prop::collection::vec((inner.clone(), blank()), 0..5).prop_map(array_of);
            prop_oneof![array, members(inner)]
        }
    });
    prop_oneof![9 => members(value.clone().boxed()).boxed(), 1 => value.boxed()]
}

/// A change of the kind that breaks a text, or nearly.
fn mutate(text: &str, at: prop::sample::Index, with: char, how: u8) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len() + 1);
    match how {
        0 => chars.truncate(at),
        1 => chars.insert(at, with),
        2 if at < chars.len() => chars[at] = with,
        3 if at < chars.len() => drop(chars.remove(at)),
        _ => {}
    }
    chars.into_iter().collect()
}

const SIGNS: &[char] = &[
    '"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', 'u', ' ', '\n', '\0', 'é', '\u{1f}',
    '\u{7f}',
];

/// The bodies of all recordings, requests and answers.
fn recorded_bodies() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire");
    let mut bodies = Vec::new();
    for vendor in
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in std::fs::read_dir(vendor).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|ending| ending == "json") {
                let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
                bodies
                    .extend(case["request"]["body"].is_object().then(|| case["request"]["body"].to_string()));
                bodies.extend(case["response"]["body"].as_str().map(str::to_owned));
            }
        }
    }
    assert!(bodies.len() > 60, "the recordings are where they were");
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn it_accepts_what_serde_json_accepts(text in json()) {
        agrees_with_serde_json(&text);
    }

    #[test]
    fn it_accepts_what_serde_json_accepts_of_broken_texts(
        text in json(), at in any::<prop::sample::Index>(), with in select(SIGNS), how in 0..4u8,
    ) {
        agrees_with_serde_json(&mutate(&text, at, with, how));
    }

    #[test]
    fn it_accepts_what_serde_json_accepts_of_broken_recordings(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), with in select(SIGNS), how in 0..5u8,
    ) {
        thread_local!(static BODIES: Vec<String> = recorded_bodies());
        BODIES.with(|bodies| agrees_with_serde_json(&mutate(&bodies[which.index(bodies.len())], at, with, how)));
    }

    #[test]
    fn plain_stops_where_a_byte_by_byte_search_does(
        bytes in prop::collection::vec(prop_oneof![3 => 0x20..=0xffu8, 1 => any::<u8>()], 0..80)
    ) {
        let stops = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        assert_eq!(plain(&bytes), bytes.iter().position(stops).unwrap_or(bytes.len()));
    }
}

#[test]
fn s10_6_sixty_four_levels_are_read_and_sixty_five_are_not() {
    let nested = |levels: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(object(&nested(64), &KEYS).is_ok());
    assert_eq!(object(&nested(65), &KEYS).unwrap_err().what, What::Depth);
    assert_eq!(object(&nested(1_000_000), &KEYS).unwrap_err().what, What::Depth);
    let objects = format!("{}1{}", r#"{"a":"#.repeat(65), "}".repeat(65));
    assert_eq!(object(&objects, &KEYS).unwrap_err().what, What::Depth);
}

#[test]
fn a_flaw_is_named_where_it_is() {
    let cases = [
        ("", 0, "it must be an object"),
        ("[1]", 0, "it must be an object"),
        (r#"{"a" 1}"#, 5, "expected `:` after a key"),
        (r#"{"a":1,}"#, 7, "expected a quoted key"),
        (r#"{"a":}"#, 5, "expected a value"),
        (r#"{"a":1 "b":2}"#, 7, "expected `,` or `}`"),
        (r#"{"a":[1 2]}"#, 8, "expected `,` or `]`"),
        (r#"{"a":"b"#, 7, "it ends in the middle"),
        ("{\"a\":\"\n\"}", 6, "a control character stands in a string; it must be escaped"),
        (r#"{"a":"\q"}"#, 6, "a backslash is followed by what is no escape"),
        (r#"{"a":1e}"#, 7, "a number is not written as JSON writes numbers"),
        (r#"{"a":"\ud83"}"#, 8, "a backslash is followed by what is no escape"),
        (r#"{"a":1} x"#, 8, "something follows the object"),
        (r#"{"model":1,"model":2}"#, 11, "a key is given twice"),
        (r#"{"model":1,"Model":2}"#, 11, "a key is written in other letters than it has"),
    ];
    for (text, at, why) in cases {
        let flaw = object(text, &KEYS).unwrap_err();
        assert_eq!((flaw.at, flaw.to_string().as_str()), (at, why), "{text}");
    }
}

#[test]
fn a_position_counts_lines_and_characters() {
    let at = |text: &str, at| {
        let Position { line, column } = Position::of(text.as_bytes(), at);
        (line, column)
    };
    assert_eq!(at("abc", 0), (1, 1));
    assert_eq!(at("é€𝄞x", 9), (1, 4));
    assert_eq!(at("{\n  \"é\": x}", 9), (2, 7));
    assert_eq!(at("a\n", 2), (2, 1));
    assert_eq!(at("a", 99), (1, 2), "an offset past the end is the end");
}
