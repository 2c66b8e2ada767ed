//! What each format promises by itself: that it is what it was, and what its readers refuse.

use super::worlds::{everything, snapshot, snapshots};
use super::*;
use crate::{FailureClass, FailureSet, Key, ModelPattern, Route, Timeouts};
use proptest::prelude::*;
use serde_json::Value;
use std::time::Duration;

/// Index and parts, a line each.
fn lines(published: &Published) -> String {
    let mut text = published.index.to_json().unwrap() + "\n";
    for part in &published.parts {
        text += &format!("{}\n", String::from_utf8(part.json.clone()).unwrap());
    }
    text
}

/// Everything that a format can say, and the values of its choices.
macro_rules! words {
    ($format:literal, $forms:ident) => {{
        let mut text = lines(&super::super::encode(&everything(), None, $format).unwrap());
        for values in [
            serde_json::to_string($forms::Store::ALL),
            serde_json::to_string($forms::Disclosure::ALL),
            serde_json::to_string($forms::Vendor::ALL),
            serde_json::to_string($forms::OnAbort::ALL),
            serde_json::to_string($forms::MockReply::ALL),
            serde_json::to_string($forms::FailureClass::ALL),
        ] {
            text += &format!("{}\n", values.unwrap());
        }
        text
    }};
}

/// Does not compile when one of these has another value: that is a new format's, and belongs in [`everything`].
const _: fn(v1::Backend, v2::Backend, v2::ModelPattern) = |first, second, pattern| {
    match first {
        v1::Backend::Http(_) | v1::Backend::Mock(_) => {}
    }
    match second {
        v2::Backend::Http(_) | v2::Backend::Mock(_) => {}
    }
    match pattern {
        v2::ModelPattern::Exact(_) | v2::ModelPattern::Prefix(_) => {}
    }
};

/// Formats outlive releases: what is there may be read by pods that no build of ours reaches.
fn is_frozen(format: u32, now: &str, frozen: &str) {
    assert!(
        now == frozen,
        "format {format} would not be what it was. It is frozen: pods of released versions read it as \
         tests/format_{format}_all.txt has it, and would refuse this or pass over a part of it. Do not edit that file: \
         take the change back, or give it to a new format of its own, and say in v{format}.rs what becomes of it \
         there.\nIt was:\n{frozen}\nIt would be:\n{now}",
    );
}

#[test]
fn s8_4_format_1_is_what_it_always_was() {
    is_frozen(1, &words!(1, v1), include_str!("format_1_all.txt"));
    // This one is older than the other: it was written when the snapshot itself was published.
    let first = super::super::encode(&snapshot(), None, 1).unwrap();
    assert_eq!(lines(&first), include_str!("format_1.txt"));
}

#[test]
fn s8_4_format_2_is_what_it_always_was() {
    is_frozen(2, &words!(2, v2), include_str!("format_2_all.txt"));
}

/// Whether it is one model's name and looks like what several begin with.
fn looks_like_several(pattern: &ModelPattern) -> bool {
    matches!(pattern, ModelPattern::Exact(name) if name.ends_with('*'))
}

/// What format 1 makes of `snapshot`: what it forgets, and whom it leaves out.
fn in_format_1(mut snapshot: Snapshot) -> (Snapshot, Vec<Object>) {
    for provider in &mut snapshot.providers {
        let timeouts = &mut Arc::make_mut(provider).timeouts;
        *timeouts = Timeouts { first_token: Duration::from_secs(600), ..*timeouts };
    }
    for route in &mut snapshot.routes {
        let on = &mut Arc::make_mut(route).fallback.on;
        let others = FailureClass::ALL.into_iter().filter(|class| *class != FailureClass::Misdirected);
        let is_default =
            others.clone().all(|class| on.contains(class) || !FailureSet::default().contains(class));
        let misdirected = is_default.then_some(FailureClass::Misdirected);
        *on = others.filter(|class| on.contains(*class)).chain(misdirected).collect();
    }
    let is_route_out = |route: &Route| looks_like_several(&route.model);
    let is_key_out = |key: &Key| key.allowed_models.0.iter().any(looks_like_several);
    let routes = snapshot.routes.iter().filter(|route| is_route_out(route));
    let routes = routes.map(|route| Object::Route(route.name.clone()));
    let keys = snapshot.keys.iter().filter(|key| is_key_out(key)).map(|key| Object::Key(key.name.clone()));
    let out = routes.chain(keys).collect();
    snapshot.routes.retain(|route| !is_route_out(route));
    snapshot.keys.retain(|key| !is_key_out(key));
    (snapshot, out)
}

/// The objects of `before` that are others in `after`.
fn others(before: &Snapshot, after: &Snapshot) -> Vec<Object> {
    let providers = before
        .providers
        .iter()
        .filter(|one| after.providers.iter().any(|other| other.name == one.name && other != *one));
    let routes = before
        .routes
        .iter()
        .filter(|one| after.routes.iter().any(|other| other.name == one.name && other != *one));
    let providers = providers.map(|provider| Object::Provider(provider.name.clone()));
    providers.chain(routes.map(|route| Object::Route(route.name.clone()))).collect()
}

