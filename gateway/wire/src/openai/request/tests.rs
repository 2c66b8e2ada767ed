use super::*;
use crate::{Account, Api, Asked, Position};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

fn read(body: &str) -> Result<Asked, BadRequest> {
    Asked::read(Api::Chat, Bytes::copy_from_slice(body.as_bytes()))
}

/// An account that passes the request through.
fn account(model: &str) -> Account<'_> {
    Account::new(Api::Chat, weir_config::Vendor::OpenAI.row(), model)
}

fn encode(body: &str, model: &str, ask_usage: bool) -> String {
    String::from_utf8(
        read(body).unwrap().encode(&account(model), Additions { usage: ask_usage }).unwrap().body.concat(),
    )
    .unwrap()
}

#[test]
fn s2_7_nothing_to_change_shares_the_callers_bytes() {
    let body = Bytes::from_static(br#"{"model":"gpt","messages":[]}"#);
    let request = Asked::read(Api::Chat, body.clone()).unwrap();
    let pieces = request.encode(&account("gpt"), Additions { usage: true }).unwrap().body;
    assert_eq!(pieces.len(), 1, "a unary request is never asked for usage");
    assert_eq!((pieces[0].as_ptr(), pieces[0].len()), (body.as_ptr(), body.len()));
}

#[test]
fn s2_7_what_the_caller_wrote_is_shared_not_copied() {
    for body in [
        r#"{"messages":[],"model":"gpt","stream":true,"user":"u"}"#,
        r#"{"stream_options":{"x":1},"messages":[],"model":"gpt","stream":true}"#,
    ] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let request = Asked::read(Api::Chat, body.clone()).unwrap();
        let pieces = request.encode(&account("upstream"), Additions { usage: true }).unwrap().body;
        assert_eq!(pieces.len(), 5, "{pieces:?}");
        let within = |piece: &Bytes| body.as_ptr_range().contains(&piece.as_ptr());
        let own: usize = pieces.iter().filter(|piece| within(piece)).map(Bytes::len).sum();
        assert_eq!(own, body.len() - "gpt".len(), "{pieces:?}");
    }
}

