//! What is valid and what is not: `tests/<kind>_{valid,invalid}.yaml`, many documents each. A document may open
//! with `_err`, which a message must hold, and with `_old`, the spec before the change.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its corpus has failed"
)]

use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weir_crds::validate::{Violation, apply_defaults, verdict};
use weir_crds::{API_VERSION, Kind, LLMGateway, LLMKey, LLMProvider, LLMRoute};

struct Case {
    expected: Option<String>,
    old: Option<Value>,
    object: Value,
}

fn cases(kind: Kind, which: &str) -> Vec<Case> {
    let path = format!("{}/tests/{}_{which}.yaml", env!("CARGO_MANIFEST_DIR"), kind.name().to_lowercase());
    let text = std::fs::read_to_string(&path).unwrap();
    let read = |document| {
        let mut object = Value::deserialize(document).unwrap();
        let fields = object.as_object_mut().unwrap();
        let expected = fields.remove("_err").map(|text| text.as_str().unwrap().to_owned());
        let old_spec = fields.remove("_old");
        assert_eq!(
            (object["apiVersion"].as_str(), object["kind"].as_str()),
            (Some(API_VERSION), Some(kind.name()))
        );
        let old = old_spec.map(|spec| {
            let mut old = object.clone();
            old["spec"] = spec;
            old
        });
        Case { expected, old, object }
    };
    serde_yaml::Deserializer::from_str(&text).map(read).collect()
}

fn check(kind: Kind, case: &Case) -> Vec<Violation> {
    verdict(kind, &case.object, case.old.as_ref())
}

#[test]
fn a_valid_object_is_taken() {
    for kind in Kind::ALL {
        for case in cases(kind, "valid") {
            assert_eq!(check(kind, &case), [], "{}", case.object);
            assert_eq!(case.expected, None);
        }
    }
}

