//! S1: what an upstream's failure leads to.

use crate::harness::{Config, World};
use weir_upstream::{Answer, Upstream};

/// OpenAI's 429 for one request above the account's tokens per minute.
const TOO_LARGE: &str = r#"{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 60000.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;

fn two() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let world = Config::over(&[&first, &second]).start();
    (first, second, world)
}

#[tokio::test]
async fn s1_1_every_failure_that_may_moves_on_unseen() {
    let (first, second, world) = two();
    let failures: Vec<(&str, Answer)> = vec![
        ("rate_limited", Answer::rate_limited(None)),
        ("overloaded", Answer::overloaded()),
        ("server_error", Answer::server_error(500)),
        ("server_error", Answer::reset()),
        ("credential", Answer::bad_key()),
        ("billing", Answer::no_credit()),
        ("billing", Answer::insufficient_quota()),
        ("forbidden", Answer::forbidden()),
        ("model_missing", Answer::model_missing()),
        ("too_large", Answer::json(429, TOO_LARGE)),
        ("garbled", Answer::redirect(307, "http://127.0.0.1:1/")),
        ("garbled", Answer::invalid_json()),
        ("garbled", Answer::truncated_json()),
        ("garbled", Answer::gzip(b"{}")),
        ("garbled", Answer::garbage()),
        ("garbled", Answer::html(200)),
    ];
    for (i, (_, failure)) in failures.iter().enumerate() {
        for stream in [false, true] {
            first.always(failure.clone());
            let reply = if stream { world.stream().await } else { world.chat().await };
            assert_eq!(reply.status, 200, "{i} stream={stream} {reply:?}");
            assert_eq!(reply.content(), "from the second", "{i} {reply:?}");
            assert_eq!(reply.header("x-weir-attempts"), Some("2"), "{i} {reply:?}");
        }
    }
    assert_eq!(second.count(), failures.len() * 2);
    let outcomes: Vec<String> = world
        .usage()
        .iter()
        .map(|line| line["attempts"][0]["outcome"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<&str> = failures.iter().flat_map(|(class, _)| [*class, *class]).collect();
    assert_eq!(outcomes, expected);
}
