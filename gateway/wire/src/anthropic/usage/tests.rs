use super::*;
use proptest::prelude::*;

fn counted(window: Option<u64>, usages: &[&str]) -> Option<Counted> {
    let mut tally = Tally::new(window);
    usages.iter().for_each(|usage| tally.count(usage.as_bytes()));
    tally.counted()
}

fn usage(usages: &[&str]) -> Usage {
    let counted = counted(None, usages).unwrap();
    assert!(counted.is_all());
    counted.usage
}

#[test]
fn s4_1_each_token_is_in_one_class() {
    // Case 54: what is written to the cache is no input, and an hour's is no five minutes'.
    let all = r#"{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":300,
        "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},
        "output_tokens":50,"output_tokens_details":{"thinking_tokens":30}}"#;
    let expected =
        Usage { input: 10, cache_read: 20, cache_write: 100, cache_write_1h: 200, output: 20, reasoning: 30 };
    assert_eq!(usage(&[all]), expected);
}

#[test]
fn s4_1_without_the_split_all_is_written_for_five_minutes() {
    let plain = r#"{"input_tokens":4,"cache_creation_input_tokens":1163,"cache_read_input_tokens":0,"output_tokens":187}"#;
    let expected = Usage { input: 4, cache_write: 1163, output: 187, ..Usage::default() };
    assert_eq!(usage(&[plain]), expected);
    // The split alone is enough, and more for an hour than at all can't be.
    let split = r#"{"input_tokens":4,"cache_creation":{"ephemeral_1h_input_tokens":7},"output_tokens":1}"#;
    assert_eq!(usage(&[split]).cache_write_1h, 7);
    let absurd = r#"{"input_tokens":4,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":7},"output_tokens":1}"#;
    assert_eq!((usage(&[absurd]).cache_write, usage(&[absurd]).cache_write_1h), (0, 5));
    let zeros = r#"{"input_tokens":4,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1}"#;
    assert_eq!((usage(&[zeros]).cache_write, usage(&[zeros]).cache_write_1h), (9, 0));
}

#[test]
fn s4_1_the_last_value_of_each_field_holds_and_no_zero_stands_for_a_count() {
    // Case 52: cache counts only in message_start, only in message_delta, or in both.
    let start = r#"{"input_tokens":11,"cache_creation_input_tokens":0,"cache_read_input_tokens":1031,"output_tokens":1}"#;
    let expected = Usage { input: 11, cache_read: 1031, output: 100, ..Usage::default() };
    for delta in [
        r#"{"output_tokens":100}"#,
        r#"{"input_tokens":11,"cache_read_input_tokens":1031,"output_tokens":100}"#,
        r#"{"input_tokens":0,"cache_read_input_tokens":0,"output_tokens":100}"#,
        r#"{"input_tokens":null,"cache_read_input_tokens":null,"output_tokens":100}"#,
    ] {
        assert_eq!(usage(&[start, delta]), expected, "{delta}");
    }
    let zeros = r#"{"cache_creation":null,"input_tokens":0,"output_tokens":0,"service_tier":null}"#;
    assert_eq!(counted(None, &[zeros]), None, "an answered request has used something");
    let late = r#"{"input_tokens":32,"cache_read_input_tokens":5,"output_tokens":16}"#;
    let expected = Usage { input: 32, cache_read: 5, output: 16, ..Usage::default() };
    assert_eq!(usage(&[zeros, late]), expected);
}

#[test]
fn s2_15_counts_that_cannot_be_true_are_not_believed() {
    let plain = |input: u64, output: u64| format!(r#"{{"input_tokens":{input},"output_tokens":{output}}}"#);
    let told = |usages: &[&str]| {
        let counted = counted(Some(1_000), usages).unwrap_or_default();
        (counted.input, counted.output)
    };
    assert_eq!(told(&[&plain(1_000, 1_000)]), (true, true));
    for absurd in [1_001, 4_294_967_295, u64::MAX] {
        assert_eq!(told(&[&plain(absurd, 1)]), (false, true), "{absurd}");
        assert_eq!(told(&[&plain(1, absurd)]), (true, false), "{absurd}");
        assert_eq!(counted(Some(1_000), &[&plain(absurd, absurd)]), None, "{absurd}");
        let kept = counted(Some(1_000), &[&plain(7, 8), &plain(absurd, absurd)]).unwrap();
        assert_eq!((kept.usage.input, kept.usage.output), (7, 8), "{absurd}");
    }
    // Each part may be, the side may not.
    assert_eq!(
        told(&[r#"{"input_tokens":999,"cache_read_input_tokens":999,"output_tokens":1}"#]),
        (false, true)
    );
    for odd in [r#"{"input_tokens":-1,"output_tokens":"7"}"#, "[]", "7", "{", ""] {
        assert_eq!(counted(None, &[odd]), None, "{odd}");
    }
    assert_eq!(counted(None, &[r#"{"input_tokens":1.0,"output_tokens":2e0}"#]).unwrap().usage.output, 2);
}

#[test]
fn the_last_tier_that_is_told_holds() {
    let mut tally = Tally::new(None);
    assert_eq!(tally.tier(), None);
    for usage in [r#"{"service_tier":"standard"}"#, r#"{"service_tier":null}"#, r#"{"service_tier":""}"#] {
        tally.count(usage.as_bytes());
        assert_eq!(tally.tier(), Some(&Text::new("standard")), "{usage}");
    }
    tally.count(br#"{"service_tier":"priority"}"#);
    assert_eq!(tally.tier(), Some(&Text::new("priority")));
}

proptest! {
    #[test]
    fn s4_1_the_classes_add_up_to_what_was_counted(
        input in 0..50_000_u64, read in 0..50_000_u64, short in 0..50_000_u64, long in 0..50_000_u64,
        output in 1..50_000_u64, thinking in 0..60_000_u64,
    ) {
        let all = format!(
            r#"{{"input_tokens":{input},"cache_read_input_tokens":{read},"cache_creation_input_tokens":{},
            "cache_creation":{{"ephemeral_5m_input_tokens":{short},"ephemeral_1h_input_tokens":{long}}},
            "output_tokens":{output},"output_tokens_details":{{"thinking_tokens":{thinking}}}}}"#,
            short + long,
        );
        let usage = usage(&[&all]);
        prop_assert_eq!(usage.all_input(), input + read + short + long);
        prop_assert_eq!((usage.cache_write, usage.cache_write_1h), (short, long));
        prop_assert_eq!(usage.output + usage.reasoning, output);
        prop_assert_eq!(usage.reasoning, thinking.min(output));
    }
}
