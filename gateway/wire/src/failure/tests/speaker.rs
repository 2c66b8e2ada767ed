//! Who said it: the API, or something in front of it; in its own words, or in a caller's that it quotes.

use super::*;

/// Each status with the class that it has without an error of the API's own, and with one.
#[test]
fn s1_8_a_4xx_that_the_api_did_not_say_is_laid_on_no_caller() {
    let classes = [
        (301, Misdirected, Misdirected),
        (302, Misdirected, Misdirected),
        (304, Garbled, Garbled),
        (307, Misdirected, Misdirected),
        (308, Misdirected, Misdirected),
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
            let failure = told(status, &[], body);
            assert_eq!(failure.refuses_addition, refuses, "{status} {body}");
            assert_eq!(failure.names_addition, refuses, "{status} {body}");
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
    let failure = inside(row, in_a_200, NOW).unwrap();
    assert!(failure.refuses_addition && failure.names_addition);
}

/// What a vendor quotes is reason enough for one repeat, but teaches nothing.
#[test]
fn s2_9_a_quotation_of_the_usage_option_is_not_the_vendors_word() {
    for body in [
        r#"{"error":{"message":"Invalid value: 'stream_options'.","param":"tool_choice"}}"#,
        r#"{"error":{"message":"no","input":{"stream_options":{"include_usage":true}}}}"#,
        r#"{"detail":[{"loc":["body","messages"],"msg":"Field required","input":{"stream_options":{}}}]}"#,
        r#"{"error":{"message":"Unknown parameter.","param":"tools[0].stream_options"}}"#,
        r#"{"error":{"message":"failed","failed_generation":"unknown field stream_options"}}"#,
    ] {
        let failure = told(400, &[], body);
        assert_eq!((failure.refuses_addition, failure.names_addition), (true, false), "{body}");
    }
}

/// What a model says, and with it such a refusal, is another with each try: that a repeat passes proves nothing.
#[test]
fn s2_9_a_refusal_of_what_a_model_said_is_none_of_the_usage_option() {
    for code in ["tool_use_failed", "json_validate_failed", "string_above_max_length"] {
        let body = serde_json::json!({"error": {
            "message": "Unknown parameter: stream_options", "param": "stream_options", "code": code,
            "type": "invalid_request_error", "failed_generation": "{\"stream_options\":1}",
        }});
        let failure = told(400, &[], &body.to_string());
        assert_eq!((failure.class, failure.refuses_addition), (CallerFault, false), "{code}");
        assert!(!failure.names_addition, "{code}");
    }
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
    assert_eq!(super::told(400, &[], code).class, ModelMissing);
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
fn the_place_of_a_fault_is_its_param() {
    for (loc, param) in [
        (r#"["body","messages",0,"content"]"#, Some("messages.0.content")),
        (r#"["body"]"#, None),
        (r#"["body","a b"]"#, None),
        ("[]", None),
    ] {
        let body = format!(r#"{{"detail":[{{"type":"missing","loc":{loc},"msg":"Field required"}}]}}"#);
        let failure = told(422, &[], &body);
        assert_eq!((failure.param.as_deref(), &*failure.message), (param, "Field required"), "{loc}");
    }
}
