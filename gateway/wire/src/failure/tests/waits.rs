//! How long an upstream asks us to wait.

use super::*;

#[test]
fn s1_9_the_wait_is_the_vendors_most_exact_word() {
    let cases: &[(Headers<'_>, &str, Option<f64>)] = &[
        (&[("retry-after-ms", "1500")], "", Some(1.5)),
        (&[("retry-after", "7")], "", Some(7.0)),
        (&[("retry-after", "7.25")], "", Some(7.25)),
        (&[("retry-after", "Thu, 28 May 2026 20:27:10 GMT")], "", Some(30.0)),
        (&[("retry-after", "Thursday, 28-May-26 20:27:10 GMT")], "", Some(30.0)),
        (&[("retry-after", "Thu May 28 20:27:10 2026")], "", Some(30.0)),
        (&[("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT")], "", None),
        (&[("retry-after", "Sun Nov  6 08:49:37 1994")], "", None),
        (&[("retry-after", "Thu, 28 May 2020 20:27:10 GMT")], "", None),
        (&[("retry-after", "1"), ("retry-after-ms", "0")], "", Some(1.0)), // Azure
        (&[("retry-after", "0")], "", None),
        (&[("retry-after", "0"), ("retry-after-ms", "2500")], "", Some(2.5)),
        (&[("retry-after", "0"), ("x-ratelimit-reset", "12")], "", Some(12.0)),
        (&[("retry-after", "3"), ("retry-after-ms", "2500")], "", Some(3.0)),
        (&[("retry-after-ms", "40")], "", Some(1.0)),
        (&[("retry-after-ms", "274579000")], "", Some(86_400.0)),
        (&[("retry-after", "soon"), ("retry-after-ms", "NaN")], "", None),
        (&[("retry-after", "-5")], "", None),
        (&[], r#"{"error":{"details":[{"retryDelay":"34.4s"}]}}"#, Some(34.4)),
        (&[("retry-after", "2")], r#"{"error":{"details":[{"retryDelay":"34.4s"}]}}"#, Some(2.0)),
        (&[], r#"{"error":{"message":"Limit 10. Please try again in 7m12s. Visit"}}"#, Some(432.0)),
        (&[], r#"{"error":{"message":"Please try again in 2.5s."}}"#, Some(2.5)),
        (&[], r#"{"error":{"message":"Please retry after 20 seconds."}}"#, Some(20.0)),
        (&[], r#"{"error":{"message":"please try again in a while"}}"#, None),
        (&[("x-ratelimit-reset-requests", "17.399999999s")], "", Some(17.399999999)),
        (&[("x-ratelimit-reset-tokens", "6m0s"), ("x-ratelimit-reset-requests", "20ms")], "", Some(360.0)),
        (
            &[
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("x-ratelimit-remaining-tokens", "5000"),
                ("x-ratelimit-reset-requests", "8s"),
                ("x-ratelimit-remaining-requests", "0"),
            ],
            "",
            Some(8.0),
        ),
        (&[("x-ratelimit-reset", "12")], "", Some(12.0)),
        (&[("x-ratelimit-reset", "1780000090")], "", Some(90.0)),
        (&[], r#"{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"1780000060000"}}}}"#, Some(60.0)),
        (&[("x-ratelimit-reset-tokens", "yesterday")], "", None),
    ];
    for (headers, body, seconds) in cases {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let failure = failure(Vendor::OpenAI.row(), 429, &headers, body.as_bytes(), NOW, &|_| false);
        assert_eq!(failure.retry_after.map(|wait| wait.as_secs_f64()), *seconds, "{headers:?} {body}");
    }
}

#[test]
fn a_wait_is_told_only_where_waiting_helps() {
    let wait = [("retry-after", "9")];
    for (status, waits) in [
        (200, false),
        (302, false),
        (400, false),
        (401, false),
        (402, false),
        (404, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        assert_eq!(told(status, &wait, "").retry_after, waits.then_some(Duration::from_secs(9)), "{status}");
    }
}
