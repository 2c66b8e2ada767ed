use super::*;
use crate::through::contents::{Contents, Form};
use proptest::prelude::*;
use proptest::sample::select;

/// Read with care; where it can be read without, that must give the same.
fn read(usage: &[u8]) -> Option<Counted> {
    let text = [br#"{"usage":"#, usage, b"}"].concat();
    let tally = *Contents::of(Form::Answer, &text).tally();
    for window in [Some(u64::MAX), None, Some(50)] {
        if let Some(plain) = plain(usage, window) {
            let careful = tally.believable(window).counted();
            assert_eq!(Some(plain), careful, "{}", String::from_utf8_lossy(usage));
        }
    }
    tally.counted()
}

fn split(usage: &str) -> Option<(u64, u64, u64, u64)> {
    read(usage.as_bytes())
        .map(|Counted { usage, .. }| (usage.input, usage.cache_read, usage.output, usage.reasoning))
}

fn told(usage: &str) -> Option<(bool, bool)> {
    read(usage.as_bytes()).map(|counted| (counted.input, counted.output))
}

#[test]
fn s4_1_classes_are_disjoint() {
    let cases = [
        (r#"{"prompt_tokens":10,"completion_tokens":4}"#, Some((10, 0, 4, 0))),
        (
            r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":1}}"#,
            Some((7, 3, 3, 1)),
        ),
        (
            r#"{ "prompt_tokens" : 10 , "completion_tokens" : 4.0 , "prompt_tokens_details" : null }"#,
            Some((10, 0, 4, 0)),
        ),
        (
            r#"{"prompt_tokens":10,"completion_tokens":4,"prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":4}"#,
            Some((4, 6, 4, 0)),
        ),
        (r#"{"prompt_tokens":10,"completion_tokens":4,"cached_tokens":6}"#, Some((4, 6, 4, 0))),
        (r#"{"prompt_tokens":10,"completion_tokens":null}"#, Some((10, 0, 0, 0))),
        (r#"{"completion_tokens":-1,"prompt_tokens":10}"#, Some((10, 0, 0, 0))),
        ("null", None),
        ("{}", None),
        ("[]", None),
        (r#"{"input_tokens":4,"output_tokens":4}"#, None),
    ];
    for (usage, expected) in cases {
        assert_eq!(split(usage), expected, "{usage}");
    }
}

#[test]
fn s4_1_inconsistent_counts_never_exceed_what_is_billed() {
    let more_reasoning = r#"{"prompt_tokens":1,"completion_tokens":40,"total_tokens":41,"completion_tokens_details":{"reasoning_tokens":50}}"#;
    assert_eq!(split(more_reasoning), Some((1, 0, 0, 40)), "OpenRouter");
    let more_cached =
        r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}"#;
    assert_eq!(split(more_cached), Some((0, 5, 1, 0)));
    let huge = r#"{"prompt_tokens":99999999999999999999,"completion_tokens":1e300,"total_tokens":1,"completion_tokens_details":{"reasoning_tokens":2}}"#;
    assert_eq!(split(huge), Some((u64::MAX, 0, u64::MAX - 2, 2)));
}

#[test]
fn s4_1_reasoning_that_a_vendor_leaves_out_is_added() {
    let xai = r#"{"prompt_tokens":390,"completion_tokens":26,"total_tokens":513,"prompt_tokens_details":{"cached_tokens":192},"completion_tokens_details":{"reasoning_tokens":97}}"#;
    assert_eq!(split(xai), Some((198, 192, 26, 97)));
}

#[test]
fn s2_15_a_missing_side_is_the_total_without_the_other() {
    let cases = [
        (r#"{"prompt_tokens":100,"total_tokens":150}"#, (100, 0, 50, 0), (true, true)),
        (r#"{"completion_tokens":50,"total_tokens":150}"#, (100, 0, 50, 0), (true, true)),
        (r#"{"prompt_tokens":100,"completion_tokens":-1,"total_tokens":150}"#, (100, 0, 50, 0), (true, true)),
        (r#"{"prompt_tokens":100}"#, (100, 0, 0, 0), (true, false)),
        (r#"{"prompt_tokens":100,"total_tokens":50}"#, (100, 0, 0, 0), (true, false)),
        (r#"{"prompt_tokens":-1,"completion_tokens":50}"#, (0, 0, 50, 0), (false, true)),
    ];
    for (usage, expected, sides) in cases {
        assert_eq!((split(usage), told(usage)), (Some(expected), Some(sides)), "{usage}");
    }
    for nothing in
        [r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#, r#"{"prompt_tokens":-1}"#]
    {
        assert_eq!(split(nothing), None, "{nothing}");
    }
}

#[test]
fn s2_15_the_counts_of_a_side_are_trusted_before_those_of_its_details() {
    let nested = r#"{"by_model":[{"prompt_tokens":3,"completion_tokens":1}],"prompt_tokens":10,"completion_tokens":4}"#;
    assert_eq!(split(nested), Some((10, 0, 4, 0)));
    let only_nested = r#"{"sum":{"prompt_tokens":3,"completion_tokens":1}}"#;
    assert_eq!(split(only_nested), Some((3, 0, 1, 0)));
}

#[test]
fn s2_15_what_no_model_has_room_for_is_not_believed() {
    let sides = |usage: &str, window| {
        let counted = read(usage.as_bytes()).unwrap().believed(window);
        (counted.input, counted.output)
    };
    let of = |prompt: u64, completion: u64| {
        format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion}}}"#)
    };
    assert_eq!(sides(&of(128_000, 9), Some(128_000)), (true, true));
    assert_eq!(sides(&of(128_001, 9), Some(128_000)), (false, true));
    assert_eq!(sides(&of(9, u64::MAX), Some(128_000)), (true, false));
    assert_eq!(sides(&of(128_001, 9), None), (true, true));
    assert_eq!(sides(&of(4_294_967_295, 9), None), (false, true));
}

#[test]
fn what_vendors_mostly_send_is_read_without_care() {
    for usage in [
        r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":1,"audio_tokens":0}}"#,
        r#"{ "prompt_tokens" : 10 , "completion_tokens" : 4 , "prompt_tokens_details" : null }"#,
        r#"{"prompt_tokens":390,"completion_tokens":26,"total_tokens":513,"completion_tokens_details":{"reasoning_tokens":97}}"#,
    ] {
        assert!(plain(usage.as_bytes(), None).is_some(), "{usage}");
        assert_eq!(plain(usage.as_bytes(), None), read(usage.as_bytes()));
    }
}

/// A usage of keys and numbers as vendors send them, and some as none does; in any order, a key also twice.
fn usages() -> impl Strategy<Value = String> {
    let keys = select(vec![
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cached_tokens",
        "prompt_cache_hit_tokens",
        "reasoning_tokens",
        "audio_tokens",
        "x",
    ]);
    let numbers = select(vec![
        "0",
        "1",
        "49",
        "50",
        "51",
        "99",
        "101",
        "4294967295",
        "1e3",
        "2.0",
        "-1",
        "null",
        "\"7\"",
    ]);
    let counts = prop::collection::vec((keys, numbers), 0..5).prop_map(|counts| {
        counts.iter().map(|(key, number)| format!(r#""{key}" : {number}"#)).collect::<Vec<_>>().join(",")
    });
    (counts.clone(), counts).prop_map(|(outer, inner)| {
        let comma = if outer.is_empty() { "" } else { "," };
        format!(r#"{{{outer}{comma}"details":{{{inner}}}}}"#)
    })
}

proptest! {
    #[test]
    fn s2_15_with_and_without_care_the_same_is_read(usage in usages()) {
        read(usage.as_bytes());
    }
}
