use super::*;
use FailureClass::*;
use proptest::prelude::*;
use std::time::Duration;
use weir_config::Vendor;

const NOW: UnixSeconds = UnixSeconds(1_780_000_000); // 2026-05-28T20:26:40Z

type Headers<'a> = &'a [(&'static str, &'static str)];

fn told(status: u16, headers: Headers<'_>, body: &str) -> Failure {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    failure(Vendor::OpenAICompatible.row(), status, &headers, body.as_bytes(), NOW, &|_| false)
}

/// Bodies that vendors document or that were seen, where no recording is at hand (wire.md sections 3 and 6).
#[test]
fn s1_1_the_vendors_code_decides_first_and_the_status_second() {
    let cases = [
        // OpenAI
        (
            429,
            r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Billing,
        ),
        (429, r#"{"error":{"message":"x","code":"organization_spend_limit_exceeded"}}"#, Billing),
        (
            429,
            r#"{"error":{"message":"Request too large for gpt-4o in organization org-AbC123XyZ on tokens per min (TPM): Limit 30000, Requested 90000.","type":"tokens","code":"rate_limit_exceeded"}}"#,
            TooLarge,
        ),
        (
            400,
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            ContextLength,
        ),
        (400, r#"{"error":{"message":"x","code":"content_policy_violation"}}"#, ContentPolicy),
        (
            400,
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"invalid_value"}}"#,
            CallerFault,
        ),
        (
            503,
            r#"{"error":{"message":"The engine is currently overloaded","type":"server_error"}}"#,
            Overloaded,
        ),
        // Azure
        (
            400,
            r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            ContentPolicy,
        ),
        (404, r#"{"error":{"code":"DeploymentNotFound","message":"x"}}"#, ModelMissing),
        (
            429,
            r#"{"error":{"code":"RateLimitReached","message":"Please retry after 7 seconds."}}"#,
            RateLimited,
        ),
        // Anthropic
        (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, Overloaded),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
            Billing,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 3 tokens > 2 maximum"}}"#,
            ContextLength,
        ),
        // Gemini
        (
            400,
            r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            Credential,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            ContextLength,
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]}]}}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#,
            Billing,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            Overloaded,
        ),
        // DeepSeek, Mistral, Cohere, Bedrock, Groq, OpenRouter, Ollama, Venice, DashScope
        (402, r#"{"error":{"message":"Insufficient Balance","type":"unknown_error"}}"#, Billing),
        (400, r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}"#, ModelMissing),
        (401, r#"{"detail":"Invalid API Key"}"#, Credential),
        (
            400,
            r#"{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}"#,
            ModelMissing,
        ),
        (422, r#"{"detail":[{"loc":["body","messages"],"msg":"Field required"}]}"#, CallerFault),
        (
            400,
            r#"{"id":"1","message":"too many tokens: total","error_type":"TOO_MANY_TOKENS"}"#,
            ContextLength,
        ),
        (400, r#"{"message":"Input is too long for requested model."}"#, ContextLength),
        (
            413,
            r#"{"error":{"message":"Request too large for model `m` in organization `org_01habc` on tokens per minute (TPM)","type":"tokens","code":"rate_limit_exceeded"}}"#,
            TooLarge,
        ),
        (413, "<html>413 Request Entity Too Large</html>", Misdirected),
        (
            498,
            r#"{"error":{"message":"Flex tier capacity exceeded","code":"capacity_exceeded"}}"#,
            Overloaded,
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"openai/gpt requires moderation. Your input was flagged","metadata":{"reasons":["x"]}}}"#,
            ContentPolicy,
        ),
        (402, r#"{"error":{"code":402,"message":"This request requires more credits"}}"#, Billing),
        (402, r#"{"error":{"code":"in_flight_budget_exhausted","message":"x"}}"#, RateLimited),
        (
            502,
            r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\"}}"}}}"#,
            ContextLength,
        ),
        (400, r#"{"error":"prompt too long; exceeded max context length by 4 tokens"}"#, ContextLength),
        (401, r#"{"error":"Authentication failed"}"#, Credential),
        (400, r#"{"error":{"code":"data_inspection_failed","message":"x"}}"#, ContentPolicy),
        // nobody in particular
        (429, "<html><body><h1>429 Too Many Requests</h1></body></html>", RateLimited),
        (429, "", RateLimited),
        (500, "Internal Server Error", ServerError),
        (500, "\"just a text\"", ServerError),
        (502, r#"data: {"error":{"message":"x","code":"context_length_exceeded"}}"#, ContextLength),
        (404, "404 page not found", Misdirected),
        (400, "null", Misdirected),
        (400, "[[[[", Misdirected),
    ];
    for (status, body, class) in cases {
        assert_eq!(told(status, &[], body).class, class, "{status} {body}");
    }
}

/// Each status with the class that it has without an error of the API's own, and with one.
#[test]
fn s1_8_a_4xx_that_the_api_did_not_say_is_laid_on_no_caller() {
    let classes = [
        (301, Garbled, Garbled),
        (304, Garbled, Garbled),
        (400, Misdirected, CallerFault),
        (401, Credential, Credential),
        (402, Billing, Billing),
        (403, Forbidden, Forbidden),
        (404, Misdirected, ModelMissing),
        (405, Misdirected, Misdirected),
        (406, Misdirected, Misdirected),
        (407, Misdirected, Misdirected),
        (408, ServerError, ServerError),
        (409, ServerError, ServerError),
        (410, Misdirected, ModelMissing),
        (411, Misdirected, Misdirected),
        (412, Misdirected, Misdirected),
        (413, Misdirected, CallerFault),
        (414, Misdirected, Misdirected),
        (415, Misdirected, CallerFault),
        (416, Misdirected, Misdirected),
        (417, Misdirected, Misdirected),
        (418, Misdirected, CallerFault),
        (421, Misdirected, Misdirected),
        (422, Misdirected, CallerFault),
        (423, Misdirected, CallerFault),
        (424, ServerError, ServerError),
        (425, ServerError, ServerError),
        (426, Misdirected, Misdirected),
        (428, Misdirected, Misdirected),
        (429, RateLimited, RateLimited),
        (431, Misdirected, Misdirected),
        (444, Misdirected, Misdirected),
        (451, Misdirected, CallerFault),
        (497, Misdirected, CallerFault),
        (498, Overloaded, Overloaded),
        (499, ServerError, ServerError),
        (500, ServerError, ServerError),
        (501, ServerError, ServerError),
        (502, ServerError, ServerError),
        (503, Overloaded, Overloaded),
        (504, ServerError, ServerError),
        (520, ServerError, ServerError),
        (529, Overloaded, Overloaded),
    ];
    let strangers = [
        "",
        "Bad Request",
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
        "<?xml version=\"1.0\"?><Error><Code>BadRequest</Code></Error>",
        "null",
        "{}",
        "[]",
        "\"no\"",
        r#"{"error":null}"#,
        r#"{"error":{},"message":""}"#,
        r#"{"status":"bad","took":3}"#,
        "[[[[",
    ];
    let own = [
        r#"{"error":{"message":"no","type":"x","param":null,"code":null}}"#,
        r#"{"error":"no"}"#,
        r#"{"detail":"no"}"#,
        r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]}"#,
        r#"{"detail":[{"loc":["body","messages"]}]}"#,
        r#"{"message":"no"}"#,
        r#"{"msg":"no"}"#,
        r#"{"errors":[{"message":"no"}]}"#,
        r#"{"type":"about:blank","title":"no","status":400}"#,
        r#"[{"error":{"code":400,"message":"no"}}]"#,
        r#"{"object":"error","message":{"detail":[{"loc":["body"]}]}}"#,
        r#"{"type":"error","error":{"type":"x","message":"no"}}"#,
        "data: {\"error\":{\"message\":\"no\"}}\n\n",
    ];
    for (status, stranger, api) in classes {
        for body in strangers {
            let failure = told(status, &[], body);
            assert_eq!((failure.class, failure.status), (stranger, Some(status)), "{status} {body}");
            assert!(!failure.message.is_empty());
        }
        for body in own {
            assert_eq!(told(status, &[], body).class, api, "{status} {body}");
        }
    }
    assert_eq!(
        told(302, &[], "").message,
        "The upstream answered a redirect (302); redirects are not followed."
    );
}

/// A refusal that quotes the whole request is longer than what is read of it.
#[test]
fn s1_8_an_apis_error_that_is_cut_off_is_still_its_own() {
    let prompt = "word ".repeat(20_000);
    for (body, message) in [
        (
            format!(
                r#"{{"detail":[{{"type":"missing","loc":["body"],"msg":"Field required","input":{{"x":"{prompt}"#
            ),
            "Field required",
        ),
        (format!(r#"{{"error":{{"message":"Bad \"n\".","got":"{prompt}"#), "Bad \"n\"."),
        (format!(r#"{{"got":"{prompt}"#), "The upstream answered 422 without saying why."),
    ] {
        let failure = told(422, &[], &body);
        assert_eq!((failure.class, &*failure.message), (CallerFault, message));
    }
}

#[test]
fn s2_9_a_refusal_of_the_usage_option_may_stand_anywhere() {
    let anywhere = [
        r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","param":null}}"#,
        r#"{"error":{"message":"Unrecognized request argument supplied.","param":"stream_options"}}"#,
        r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
        r#"{"object":"error","message":{"detail":[{"loc":["body","stream_options"]}]}}"#,
        r#"{"message":"body.stream_options.include_usage: unknown"}"#,
        "Failed to deserialize the JSON body into the target type: unknown field `stream_options` at line 1",
    ];
    for body in anywhere {
        for (status, refuses) in
            [(400, true), (422, true), (401, false), (404, false), (429, false), (500, false)]
        {
            assert_eq!(told(status, &[], body).refuses_addition, refuses, "{status} {body}");
        }
    }
    for body in ["", r#"{"error":{"message":"Invalid value for 'temperature'."}}"#] {
        assert!(!told(400, &[], body).refuses_addition, "{body}");
    }
    // What is another matter by its code stays one, whatever it quotes.
    let quoted = r#"{"error":{"message":"'stream_options' was flagged","code":"content_filter"}}"#;
    assert!(!told(400, &[], quoted).refuses_addition);
    let row = Vendor::OpenAICompatible.row();
    let in_a_200 = br#"{"error":{"type":"invalid_request_error","param":"stream_options"}}"#;
    assert!(inside(row, in_a_200, NOW).unwrap().refuses_addition);
}

#[test]
fn s1_1_a_400_that_says_whose_matter_it_is_is_not_the_callers() {
    let told =
        |message: &str| told(400, &[], &serde_json::json!({"error": {"message": message}}).to_string());
    for message in [
        "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed deepseek-chat.",
        "The requested model is not supported.",
        "Model is not supported for this request.",
        "Model Not Exist",
    ] {
        assert_eq!(told(message).class, ModelMissing, "{message}");
        let quoted = format!("Tool '{message}' is not declared");
        assert_eq!(told(&quoted).class, CallerFault, "{quoted}");
    }
    for message in ["The engine is currently overloaded, please try again later", "The model is overloaded."]
    {
        assert_eq!(told(message).class, Overloaded, "{message}");
        let quoted = format!("Invalid value: '{message}'");
        assert_eq!(told(&quoted).class, CallerFault, "{quoted}");
    }
    let code = r#"{"error":{"message":"x","type":"invalid_request_error","param":"model","code":"model_not_supported"}}"#;
    assert_eq!(super::tests::told(400, &[], code).class, ModelMissing);
}

#[test]
fn s10_3_a_url_that_the_caller_wrote_stays() {
    let body = r#"{"error":{"message":"Error while downloading https://cats.example/a.png?x=1&y=2. Ask https://vendor.example/help or (https://cats.example/a.png?x=1&y=2)"}}"#;
    let wrote = |url: &str| url.starts_with("https://cats.example/a.png?x=1&y=2");
    let row = Vendor::OpenAICompatible.row();
    let failure = failure(row, 400, &HeaderMap::new(), body.as_bytes(), NOW, &wrote);
    let shown = "https://cats.example/a.png?x=1&y=2";
    assert_eq!(failure.message, format!("Error while downloading {shown}. Ask [url] or ({shown})"));
    let nobody = told(400, &[], body);
    assert_eq!(nobody.message, "Error while downloading [url]. Ask [url] or ([url])");
}

#[test]
fn s1_1_inside_a_200_the_status_that_the_error_states_counts() {
    let cases = [
        (r#"{"error":{"message":"x","code":429}}"#, RateLimited, 429),
        (r#"{"error":{"message":"x","code":400,"metadata":{}}}"#, CallerFault, 400),
        (
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"tool_use_failed","status_code":400}}"#,
            CallerFault,
            400,
        ),
        (r#"{"error":{"message":"x","type":"invalid_request_error"}}"#, CallerFault, 200),
        (r#"{"error":{"message":"x","type":"server_error"}}"#, ServerError, 200),
        (r#"{"error":{"message":"Model Not Exist"}}"#, ModelMissing, 200),
        (r#"{"object":"error","message":"x","code":503}"#, Overloaded, 503),
        (r#"{"code":"invalid-argument","error":"Incorrect API key provided"}"#, Credential, 200),
    ];
    for (body, class, status) in cases {
        let failure = inside(Vendor::OpenAICompatible.row(), body.as_bytes(), NOW).unwrap();
        assert_eq!((failure.class, failure.status), (class, Some(status)), "{body}");
    }
    for body in [r#"{"error":null}"#, r#"{"message":"hi"}"#, r#"{"choices":[]}"#, "text", "[]", ""] {
        assert_eq!(inside(Vendor::OpenAICompatible.row(), body.as_bytes(), NOW), None, "{body}");
    }
}

#[test]
fn s1_1_words_that_a_caller_may_have_written_do_not_blame_the_account() {
    for quoted in [
        "Invalid API key",
        "incorrect api key provided",
        "Insufficient balance",
        "your credit balance is too low",
        "Model Not Exist",
        "x is not a valid model ID",
        "insufficient_quota",
        "authentication_error",
    ] {
        let body = serde_json::json!({"error": {"message": format!("Tool '{quoted}' is not declared"), "param": quoted}});
        assert_eq!(told(400, &[], &body.to_string()).class, CallerFault, "{quoted}");
    }
}

#[test]
fn s1_1_a_row_without_a_code_takes_the_status() {
    let body = br#"{"error":{"code":"insufficient_quota","message":"x"}}"#;
    let class = |vendor: Vendor| failure(vendor.row(), 429, &HeaderMap::new(), body, NOW, &|_| false).class;
    assert_eq!((class(Vendor::OpenAI), class(Vendor::Mock)), (Billing, RateLimited));
}

#[test]
fn s1_9_the_wait_is_the_vendors_most_exact_word() {
    let cases: &[(Headers<'_>, &str, Option<f64>)] = &[
        (&[("retry-after-ms", "1500")], "", Some(1.5)),
        (&[("retry-after", "7")], "", Some(7.0)),
        (&[("retry-after", "7.25")], "", Some(7.25)),
        (&[("retry-after", "Thu, 28 May 2026 20:27:10 GMT")], "", Some(30.0)),
        (&[("retry-after", "Thursday, 28-May-26 20:27:10 GMT")], "", Some(30.0)),
        (&[("retry-after", "Thu May 28 20:27:10 2026")], "", Some(30.0)),
        (&[("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT")], "", Some(1.0)),
        (&[("retry-after", "Sun Nov  6 08:49:37 1994")], "", Some(1.0)),
        (&[("retry-after", "Thu, 28 May 2020 20:27:10 GMT")], "", Some(1.0)),
        (&[("retry-after", "1"), ("retry-after-ms", "0")], "", Some(1.0)), // Azure
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

#[test]
fn s10_3_only_identifiers_are_passed_on_as_codes() {
    let body = r#"{"error":{"message":"see https://internal:8443/x","type":"a b","code":"sk-abcdef123456","param":"messages[0].content"}}"#;
    let failure = told(400, &[], body);
    assert_eq!((failure.kind, failure.code), (None, None));
    assert_eq!(failure.param.as_deref(), Some("messages[0].content"));
    assert_eq!(failure.message, "see [url]");
}

proptest! {
    #[test]
    fn any_answer_has_a_class(status in 100..1000u16, body in prop::collection::vec(any::<u8>(), 0..200), retry in "[ -~]{0,20}") {
        let headers = [("retry-after", &retry), ("retry-after-ms", &retry), ("x-ratelimit-reset-x", &retry)];
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let failure = failure(Vendor::OpenAI.row(), status, &headers, &body, NOW, &|_| false);
        prop_assert!(failure.retry_after.is_none_or(|wait| wait >= Duration::from_secs(1) && wait <= Duration::from_secs(86_400)));
        prop_assert!(!failure.message.is_empty() && failure.message.chars().count() <= 2_000);
    }
}
