//! Bodies whose JSON is slightly off, or is none at all.

use super::*;

fn told_bytes(status: u16, body: &[u8]) -> Failure {
    failure(Vendor::OpenAICompatible.row(), status, &HeaderMap::new(), body, NOW, &|_| false)
}

#[test]
fn s2_17_a_refusal_whose_json_is_slightly_off_means_what_it_says() {
    let bodies: [&[u8]; 9] = [
        b"\xEF\xBB\xBF{\"error\":{\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\"}}",
        b"{\"error\":{\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\",\"got\":\"caf\xe9\"}}",
        b"{\"error\":{\"got\":\"\\ud83d\",\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\"}}",
        b"{\"error\":{\"got\":NaN,\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\"}}",
        b"{\"error\":{\"got\":1e400,\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\"}}",
        b"{\"error\":{\"message\":\"bad x\",\"type\":\"t\",\"type\":\"t\",\"code\":\"CODE\"}}",
        b"{\"error\":{\"message\":\"bad\tx\",\"type\":\"t\",\"code\":\"CODE\"}}",
        b"{\"error\":{\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\"}}\0",
        b"{\"error\":{\"message\":\"bad x\",\"type\":\"t\",\"code\":\"CODE\",}}",
    ];
    for body in bodies {
        for (status, code, class) in [
            (400, "invalid_value", CallerFault),
            (429, "insufficient_quota", Billing),
            (400, "context_length_exceeded", ContextLength),
        ] {
            let at = memchr::memmem::find(body, b"CODE").unwrap();
            let body = [&body[..at], code.as_bytes(), &body[at + 4..]].concat();
            let failure = told_bytes(status, &body);
            let shown = String::from_utf8_lossy(&body);
            assert_eq!((failure.class, &*failure.message), (class, "bad x"), "{shown}");
            assert_eq!(
                (failure.kind.as_deref(), failure.code.as_deref()),
                (Some("t"), Some(code)),
                "{shown}"
            );
        }
    }
}

#[test]
fn s10_3_of_a_body_that_begins_as_json_only_its_fields_are_told() {
    let around = r#""account":"acme-corp-prod","trace":"pod 7 of acme"}"#;
    for (body, message) in [
        (format!(r#"{{"error":{{"message":"over \ud83d","code":429}},{around}"#), "over \u{FFFD}"),
        (format!(r#"{{"account":NaN,"message":"over",{around}"#), "over"),
        (format!(r#"{{'error':'over',{around}"#), "The upstream answered 500 without saying why."),
        (format!("[acme-corp-prod {around}"), "The upstream answered 500 without saying why."),
        (format!("data: {{acme {around}\n\n"), "The upstream answered 500 without saying why."),
        (r#"{"error":{"message":"over","metadata":{"raw":"{acme-corp-prod"}}}"#.to_owned(), "over"),
        ("upstream is acme".to_owned(), "upstream is acme"),
        ("\"acme\" is down".to_owned(), "\"acme\" is down"),
    ] {
        assert_eq!(told(500, &[], &body).message, message, "{body}");
    }
}