fn objects_of<'a>(left_out: impl Iterator<Item = &'a LeftOut>) -> Vec<Object> {
    left_out.map(|left| left.object.clone()).collect()
}

proptest! {
    #[test]
    fn s8_4_format_1_reads_as_what_it_has_words_for(snapshot in snapshots()) {
        let published = super::super::encode(&snapshot, None, 1).unwrap();
        let index = Index::from_json(published.index.to_json().unwrap().as_bytes()).unwrap();
        prop_assert_eq!(&index, &published.index);
        let (expected, out) = in_format_1(snapshot);
        prop_assert_eq!(assemble(&index, &jsons(&published)).unwrap(), expected);
        prop_assert_eq!(objects_of(published.left_out.iter().filter(|left| left.whole)), out);
    }

    /// Else it would be said to be in force, and no pod would run it.
    #[test]
    fn s8_11_whatever_is_read_as_something_else_is_named(snapshot in snapshots(), format in 1..3u32) {
        let published = super::super::encode(&snapshot, None, format).unwrap();
        let read = assemble(&published.index, &jsons(&published)).unwrap();
        let in_part = objects_of(published.left_out.iter().filter(|left| !left.whole));
        prop_assert_eq!(in_part, others(&snapshot, &read));
    }

    #[test]
    fn s8_4_format_2_has_words_for_everything(snapshot in snapshots()) {
        let published = super::super::encode(&snapshot, None, 2).unwrap();
        prop_assert_eq!(assemble(&published.index, &jsons(&published)).unwrap(), snapshot);
        prop_assert_eq!(published.left_out, Vec::new());
    }
}

#[test]
fn s8_4_another_format_is_another_generation() {
    let first = super::super::encode(&everything(), None, 1).unwrap();
    let second = super::super::encode(&everything(), Some(&first.index), 2).unwrap();
    assert_eq!((first.index.generation, second.index.generation), (1, 2));
    let again = super::super::encode(&everything(), Some(&second.index), 1).unwrap();
    assert_eq!(again.index.generation, 3);
    assert!(matches!(super::super::encode(&everything(), None, 3), Err(Unpublishable::Format(3))));
}

