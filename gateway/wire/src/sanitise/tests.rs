use super::*;
use proptest::prelude::*;
use proptest::sample::select;

#[test]
fn s10_3_what_tells_of_the_account_or_the_place_is_replaced() {
    let cases = [
        ("see https://api.openai.com/v1/keys?x=1&y=(2)z.", "see [url]."),
        ("(at http://10.0.0.7:8000/v1)", "(at [url])"),
        ("connect to vllm.llm.svc:8000 failed", "connect to [url] failed"),
        ("connect to vllm:8000 failed", "connect to [url] failed"),
        ("host=weir-east.openai.azure.com,", "host=[url],"),
        ("\"url\":\"http:\\/\\/a.internal\\/v1\"", "\"url\":\"http:\\/\\[url]\""),
        ("peer 192.168.1.5 and [fe80::1%eth0]:443", "peer [url] and [[url]"),
        ("mail ops+llm@example.com now", "mail [email] now"),
        ("Incorrect API key provided: sk-abcd****wxyz.", "Incorrect API key provided: [key]."),
        ("Your api key: ****-key is invalid", "Your api key: [key] is invalid"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer [key]"),
        ("key weir_0123456789_abc is unknown", "key [key] is unknown"),
        ("x-goog-api-key=AIzaSyA1234567890abcdef", "x-goog-api-key=[key]"),
        ("in organization org-AbC123dEf456 on", "in organization [id] on"),
        ("in org-abcdefghijklmnop of proj_abcdefghijklmnop.", "in [id] of [id]."),
        ("project proj_a1b2c3d4 (user-XyZ987654)", "project [id] ([id])"),
        ("arn:aws:bedrock:us-east-1:123456789012:model/x", "arn:aws:bedrock:us-east-1:[id]:model/x"),
        ("subscription 0f8fad5b-d9cb-469f-a165-70867728950e", "subscription [key]"),
        ("token 4bf92f3577b34da6a3ce929d0e0e4736 expired", "token [key] expired"),
    ];
    for (text, clean) in cases {
        assert_eq!(sanitise(text), clean);
    }
}

#[test]
fn what_a_message_is_about_stays() {
    let texts = [
        "The model `gpt-4.1-nano-wrong` does not exist or you do not have access to it.",
        "model anthropic/claude-haiku-4-5-20251001 and meta-llama/Llama-3.3-70B-Instruct-Turbo:free",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B, gpt-4o-mini-2024-07-18, google/gemini-2.0-flash-exp",
        "Invalid type for 'messages[0].content': expected a string, but got an object instead.",
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "maximum context length is 1048565 tokens. However, you requested 1250025 tokens",
        "tool_call_ids did not have response messages: call_fvsP35x2Oga1cEKZEOPqYNeO",
        "Invalid schema for function 'GetCustomerOrderHistoryByCustomerId': tools.0.function.parameters",
        "Missing Bearer authentication in header",
        "Expected a value at line 3, column 14; ratio 0.5, 50%, $1.25",
        "Überschreitung: zu viele Zeichen – 超过限制",
    ];
    for text in texts {
        assert_eq!(sanitise(text), text);
    }
}

#[test]
fn control_characters_go_and_long_texts_are_cut() {
    assert_eq!(sanitise("a\u{0}b\u{1b}[31m\r\n\tc\u{202e}d"), "ab[31m cd");
    assert_eq!(sanitise("s\u{200b}k-abcdef"), "[key]", "nothing hides behind what cannot be seen");
    let long = "é ".repeat(5_000);
    assert_eq!(sanitise(&long).chars().count(), 2_000);
    assert_eq!(sanitise(&"x".repeat(10_000)), "", "one word without an end is not looked at");
    let at_the_cut = format!("{} sk-{}", "word ".repeat(1_599), "a1B2".repeat(20));
    assert!(!sanitise(&at_the_cut).contains("sk-"));
}

fn secret() -> impl Strategy<Value = String> {
    let random = |alphabet: &'static str| {
        prop::collection::vec(select(alphabet.chars().collect::<Vec<_>>()), 32..64)
            .prop_map(String::from_iter)
            .prop_filter("a key has digits and letters", |key| {
                key.bytes().any(|b| b.is_ascii_digit()) && key.bytes().any(|b| b.is_ascii_alphabetic())
            })
    };
    let base62 = || random("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    let prefix =
        select(vec!["sk-", "sk-proj-", "sk-ant-api03-", "weir_", "gsk_", "xai-", "pplx-", "Bearer ", "key="]);
    prop_oneof![
        (prefix, base62()).prop_map(|(prefix, key)| format!("{prefix}{key}")),
        base62(),
        random("0123456789abcdef"),
        "[a-z]{3,10}\\.(openai\\.azure\\.com|svc|internal|example\\.net):[1-9][0-9]{1,4}",
        "https?://[a-z0-9.-]{3,20}(:[0-9]{2,5})?/[a-zA-Z0-9/_.-]{0,20}\\?[a-z]{1,5}=[A-Za-z0-9,;()]{4,20}",
        "[a-z]{3,8}[.+][a-z0-9]{3,8}@[a-z]{3,8}\\.(com|org|example)",
        "org-[A-Z][A-Za-z0-9]{20,24}",
        "[1-9][0-9]{11}",
        (1u8..255, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| format!("{a}.{b}.{c}.{d}")),
    ]
}

/// The longest piece of `secret` of which nothing may be left.
fn core(secret: &str) -> &str {
    let pieces = secret.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_' && c != '-');
    pieces.max_by_key(|piece| piece.len()).unwrap()
}

#[test]
fn s10_3_of_many_addresses_few_are_asked_about() {
    let text = "see https://cats.example/a, ".repeat(300);
    let asked = Cell::new(0);
    let stays = |url: &str| {
        asked.set(asked.get() + 1);
        url == "https://cats.example/a"
    };
    let clean = sanitise_but(&text, &stays);
    assert_eq!((asked.get(), clean.matches("https://cats.example/a").count()), (MAX_ASKED, MAX_ASKED));
    assert!(clean.ends_with("[url],") || clean.contains("see [url], see [url]"), "{clean}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn s10_3_planted_secrets_never_survive(
        secret in secret(),
        (before, after) in ("[a-zA-Zé ,.:]{0,30}", "[a-zA-Zé ,.:]{0,30}"),
        (open, close) in select(vec![(" ", " "), ("\"", "\""), ("'", "'"), ("(", ")"), ("`", "`"), ("=", " "), (": ", "."), ("<", ">"), ("[", "]"), ("\n", "\n"), ("\\\"", "\\\"")]),
    ) {
        let text = format!("{before}{open}{secret}{close}{after}");
        let clean = sanitise(&text);
        prop_assert!(!clean.contains(core(&secret)), "{text:?} -> {clean:?}");
    }

    #[test]
    fn any_text_becomes_one_short_line(text in any::<String>(), times in 1..300usize) {
        let clean = sanitise(&text.repeat(times));
        prop_assert!(clean.chars().count() <= 2_000);
        prop_assert!(!clean.chars().any(char::is_control));
    }

    #[test]
    fn sanitising_again_changes_nothing(secret in secret(), before in "[a-zA-Z ,.:]{0,30}") {
        let clean = sanitise(&format!("{before} {secret}"));
        prop_assert_eq!(sanitise(&clean), clean);
    }
}
