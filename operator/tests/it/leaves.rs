//! A field that nothing reads is not in the schema: every leaf of every CRD is changed in turn, and a snapshot, a
//! gateway's child or a finding must change with it.

use crate::load;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weir_compile::{Finding, Output, Severity, compile};
use weir_crds::validate::verdict;
use weir_crds::{Kind, crds};
use weir_operator::children::{Children, Settings, build};

/// A leaf of a schema: where, `*` standing for every item of a list, and what it takes.
struct Leaf {
    path: Vec<String>,
    schema: Value,
}

fn leaves_of(schema: &Value, path: &[String], found: &mut Vec<Leaf>) {
    let below = |step: &str| [path, &[step.to_owned()]].concat();
    if let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
        properties.iter().for_each(|(name, schema)| leaves_of(schema, &below(name), found));
    } else if let Some(items) = schema.get("items") {
        leaves_of(items, &below("*"), found);
    } else {
        found.push(Leaf { path: path.to_vec(), schema: schema.clone() });
    }
}

/// Every leaf of `spec`; `status` is written by the operator and read by nobody here.
fn leaves(kind: Kind) -> Vec<Leaf> {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind.name()).unwrap();
    let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
    let mut found = Vec::new();
    leaves_of(&schema["openAPIV3Schema"]["properties"]["spec"], &["spec".to_owned()], &mut found);
    found
}

/// Pointers to what is at `path` in `object`.
fn places(object: &Value, path: &[String]) -> Vec<String> {
    let Some((step, rest)) = path.split_first() else { return vec![String::new()] };
    let steps: Vec<(String, &Value)> = match object {
        Value::Array(items) if step == "*" => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => object.get(step).map(|value| (step.clone(), value)).into_iter().collect(),
    };
    let below = |(step, value): (String, &Value)| {
        places(value, rest).into_iter().map(move |tail| format!("/{step}{tail}")).collect::<Vec<_>>()
    };
    steps.into_iter().flat_map(below).collect()
}

/// Other values that the leaf might take; null takes it away.
fn others(schema: &Value, now: &Value) -> Vec<Value> {
    const TEXTS: [&str; 9] = [
        "other",
        "7s",
        "1.75",
        "48Mi",
        "2030-01-01T00:00:00Z",
        "https://other.example/v1",
        "10.9.0.0/16",
        "9999999999999999999999999999999999999999999999999999999999999999",
        "oth*",
    ];
    let all = match (schema["enum"].as_array(), now) {
        (Some(values), _) => values.clone(),
        (None, Value::Bool(now)) => vec![json!(!now)],
        (None, Value::Number(now)) => [1, -1].map(|step| json!(now.as_i64().unwrap() + step)).into(),
        (None, Value::String(_)) => TEXTS.map(Value::from).into(),
        // Of Kubernetes' own form.
        (None, Value::Object(_)) if schema["x-kubernetes-preserve-unknown-fields"] == true => vec![json!({})],
        // Labels.
        (None, Value::Object(_)) if schema.get("additionalProperties").is_some() => {
            vec![json!({"other": "label"})]
        }
        (None, _) => vec![Value::Null],
    };
    all.into_iter().filter(|other| other != now).collect()
}

fn set(object: &Value, pointer: &str, value: Value) -> Value {
    let mut object = object.clone();
    if value.is_null() {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
    } else {
        *object.pointer_mut(pointer).unwrap() = value;
    }
    object
}

/// Whether the schema takes what is at `pointer`; that the leaf contradicts another one is for compile to say.
fn takes(kind: Kind, object: &Value, pointer: &str) -> bool {
    !verdict(kind, object, None).iter().any(|violation| violation.pointer == pointer)
}

fn world() -> Vec<Value> {
    load::documents("leaves.yaml", include_str!("leaves.yaml"))
}

/// Everything that is made of a world.
#[derive(PartialEq)]
struct Outcome {
    compiled: Output,
    children: Vec<Result<Children, Vec<Finding>>>,
}

fn outcome(world: &[Value]) -> Outcome {
    let input = load::input(world);
    let settings = Settings { image: "weir-gateway:1".to_owned() };
    let children = input.gateways.iter().map(|gateway| build(gateway, &settings)).collect();
    Outcome { compiled: compile(&input), children }
}

#[test]
fn the_world_is_valid_and_nothing_in_it_is_amiss() {
    for object in world() {
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| object["kind"] == kind.name()) {
            assert_eq!(verdict(kind, &object, None), [], "{}", object["metadata"]["name"]);
        }
    }
    let outcome = outcome(&world());
    assert!(outcome.children.iter().all(Result::is_ok));
    let worse: Vec<String> = outcome
        .compiled
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Info)
        .map(ToString::to_string)
        .collect();
    assert!(worse.is_empty(), "{worse:?}");
}

#[test]
fn every_leaf_of_every_kind_changes_a_snapshot_a_child_or_a_finding() {
    let world = world();
    let before = outcome(&world);
    let mut unread = BTreeSet::new();
    let mut count = 0;
    for kind in Kind::ALL {
        for leaf in leaves(kind) {
            count += 1;
            let name = format!("{kind} {}", leaf.path.join("."));
            let mut tried = 0;
            let read = changes(&world, kind, &leaf).into_iter().any(|changed| {
                tried += 1;
                outcome(&changed) != before
            });
            assert!(tried > 0, "leaves.yaml lacks {name}, or knows no other value for it");
            if !read {
                unread.insert(name);
            }
        }
    }
    assert!(count >= 80, "only {count} leaves were found");
    assert!(unread.is_empty(), "nothing reads {unread:?}");
}

/// The world with the leaf changed: once for each place that has it and each other value that the schema takes.
fn changes(world: &[Value], kind: Kind, leaf: &Leaf) -> Vec<Vec<Value>> {
    let mut changes = Vec::new();
    for (index, object) in world.iter().enumerate().filter(|(_, object)| object["kind"] == kind.name()) {
        for place in places(object, &leaf.path) {
            for other in others(&leaf.schema, object.pointer(&place).unwrap()) {
                let changed = set(object, &place, other);
                if takes(kind, &changed, &place) {
                    let mut world = world.to_vec();
                    world[index] = changed;
                    changes.push(world);
                }
            }
        }
    }
    changes
}
