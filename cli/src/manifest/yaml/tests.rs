use super::*;
use proptest::prelude::*;
use serde_json::json;

fn values(text: &str) -> Vec<Value> {
    read(text).unwrap().into_iter().map(|document| document.value).collect()
}

fn flaws(text: &str) -> Vec<(usize, usize, String)> {
    read(text).unwrap_err().into_iter().map(|flaw| (flaw.at.line, flaw.at.column, flaw.message)).collect()
}

#[test]
fn documents_are_read_one_by_one_and_empty_ones_are_none() {
    let text = "---\n# nothing\n---\na: 1\n---\n---\nb: [x, 'on', on]\n...\n---\n~\n";
    assert_eq!(values(text), [json!({ "a": 1 }), json!({ "b": ["x", "on", true] })]);
    assert_eq!(values(""), [] as [Value; 0]);
    assert_eq!(
        values("a: 1\r\nb: |\r\n  x\r\n---\r\n- z\r\n"),
        [json!({ "a": 1, "b": "x\n" }), json!(["z"])]
    );
}

#[test]
fn quotes_and_tags_make_text() {
    let text = "a: '1'\nb: \"true\"\nc: !!str 1\nd: |\n  no\ne: >-\n  x\n  y\n";
    let value = json!({ "a": "1", "b": "true", "c": "1", "d": "no\n", "e": "x y" });
    assert_eq!(values(text), [value]);
    assert_eq!(flaws("a: !vault secret\n"), [(1, 4, "tags have no meaning in a manifest".to_owned())]);
}

#[test]
fn names_of_fields_are_text_as_kubectl_makes_them() {
    assert_eq!(values("on: [a]\n1: b\n"), [json!({ "true": ["a"], "1": "b" })]);
}

#[test]
fn a_field_is_where_its_name_is_and_an_item_where_it_begins() {
    let text = "kind: X\nspec:\n  targets:\n    - name: a\n      ref: {name: p}\n    -\n      name: b\n";
    let places = read(text).unwrap().remove(0).places;
    let at = |pointer: &str| {
        let place = places.find(pointer);
        (place.line, place.column)
    };
    assert_eq!(at("/kind"), (1, 1));
    assert_eq!(at("/spec/targets"), (3, 3));
    assert_eq!(at("/spec/targets/0/ref/name"), (5, 13));
    assert_eq!(at("/spec/targets/1/name"), (7, 7));
    assert_eq!(at("/spec/targets/1/missing/deep"), at("/spec/targets/1"));
    assert_eq!(at("/status"), (1, 1));
}

#[test]
fn a_name_given_twice_is_reported_at_each_repetition() {
    let text = "a: 1\nb: {c: 1, c: 2}\na: 2\n";
    let lines: Vec<usize> = flaws(text).into_iter().map(|(line, ..)| line).collect();
    assert_eq!(lines, [2, 3]);
    assert!(flaws(text)[1].2.contains("first in line 1"));
}

#[test]
fn a_syntax_error_has_a_place() {
    let (line, _, message) = flaws("a: 1\nb: [1, 2\nc: 3\n").remove(0);
    assert!((2..=4).contains(&line) && message.starts_with("this is no YAML"), "{line} {message}");
    assert_eq!(flaws("a:\n\t- b\n")[0].0, 2);
}

#[test]
fn aliases_and_merges_read_as_what_they_stand_for() {
    let text =
        "base: &base {a: 1, b: 2}\nuse: *base\nmore: {<<: *base, b: 3}\nmany:\n  <<: [*base, {d: 4}]\n";
    let value = &values(text)[0];
    assert_eq!(value["use"], json!({ "a": 1, "b": 2 }));
    assert_eq!(value["more"], json!({ "a": 1, "b": 3 }));
    assert_eq!(value["many"], json!({ "a": 1, "b": 2, "d": 4 }));
}

#[test]
fn a_bomb_of_aliases_does_not_go_off() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{below}]\n");
    }
    assert!(flaws(&text)[0].2.contains("aliases stand for more than"));
    for nothing_yet in ["a: &a [*a]\n", "a: &a 1\n---\nb: *a\n"] {
        assert!(flaws(nothing_yet)[0].2.contains("has not ended yet, or stands in another document"));
    }
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(flaws(&deep(MAX_DEPTH + 1))[0].2.contains("nested deeper"));
    assert_eq!(flaws(&deep(100_000)).len(), 1);
    assert_eq!(values(&deep(MAX_DEPTH)).len(), 1);
}

proptest! {
    /// JSON is YAML: whatever is written as JSON reads back as the same value.
    #[test]
    fn json_reads_as_itself(text in "[a-zA-Z0-9 :#{}\\[\\],&*!|>'\"%@`\n\t-]{0,24}", number in any::<i64>(), flag: bool) {
        let value = json!({ "text": text, "list": [number, flag, null, { "deep": [text] }] });
        prop_assert_eq!(values(&value.to_string()), [value.clone()]);
        prop_assert_eq!(values(&serde_json::to_string_pretty(&value).unwrap()), [value]);
    }

    /// Nothing that stands in a file makes the reader panic or loop.
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n\t&*:é\u{feff}-]{0,60}") {
        drop(read(&text));
    }
}
