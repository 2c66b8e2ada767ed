//! Signals.

use crate::process::{PROVIDER, Up, shop};
use std::fs;

const STREAM: &str = r#"{"model":"chat","stream":true,"messages":[{"role":"user","content":"x"}]}"#;

fn slow(tokens_per_second: u32) -> tempfile::TempDir {
    let shop = shop();
    let provider = format!("{PROVIDER}  mock: {{reply: Lorem, tokensPerSecond: {tokens_per_second}}}\n");
    fs::write(shop.path().join("provider.yaml"), provider).unwrap();
    shop
}

#[test]
fn s9_1_running_answers_finish_before_it_ends() {
    for signal in ["TERM", "INT"] {
        let shop = slow(100);
        let up = Up::start(shop.path());
        let mut answer = up.begin(STREAM);
        assert!(answer.first().contains("200 OK"));
        up.signal(signal);
        up.hears("ending");
        assert!(answer.rest().contains("[DONE]"));
        assert_eq!(up.ends(), Some(0));
    }
}

#[test]
fn s9_1_a_second_signal_ends_at_once() {
    let shop = slow(1);
    let up = Up::start(shop.path());
    let mut answer = up.begin(STREAM);
    assert!(answer.first().contains("200 OK"));
    up.signal("INT");
    up.hears("ending");
    up.signal("INT");
    assert_eq!(up.ends(), Some(1));
    assert!(!answer.rest().contains("[DONE]"));
}
