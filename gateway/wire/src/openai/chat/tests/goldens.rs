//! Bodies for OpenAI, written by hand after OpenAI's reference. Each was validated against
//! `CreateChatCompletionRequest` in openai.json (github.com/openai/openai-openapi, commit f85dbe22, of 2026-08-21) with
//! Python's jsonschema 4.26.

use super::made::{read_value, to_openai};
use serde_json::Value;

#[test]
fn what_openai_is_sent_is_what_its_api_description_says() {
    let lines = include_str!("goldens.jsonl").lines();
    let mut count = 0;
    for line in lines {
        let golden: Value = serde_json::from_str(line).unwrap();
        let chat = read_value(&golden["asked"]).unwrap_or_else(|bad| panic!("{}: {bad}", golden["case"]));
        assert_eq!(to_openai(&chat), golden["written"], "{}", golden["case"]);
        count += 1;
    }
    assert_eq!(count, 5);
}