#[test]
fn s2_7_odd_numbers_and_half_surrogates_are_the_vendors_to_judge() {
    for odd in [
        r#""\ud83d""#,
        r#""\ude00 \ud83d\ud83d""#,
        r#"{"\udc00":["\uD83Dx"]}"#,
        "1e400",
        "-1E+999",
        "1e-999",
        &"9".repeat(400),
    ] {
        let body = format!(r#"{{"model":"a","messages":[{odd}],"stream":true}}"#);
        assert_eq!(encode(&body, "b", false), body.replacen("\"a\"", "\"b\"", 1));
    }
    let bad = read(r#"{"model":"\ud83d"}"#).unwrap_err();
    assert_eq!(bad.param, Some("model"), "no upstream has a model of such a name");
    assert!(read(r#"{"model":"a","x":"\ud83"}"#).is_err(), "no escape at all");
}

#[test]
fn s2_7_a_byte_order_mark_is_passed_over_and_not_sent() {
    let body = "\u{feff}{\"model\":\"a\",\"x\":\"\u{feff}\"}";
    assert_eq!(encode(body, "b", false), "{\"model\":\"b\",\"x\":\"\u{feff}\"}");
    assert_eq!(encode(body, "a", false), body[3..]);
    for (bad, column) in [("\u{feff}", 1), ("\u{feff}\u{feff}{}", 1), ("\u{feff}{\"model\":x}", 10)] {
        let position = read(bad).unwrap_err().position;
        assert_eq!(position, Some(Position { line: 1, column }), "{bad:?}");
    }
}

#[test]
fn s2_7_only_the_model_is_replaced() {
    let body = "{ \"big\": 12345678901234567890.10, \"model\" : \"a\",\n \"é\": \"\\u00e9\", \"x\":{\"model\":\"b\"} }";
    let expected = body.replacen("\"a\"", "\"vendor/\\\"m\\\"\"", 1);
    assert_eq!(encode(body, "vendor/\"m\"", true), expected);
}

#[test]
fn s2_6_usage_is_asked_for_in_whatever_stream_options_there_are() {
    let cases = [
        (
            r#"{"model":"a","stream":true}"#,
            r#"{"model":"b","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream_options":null,"model":"a","stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"model":"b","stream":true}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{ }}"#,
            r#"{"model":"b","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"include_obfuscation":false}}"#,
            r#"{"model":"b","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"x":1,"include_usage":false}}"#,
            r#"{"model":"b","stream":true,"stream_options":{"x":1,"include_usage":true}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"include_usage":null}}"#,
            r#"{"model":"b","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"b","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"model":"a","stream":false}"#, r#"{"model":"b","stream":false}"#),
    ];
    for (body, expected) in cases {
        assert_eq!(encode(body, "b", true), expected);
        assert_eq!(encode(body, "b", false), body.replacen("\"a\"", "\"b\"", 1), "not asked, not touched");
    }
}

#[test]
fn s2_13_the_number_of_choices_is_read_and_is_the_vendors_to_judge() {
    for (n, choices) in [
        ("2", 2),
        ("128", 128),
        ("0", 1),
        ("-1", 1),
        ("null", 1),
        ("\"2\"", 1),
        ("1.5", 1),
        ("2.0", 2),
        ("2e0", 2),
        ("1e9", 1_000_000_000),
        ("1e10", 1),
        ("[3]", 1),
    ] {
        let request = read(&format!(r#"{{"model":"m","n":{n}}}"#)).unwrap();
        assert_eq!(request.facts().choices, choices, "{n}");
    }
    assert_eq!(read(r#"{"model":"m","x":{"n":3}}"#).unwrap().facts().choices, 1);
}

#[test]
fn a_bad_body_is_explained_to_its_developer() {
    let long = "m".repeat(257);
    let cases = [
        (r#"{"messages":[]}"#, "`model` is missing.", Some("model")),
        (r#"{"model":7}"#, "`model` must be a string, not a number.", Some("model")),
        (r#"{"model":null}"#, "`model` must be a string, not null.", Some("model")),
        (r#"{"model":""}"#, "`model` is empty.", Some("model")),
        (&format!(r#"{{"model":"{long}"}}"#), "`model` has 257 bytes; it may have 256.", Some("model")),
        (r#"{"model":"a","model":"b"}"#, "`model` is given twice.", Some("model")),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "`model` is given twice.", Some("model")),
        (r#"{"model":"a","stream":"true"}"#, "`stream` must be a boolean, not a string.", Some("stream")),
        (
            r#"{"model":"a","stream_options":[]}"#,
            "`stream_options` must be an object, not an array.",
            Some("stream_options"),
        ),
        (
            r#"{"model":"a","stream_options":{"include_usage":1}}"#,
            "`stream_options.include_usage` must be a boolean, not a number.",
            Some("stream_options.include_usage"),
        ),
        (
            "{\n  \"model\": \"a\"\n  \"stream\": true\n}",
            "The body is not valid JSON at line 3, column 3: expected `,` or `}`.",
            None,
        ),
        ("", "The body is not valid JSON at line 1, column 1: it must be an object.", None),
        ("[]", "The body is not valid JSON at line 1, column 1: it must be an object.", None),
    ];
    for (body, message, param) in cases {
        let bad = read(body).unwrap_err();
        assert_eq!((bad.message.as_str(), bad.param), (message, param), "{body}");
    }
    let bad = Asked::read(Api::Chat, Bytes::from_static(b"{\"model\":\"\xff\"}")).unwrap_err();
    assert_eq!(bad.message, "The body is not valid JSON at line 1, column 11: it is not UTF-8.");
    assert_eq!(bad.position, Some(Position { line: 1, column: 11 }));
}

/// Go's `encoding/json` takes `Model` for `model`, and the last of both: whoever reads such a body there reads another
/// model than was admitted here.
#[test]
fn a_key_that_some_servers_read_as_another_is_refused() {
    for (key, value, is) in [
        ("Model", "\"b\"", "model"),
        ("MODEL", "\"b\"", "model"),
        ("\\u004dodel", "\"b\"", "model"),
        ("Stream", "true", "stream"),
        ("\u{17f}tream", "true", "stream"),
        ("\\u017ftream", "true", "stream"),
        ("Stream_Options", "{}", "stream_options"),
        ("N", "5", "n"),
    ] {
        for body in [
            format!(r#"{{"model":"a","{key}":{value}}}"#),
            format!(r#"{{"{key}":{value},"model":"a"}}"#),
            format!(r#"{{"messages":[],"{key}":{value}}}"#),
        ] {
            let bad = read(&body).expect_err(&body);
            let written: String = serde_json::from_str(&format!("\"{key}\"")).unwrap();
            let message =
                format!("`{written}` must be written `{is}`: some servers read both as the same field.");
            assert_eq!((bad.message, bad.param, bad.position), (message, Some(is), None), "{body}");
        }
    }
    let bad = read(r#"{"model":"a","stream":true,"stream_options":{"Include_Usage":false}}"#).unwrap_err();
    assert_eq!(bad.param, Some("stream_options.include_usage"));
    assert!(bad.message.starts_with("`Include_Usage` must be written"), "{}", bad.message);
    for fine in [
        r#"{"model":"a","models":["b"],"mode":"c","m\u00f6del":"d"}"#,
        r#"{"model":"a","metadata":{"Model":"b","N":1},"stream_options":{"x":{"Include_Usage":1}}}"#,
        r#"{"model":"a","\ud83dtream":1,"top_p":1,"s":1,"":1}"#,
    ] {
        assert_eq!(read(fine).unwrap().facts().model, "a", "{fine}");
    }
}

#[test]
fn what_is_read_is_what_json_says() {
    let request =
        read(r#"{"mod\u0065l":"caf\u00e9","stream":true,"stream_options":{"include_usage":true}}"#).unwrap();
    let expected = Facts {
        model: "café".to_owned(),
        stream: true,
        choices: 1,
        includes_usage: true,
        brings_stream_options: true,
        text_bytes: 80,
        length: 80,
    };
    assert_eq!(request.facts(), &expected);
    let request = read(r#"{"model":"a","stream":null,"stream_options":null}"#).unwrap();
    assert_eq!((request.facts().stream, request.facts().includes_usage), (false, false));
}

fn field() -> impl Strategy<Value = (String, Value)> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!({"model": "x", "stream": 1, "nested": [{"stream_options": null}]})),
    ];
    ("[a-zé\"\\\\]{1,8}", value)
}

fn options() -> impl Strategy<Value = Option<Value>> {
    let include = select(vec![None, Some(json!(true)), Some(json!(false)), Some(json!(null))]);
    let object = (include, prop::collection::vec(field(), 0..3)).prop_map(|(include, fields)| {
        let mut object: Map<String, Value> = fields.into_iter().collect();
        object.extend(include.map(|include| ("include_usage".to_owned(), include)));
        Some(Value::Object(object))
    });
    prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 4 => object]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn s2_7_unknown_fields_survive(
        fields in prop::collection::vec(field(), 0..6),
        (model, upstream) in ("\\PC{1,20}", "\\PC{1,20}"),
        stream in select(vec![None, Some(json!(true)), Some(json!(false)), Some(json!(null))]),
        options in options(),
        (ask, pretty) in any::<(bool, bool)>(),
    ) {
        let mut body: Map<String, Value> = fields.into_iter().collect();
        body.insert("model".to_owned(), json!(model));
        body.extend(stream.map(|stream| ("stream".to_owned(), stream)));
        body.extend(options.map(|options| ("stream_options".to_owned(), options)));
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();

        let request = read(&text).unwrap();
        prop_assert_eq!(&request.facts().model, &model);
        let encoded: Value = serde_json::from_slice(&request.encode(&account(&upstream), Additions { usage: ask }).unwrap().body.concat()).unwrap();

        body.insert("model".to_owned(), json!(upstream));
        if ask && body.get("stream") == Some(&json!(true)) {
            let options = body.entry("stream_options").or_insert(Value::Null);
            options["include_usage"] = json!(true);
        }
        prop_assert_eq!(encoded, Value::Object(body));
    }
}
