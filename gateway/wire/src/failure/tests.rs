use super::*;
use FailureClass::*;
use proptest::prelude::*;
use std::time::Duration;
use weir_config::Vendor;

mod odd;
mod speaker;
mod waits;

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