#[test]
fn s8_4_an_index_of_another_format_is_refused_by_its_number() {
    let error = Index::from_json(br#"{"format":3,"whatever":[]}"#).unwrap_err();
    assert!(matches!(error, Unreadable::Format(3)), "{error}");
}

/// A key that may ask for the one model `chat*` must not be told as one that may ask for whatever begins with `chat`.
#[test]
fn s8_11_what_a_format_would_say_otherwise_is_left_out_and_named() {
    let mut snapshot = everything();
    let only = ModelPattern::Exact("chat*".to_owned());
    Arc::make_mut(&mut snapshot.keys[0]).allowed_models.0.push(only.clone());
    Arc::make_mut(&mut snapshot.routes[1]).model = only;
    let (key, route) = (snapshot.keys[0].name.clone(), snapshot.routes[1].name.clone());
    let published = super::super::encode(&snapshot, None, 1).unwrap();
    let whole: Vec<&LeftOut> = published.left_out.iter().filter(|left| left.whole).collect();
    let [first, second] = &*whole else { panic!("{whole:?}") };
    assert_eq!((&first.object, &second.object), (&Object::Route(route.clone()), &Object::Key(key.clone())));
    assert!(first.what.to_string().contains("ends with *"), "{}", first.what);
    let read = assemble(&published.index, &jsons(&published)).unwrap();
    assert!(read.keys.iter().all(|it| it.name != key) && read.routes.iter().all(|it| it.name != route));
    assert_eq!((read.keys.len(), read.routes.len()), (1, 1), "nobody else is concerned");
    let newest = encode(&snapshot, None).unwrap();
    assert_eq!(newest.left_out, Vec::new());
    assert_eq!(assemble(&newest.index, &jsons(&newest)).unwrap(), snapshot);
}

/// A reader must not move on where somebody wrote a list without the class, and must where nobody wrote a list.
#[test]
fn s8_4_of_a_class_that_format_1_lacks_the_default_means_it_and_a_shorter_list_does_not() {
    use FailureClass::{Garbled, Misdirected, ServerError};
    let without = |class| FailureClass::ALL.into_iter().filter(move |one| *one != class).collect();
    let short = |misdirected: &[FailureClass]| [ServerError].iter().chain(misdirected).copied().collect();
    for (on, moves_on, is_named) in [
        (FailureSet::default(), true, false),
        (FailureClass::ALL.into_iter().collect(), true, false),
        (short(&[]), false, false),
        (short(&[Misdirected]), false, true),
        (without(Misdirected), true, true),
        (without(Garbled), false, true),
    ] {
        let mut snapshot = snapshot();
        Arc::make_mut(&mut snapshot.routes[0]).fallback.on = on;
        let published = super::super::encode(&snapshot, None, 1).unwrap();
        let read = assemble(&published.index, &jsons(&published)).unwrap();
        assert_eq!(read.routes[0].fallback.on.contains(Misdirected), moves_on, "{on:?}");
        let told: Vec<String> = published.left_out.iter().map(|left| left.what.to_string()).collect();
        let named = ["whether fallback.onFailure has Misdirected"];
        assert_eq!(told, if is_named { &named[..] } else { &[] }, "{on:?}");
    }
}

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

#[test]
fn s8_10_a_reader_of_format_2_refuses_a_field_that_it_does_not_know_and_names_it() {
    let mut named = 0;
    for part in encode(&everything(), None).unwrap().parts {
        let json: Value = serde_json::from_slice(&part.json).unwrap();
        let mut all = Vec::new();
        objects(&json, "", &mut all);
        assert!(all.len() > 5, "{all:?}");
        for at in all {
            let told =
                refused(&part, 2, &at, |object| drop(object.insert("a_cap_to_come".to_owned(), 1.into())));
            named += usize::from(told.contains("the field a_cap_to_come, which this version does not know"));
        }
    }
    // The rest stands where serde takes one value of a choice, so that it says nothing of fields.
    assert!(named > 40, "{named}");
}

#[test]
fn s8_10_a_reader_of_format_2_refuses_what_lacks_a_field() {
    for part in encode(&everything(), None).unwrap().parts {
        let json: Value = serde_json::from_slice(&part.json).unwrap();
        let mut all = Vec::new();
        objects(&json, "", &mut all);
        for at in all {
            for field in json.pointer(&at).unwrap().as_object().unwrap().keys() {
                refused(&part, 2, &at, |object| drop(object.remove(field)));
            }
        }
    }
}

#[test]
fn s8_10_what_is_refused_is_told_by_its_object_and_field() {
    let published = encode(&everything(), None).unwrap();
    let secret = published.parts.iter().find(|part| part.store == Store::Secret).unwrap();
    let told =
        refused(secret, 2, "/keys/1/limits", |limits| drop(limits.insert("tokens".to_owned(), 1.into())));
    assert_eq!(
        told,
        "gw-config-secret-00 cannot be read: key llm/off has the field tokens, which this version does not know"
    );
    let told = refused(secret, 2, "/keys/0/limits", |limits| limits.clear());
    assert_eq!(told, "gw-config-secret-00 cannot be read: key llm/key has no field requests_per_minute");
    let told =
        refused(secret, 2, "/credentials/0", |entry| drop(entry.insert("api_key".to_owned(), Value::Null)));
    let expected = "the credential of llm/a has a value that this version does not know";
    assert_eq!(told, format!("gw-config-secret-00 cannot be read: {expected}"));
    let told = refused(secret, 2, "", |part| drop(part.insert("tenants".to_owned(), Value::Null)));
    assert!(told.ends_with("it has the field tenants, which this version does not know"), "{told}");
}

#[test]
fn s8_10_a_part_is_of_its_format_alone() {
    for (format, other) in [(1, 2), (2, 1)] {
        for part in super::super::encode(&everything(), None, format).unwrap().parts {
            let read = Fragment::decode(&part.name, &part.reference(), other, &part.json);
            assert!(matches!(read, Err(Unreadable::Json { .. })), "{format} as {other}");
        }
    }
}

/// Of an index, too: only the first format's readers pass over what they do not know, as they always did.
#[test]
fn s8_10_an_index_of_format_2_has_no_field_that_is_not_known() {
    for (format, is_read) in [(1, true), (2, false)] {
        let index = super::super::encode(&everything(), None, format).unwrap().index.to_json().unwrap();
        for at in ["", "/shards", "/parts/gw-config-public-00"] {
            let mut json: Value = serde_json::from_str(&index).unwrap();
            json.pointer_mut(at).unwrap()["cut"] = true.into();
            let read = Index::from_json(json.to_string().as_bytes());
            assert_eq!(read.is_ok(), is_read, "{at} of {format}");
            assert!(is_read || read.unwrap_err().to_string().contains("cut"));
        }
    }
}

#[test]
fn s8_4_a_reader_of_format_1_passes_over_what_it_does_not_know() {
    for part in super::super::encode(&everything(), None, 1).unwrap().parts {
        let text = String::from_utf8(part.json.clone()).unwrap();
        let more = text.replace(r#","suspended":"#, r#","colour":"red","suspended":"#);
        assert_ne!(text, more);
        let reference =
            PartRef { sha256: Digest::of(more.as_bytes()), bytes: more.len() as u64, ..part.reference() };
        Fragment::decode(&part.name, &reference, 1, more.as_bytes()).unwrap();
    }
}
