use super::*;
use proptest::prelude::*;
use schemars::generate::SchemaSettings;
use std::time::Duration as StdDuration;

/// Whether the schema of `T` takes `text`, rules aside.
fn schema_takes<T: JsonSchema>(text: &str) -> bool {
    let schema = T::json_schema(&mut SchemaSettings::openapi3().into_generator()).to_value();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    validator.is_valid(&serde_json::json!(text))
}

#[test]
fn a_duration_is_the_sum_of_its_parts() {
    for (text, millis) in [
        ("30s", 30_000),
        ("1m30s", 90_000),
        ("500ms", 500),
        ("1s1h", 3_601_000),
        ("00001h0ms", 3_600_000),
        ("0s", 0),
    ] {
        assert_eq!(Duration::from(text).parse(), Ok(StdDuration::from_millis(millis)), "{text}");
    }
    let longest = Duration::from("99999h99999h99999h99999h").parse().unwrap();
    assert_eq!(longest, StdDuration::from_secs(4 * 99_999 * 3_600));
}

#[test]
fn a_size_is_in_powers_of_1024() {
    for (text, bytes) in
        [("1", 1), ("32Mi", 32 << 20), ("9999999999Gi", 9_999_999_999 << 30), ("64Ki", 65_536)]
    {
        assert_eq!(ByteSize::from(text).parse(), Ok(bytes), "{text}");
    }
}

#[test]
fn an_instant_is_read_in_its_zone() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:01.999+01:00", 1),
        ("2027-01-31T00:00:00Z", 1_801_353_600),
    ] {
        assert_eq!(Timestamp::from(text).parse(), Ok(UnixSeconds(seconds)), "{text}");
    }
}

#[test]
fn a_text_that_is_not_a_value_says_what_one_is() {
    let error = Duration::from("5min").parse().unwrap_err().to_string();
    assert!(error.starts_with("\"5min\" is not a duration"), "{error}");
}

proptest! {
    #[test]
    fn a_duration_parses_if_and_only_if_the_schema_takes_it(text in "([0-9]{0,6}(h|m|s|ms|us|)){0,5}") {
        prop_assert_eq!(Duration(text.clone()).parse().is_ok(), schema_takes::<Duration>(&text));
    }

    #[test]
    fn a_size_parses_if_and_only_if_the_schema_takes_it(text in "-?[0-9]{0,11}(|K|Ki|Mi|Gi|Ti|B)") {
        prop_assert_eq!(ByteSize(text.clone()).parse().is_ok(), schema_takes::<ByteSize>(&text));
    }

    #[test]
    fn s4_1_a_price_parses_if_and_only_if_schema_and_rule_take_it(text in "-?[0-9]{0,8}(\\.[0-9]{0,7})?") {
        // The rule of the schema: exact, since a double holds every such number of micro-USD.
        let taken = schema_takes::<Usd>(&text) && text.parse::<f64>().unwrap() <= 9_000_000.0;
        prop_assert_eq!(Usd(text).parse().is_ok(), taken);
    }

    #[test]
    fn an_instant_that_the_schema_takes_parses(
        text in "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-6][0-9])"
    ) {
        prop_assert!(!schema_takes::<Timestamp>(&text) || Timestamp(text.clone()).parse().is_ok(), "{text}");
    }
}
