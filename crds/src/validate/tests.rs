//! The messages and the edges; which objects are valid is the corpus in `crds/tests`.

use super::*;
use crate::API_VERSION;
use serde_json::json;

fn object(kind: Kind, spec: Value) -> Value {
    json!({ "apiVersion": API_VERSION, "kind": kind.name(), "metadata": { "name": "a" }, "spec": spec })
}

fn provider(more: &Value) -> Value {
    let mut object = object(Kind::Provider, json!({ "vendor": "OpenAI", "credentials": { "none": {} } }));
    object["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

fn says(kind: Kind, object: &Value) -> Vec<(String, String)> {
    verdict(kind, object, None).into_iter().map(|violation| (violation.pointer, violation.message)).collect()
}

fn says_one(kind: Kind, object: &Value) -> (String, String) {
    let mut all = says(kind, object);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn an_unknown_field_is_named_with_its_nearest_neighbour() {
    let (pointer, message) = says_one(Kind::Provider, &provider(&json!({ "modles": [] })));
    assert_eq!(pointer, "/spec/modles");
    assert_eq!(message, r#"unknown field "spec.modles": did you mean "models"?"#);
    let (pointer, message) =
        says_one(Kind::Provider, &provider(&json!({ "models": [{ "name": "a", "cost": 1 }] })));
    assert_eq!(pointer, "/spec/models/0/cost");
    assert_eq!(
        message,
        r#"unknown field "spec.models[0].cost": here may stand contextWindow, maxOutputTokens, name, prices, upstreamName"#
    );
}

#[test]
fn a_refused_value_comes_with_what_is_allowed() {
    let message = |more| says_one(Kind::Provider, &provider(&more)).1;
    assert_eq!(
        message(json!({ "onAbort": "stops" })),
        r#"Unsupported value: "stops": supported values: "Unknown", "Stops", "Continues": did you mean "Stops"?"#
    );
    assert_eq!(
        message(json!({ "timeouts": { "total": 30 } })),
        r#"must be of type string: "integer": it must be a duration: whole numbers with the units h, m, s or ms, such as 30s, 1m30s or 500ms"#
    );
    assert_eq!(
        message(json!({ "models": [{}] })),
        "Required value: name is missing, for example name: gpt-4o"
    );
}

#[test]
fn every_pattern_is_put_into_words() {
    fn patterns(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(keywords) => {
                found.extend(keywords.get("pattern").and_then(Value::as_str).map(str::to_owned));
                keywords.values().for_each(|value| patterns(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| patterns(value, found)),
            _ => {}
        }
    }
    let mut used = Vec::new();
    Kind::ALL.into_iter().for_each(|kind| patterns(&Checker::of(kind).schema, &mut used));
    for pattern in &used {
        assert!(message::PATTERNS.iter().any(|(known, _)| known == pattern), "{pattern}");
    }
    for (pattern, _) in message::PATTERNS {
        assert!(used.iter().any(|known| known == pattern), "{pattern} is used nowhere");
    }
}

#[test]
fn several_things_wrong_are_all_said() {
    let wrong = json!({ "suspend": 1, "onAbort": "Never", "models": [{ "name": "a b" }] });
    let pointers: Vec<String> =
        says(Kind::Provider, &provider(&wrong)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(pointers, ["/spec/models/0/name", "/spec/onAbort", "/spec/suspend"]);
}

#[test]
fn an_object_that_is_none_is_refused() {
    for kind in Kind::ALL {
        for not_an_object in [json!(null), json!([]), json!("a"), json!({}), json!({ "spec": null })] {
            assert_ne!(says(kind, &not_an_object), []);
        }
    }
}

#[test]
fn s8_15_a_whole_number_is_an_integer_however_it_is_written() {
    for written in ["60", "60.0", "6e1", "0.6E+2"] {
        let number: Value = serde_json::from_str(written).unwrap();
        let mut provider = provider(&json!({ "models": [{ "name": "a", "contextWindow": number }] }));
        assert_eq!(says(Kind::Provider, &provider), [], "{written}");
        apply_defaults(Kind::Provider, &mut provider);
        assert_eq!(provider["spec"]["models"][0]["contextWindow"].as_i64(), Some(60), "{written}");
        let mut gateway = object(
            Kind::Gateway,
            json!({ "replicas": number, "resources": { "limits": { "cpu": number } } }),
        );
        assert_eq!(says(Kind::Gateway, &gateway), [], "{written}");
        apply_defaults(Kind::Gateway, &mut gateway);
        assert_eq!(gateway["spec"]["replicas"].as_i64(), Some(60), "{written}");
        assert_eq!(gateway["spec"]["resources"]["limits"]["cpu"].as_i64(), Some(60), "{written}");
    }
}

#[test]
fn s8_15_what_is_no_integer_is_refused_at_its_field_with_the_way_to_write_it() {
    let window = |value: Value| {
        says_one(Kind::Provider, &provider(&json!({ "models": [{ "name": "a", "contextWindow": value }] })))
    };
    for (value, message) in [
        (json!(60.5), "must be of type integer: \"number\": write a whole number"),
        (json!("60"), "must be of type integer: \"string\": write it without quotes"),
        (json!("many"), "must be of type integer: \"string\""),
        (json!(1e300), "1e+300 should be less than or equal to 1000000000"),
        (json!(0.0), "0 should be greater than or equal to 1"),
    ] {
        assert_eq!(window(value), ("/spec/models/0/contextWindow".to_owned(), message.to_owned()));
    }
    let suspended = says_one(Kind::Provider, &provider(&json!({ "suspend": "true" })));
    assert_eq!(suspended.1, "must be of type boolean: \"string\": write it without quotes");
    let url = says_one(Kind::Provider, &provider(&json!({ "endpoint": { "url": 1 } })));
    assert_eq!(url.1, "must be of type string: \"integer\": put it in quotes");
}

#[test]
fn defaults_are_put_where_nothing_or_null_stands_and_nowhere_else() {
    let mut gateway =
        object(Kind::Gateway, json!({ "listener": { "drainTimeout": "1s", "disclosure": null } }));
    apply_defaults(Kind::Gateway, &mut gateway);
    assert_eq!(
        gateway["spec"],
        json!({
            "replicas": 2,
            "service": { "type": "ClusterIP", "port": 80 },
            "allowedNamespaces": { "keys": { "from": "Same" }, "routes": { "from": "Same" } },
            "listener": {
                "disclosure": "Names", "drainTimeout": "1s", "maxBodyBytes": "32Mi", "removalDelay": "10s"
            }
        })
    );
    let mut route = object(Kind::Route, json!({ "fallback": {}, "retry": null }));
    apply_defaults(Kind::Route, &mut route);
    assert_eq!(route["spec"], json!({ "gatewayRef": { "name": "default" }, "fallback": {} }));
}

#[test]
fn a_status_must_be_one_though_a_server_would_drop_it() {
    let mut route = object(
        Kind::Route,
        json!({ "model": "a", "targets": [{ "name": "a", "providerRef": { "name": "a" } }] }),
    );
    route["status"] = json!({ "readyTargets": "1/1", "target": [] });
    let (pointer, message) = says_one(Kind::Route, &route);
    assert_eq!(pointer, "/status/target");
    assert_eq!(message, r#"unknown field "status.target": did you mean "targets"?"#);
    let condition = json!({ "type": "Ready", "status": "Yes", "reason": "no reason", "message": "" });
    route["status"] = json!({ "conditions": [condition] });
    let pointers: Vec<String> = says(Kind::Route, &route).into_iter().map(|(at, _)| at).collect();
    assert_eq!(
        pointers,
        ["/status/conditions/0", "/status/conditions/0/reason", "/status/conditions/0/status"]
    );
}