#[test]
fn an_invalid_object_is_refused_for_the_reason_given() {
    let mut wrong = Vec::new();
    for kind in Kind::ALL {
        for case in cases(kind, "invalid") {
            let expected = case.expected.as_ref().expect("an invalid document opens with _err");
            let violations = check(kind, &case);
            if !violations.iter().any(|violation| violation.message.contains(expected.as_str())) {
                wrong.push(format!("{expected:?} is not in {violations:#?} for {}", case.object));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pointer_points_into_the_object() {
    for kind in Kind::ALL {
        for case in cases(kind, "invalid") {
            for Violation { pointer, message } in check(kind, &case) {
                let known = case.object.pointer(&pointer).is_some();
                assert!(
                    known || pointer == "/spec" && case.object.get("spec").is_none(),
                    "{pointer}: {message}"
                );
            }
        }
    }
}

/// Every `x-kubernetes-validations` message of `schema`.
fn rules(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(keywords) => {
            for rule in
                keywords.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten()
            {
                found.insert(rule["message"].as_str().expect("a rule has a message").to_owned());
            }
            keywords.values().for_each(|value| rules(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| rules(value, found)),
        _ => {}
    }
}

/// Of the spec: a server drops the status of what is written, so that none is refused for it.
#[test]
fn every_rule_refuses_something() {
    for kind in Kind::ALL {
        let mut missed = BTreeSet::new();
        let crd = serde_json::to_value(kind.crd()).unwrap();
        let object = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        rules(&object["properties"]["spec"], &mut missed);
        for case in cases(kind, "invalid") {
            for violation in check(kind, &case) {
                missed.remove(&violation.message);
            }
        }
        assert_eq!(missed, BTreeSet::new(), "{kind}");
    }
}

/// `object` read as its kind's type and written again.
fn through_type(kind: Kind, object: &Value) -> Value {
    fn through<T: serde::de::DeserializeOwned + serde::Serialize>(object: &Value) -> Value {
        serde_json::to_value(serde_json::from_value::<T>(object.clone()).unwrap()).unwrap()
    }
    match kind {
        Kind::Gateway => through::<LLMGateway>(object),
        Kind::Provider => through::<LLMProvider>(object),
        Kind::Route => through::<LLMRoute>(object),
        Kind::Key => through::<LLMKey>(object),
    }
}

/// Whether nothing in it is read only as an API server gives it back: no null and no float.
fn is_written_plainly(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Number(number) => !number.is_f64(),
        Value::Object(fields) => fields.values().all(is_written_plainly),
        Value::Array(items) => items.iter().all(is_written_plainly),
        Value::Bool(_) | Value::String(_) => true,
    }
}

#[test]
fn a_type_loses_no_field_and_has_the_schemas_defaults() {
    for kind in Kind::ALL {
        for case in cases(kind, "valid") {
            let mut defaulted = case.object.clone();
            apply_defaults(kind, &mut defaulted);
            assert_eq!(through_type(kind, &defaulted)["spec"], defaulted["spec"]);
            if is_written_plainly(&case.object) {
                assert_eq!(through_type(kind, &case.object)["spec"], defaulted["spec"], "defaults differ");
            }
        }
    }
}

/// The paths of `schema`'s properties, without what `object` sets.
fn unset(schema: &Value, objects: &[&Value], path: &str, missing: &mut Vec<String>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        let set: Vec<&Value> =
            objects.iter().filter_map(|object| object.get(name)).filter(|v| !v.is_null()).collect();
        if set.is_empty() {
            missing.push(path);
            continue;
        }
        match property.get("items") {
            Some(items) => {
                let items_set: Vec<&Value> =
                    set.iter().filter_map(|list| list.as_array()).flatten().collect();
                unset(items, &items_set, &path, missing);
            }
            None => unset(property, &set, &path, missing),
        }
    }
}

#[test]
fn every_property_is_set_by_some_valid_object() {
    for kind in Kind::ALL {
        let crd = serde_json::to_value(kind.crd()).unwrap();
        let cases = cases(kind, "valid");
        let objects: Vec<&Value> = cases.iter().map(|case| &case.object).collect();
        let mut missing = Vec::new();
        unset(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &objects, "", &mut missing);
        assert_eq!(missing, [""; 0], "{kind}");
    }
}

#[test]
fn an_unknown_field_survives_reading_so_that_a_newer_server_is_understood() {
    for kind in Kind::ALL {
        let mut object = cases(kind, "valid").remove(0).object;
        let expected = through_type(kind, &object);
        object["spec"]["fromTheFuture"] = json!({ "a": 1 });
        assert_eq!(through_type(kind, &object), expected);
    }
}

/// Pointers to everything in `value`, itself included.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            let step = |name: &str| name.replace('~', "~0").replace('/', "~1");
            fields.iter().for_each(|(name, field)| pointers(field, &format!("{at}/{}", step(name)), found))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// Every valid object with every part in turn replaced by something else.
fn mutants(kind: Kind) -> Vec<Value> {
    let strange = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(2.0),
        json!(2.5),
        json!(1e300),
        json!(""),
        json!("Ж"),
        json!("a"),
        json!("1s"),
        json!([]),
        json!([null]),
        json!(["a", "a"]),
        json!({}),
        json!({ "a": 1 }),
        json!({ "name": "a" }),
    ];
    let mut mutants = Vec::new();
    for Case { object, .. } in cases(kind, "valid") {
        let mut places = Vec::new();
        pointers(&object, "", &mut places);
        for place in places {
            for value in &strange {
                let mut mutant = object.clone();
                *mutant.pointer_mut(&place).unwrap() = value.clone();
                mutants.push(mutant);
            }
        }
    }
    mutants
}

#[test]
fn whatever_is_taken_can_be_read_and_whatever_is_refused_can_be_found() {
    for kind in Kind::ALL {
        let (mut taken, mut refused) = (0, 0);
        for mutant in mutants(kind) {
            let violations = verdict(kind, &mutant, None);
            if violations.is_empty() {
                taken += 1;
                let mut defaulted = mutant;
                apply_defaults(kind, &mut defaulted);
                let again = through_type(kind, &defaulted);
                assert_eq!(verdict(kind, &again, None), [], "{again}");
            } else {
                refused += 1;
                for Violation { pointer, message } in violations {
                    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                    assert!(
                        mutant.pointer(&pointer).or(mutant.pointer(parent)).is_some(),
                        "{pointer}: {message}"
                    );
                }
            }
        }
        assert!(taken > 20 && refused > 200, "{kind}: {taken} {refused}");
    }
}
