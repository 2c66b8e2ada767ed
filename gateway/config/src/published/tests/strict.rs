//! What readers of the strict formats refuse: what they do not know, and what is missing.

use super::worlds::everything;
use super::*;
use serde_json::Value;

/// Every value in `value` that is an object, by the way to it.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(at.to_owned());
            fields.iter().for_each(|(name, field)| objects(field, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| objects(item, &format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

/// What a reader says to `part` if the object at `at` is changed so.
fn refused(
    part: &Part,
    format: u32,
    at: &str,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> String {
    let mut json: Value = serde_json::from_slice(&part.json).unwrap();
    change(json.pointer_mut(at).unwrap().as_object_mut().unwrap());
    let bytes = serde_json::to_vec(&json).unwrap();
    let reference = PartRef { sha256: Digest::of(&bytes), bytes: bytes.len() as u64, ..part.reference() };
    let read = Fragment::decode(&part.name, &reference, format, &bytes);
    read.map_or_else(|error| error.to_string(), |_| panic!("{at} of {} may be like this: {json}", part.name))
}

/// Everything that a strict format can say: its parts, each with the ways to all objects in it.
fn strict_parts() -> impl Iterator<Item = (u32, Part, Value, Vec<String>)> {
    let parts = |format| super::super::encode(&everything(), None, format).unwrap().parts;
    [2, 3].into_iter().flat_map(move |format| parts(format).into_iter().map(move |part| (format, part))).map(
        |(format, part)| {
            let json: Value = serde_json::from_slice(&part.json).unwrap();
            let mut all = Vec::new();
            objects(&json, "", &mut all);
            assert!(all.len() > 5, "{all:?}");
            (format, part, json, all)
        },
    )
}

#[test]
fn s8_10_a_reader_of_a_strict_format_refuses_a_field_that_it_does_not_know_and_names_it() {
    let mut named = 0;
    for (format, part, _, all) in strict_parts() {
        for at in all {
            let told = refused(&part, format, &at, |object| {
                drop(object.insert("a_cap_to_come".to_owned(), 1.into()));
            });
            named += usize::from(told.contains("the field a_cap_to_come, which this version does not know"));
        }
    }
    // The rest stands where serde takes one value of a choice, so that it says nothing of fields.
    assert!(named > 80, "{named}");
}

#[test]
fn s8_10_a_reader_of_a_strict_format_refuses_what_lacks_a_field() {
    for (format, part, json, all) in strict_parts() {
        for at in all {
            for field in json.pointer(&at).unwrap().as_object().unwrap().keys() {
                refused(&part, format, &at, |object| drop(object.remove(field)));
            }
        }
    }
}

#[test]
fn s8_10_what_is_refused_is_told_by_its_object_and_field() {
    let published = encode(&everything(), None).unwrap();
    let secret = published.parts.iter().find(|part| part.store == Store::Secret).unwrap();
    let told =
        refused(secret, 3, "/keys/1/limits", |limits| drop(limits.insert("tokens".to_owned(), 1.into())));
    assert_eq!(
        told,
        "gw-config-secret-00 cannot be read: key llm/off has the field tokens, which this version does not know"
    );
    let told = refused(secret, 3, "/keys/0/limits", |limits| limits.clear());
    assert_eq!(told, "gw-config-secret-00 cannot be read: key llm/key has no field requests_per_minute");
    let told =
        refused(secret, 3, "/credentials/0", |entry| drop(entry.insert("api_key".to_owned(), Value::Null)));
    let expected = "the credential of llm/a has a value that this version does not know";
    assert_eq!(told, format!("gw-config-secret-00 cannot be read: {expected}"));
    let told = refused(secret, 3, "", |part| drop(part.insert("tenants".to_owned(), Value::Null)));
    assert!(told.ends_with("it has the field tenants, which this version does not know"), "{told}");
}
