//! What each format promises by itself: that it is what it was, and what its readers refuse.

use super::worlds::{everything, snapshot, snapshots};
use super::*;
use crate::{FailureClass, FailureSet, Key, Model, ModelPattern, Prices, Provider, Route, Timeouts, Vendor};
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
const _: fn(v1::Backend, v2::Backend, v3::Backend) = |first, second, third| {
    match first {
        v1::Backend::Http(_) | v1::Backend::Mock(_) => {}
    }
    match second {
        v2::Backend::Http(_) | v2::Backend::Mock(_) => {}
    }
    match third {
        v3::Backend::Http(_) | v3::Backend::Mock(_) => {}
    }
};
const _: fn(v2::ModelPattern, v3::ModelPattern) = |second, third| {
    match second {
        v2::ModelPattern::Exact(_) | v2::ModelPattern::Prefix(_) => {}
    }
    match third {
        v3::ModelPattern::Exact(_) | v3::ModelPattern::Prefix(_) => {}
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

#[test]
fn s8_4_format_3_is_what_it_always_was() {
    is_frozen(3, &words!(3, v3), include_str!("format_3_all.txt"));
}

/// Whether it is one model's name and looks like what several begin with.
fn looks_like_several(pattern: &ModelPattern) -> bool {
    matches!(pattern, ModelPattern::Exact(name) if name.ends_with('*'))
}

/// What format 1 makes of `snapshot`: what it forgets, and whom it leaves out.
fn in_format_1(snapshot: Snapshot) -> (Snapshot, Vec<Object>) {
    let (mut snapshot, mut out) = in_format_2(snapshot);
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
    out.extend(routes.map(|route| Object::Route(route.name.clone())));
    let keys = snapshot.keys.iter().filter(|key| is_key_out(key));
    out.extend(keys.map(|key| Object::Key(key.name.clone())));
    snapshot.routes.retain(|route| !is_route_out(route));
    snapshot.keys.retain(|key| !is_key_out(key));
    (snapshot, out)
}

/// What format 2 makes of it.
fn in_format_2(mut snapshot: Snapshot) -> (Snapshot, Vec<Object>) {
    let is_out = |provider: &Provider| provider.vendor == Vendor::Anthropic;
    let out: Vec<_> =
        snapshot.providers.iter().filter(|one| is_out(one)).map(|one| one.name.clone()).collect();
    snapshot.providers.retain(|provider| !is_out(provider));
    snapshot.credentials.retain(|provider, _| !out.contains(provider));
    for provider in &mut snapshot.providers {
        for model in &mut Arc::make_mut(provider).models {
            let unlike = |prices: &Prices| prices.cache_write.or(prices.cache_write_1h).is_some();
            let prices = model.prices.filter(|prices| !unlike(prices));
            *model = Model { max_output_tokens: None, prices, ..model.clone() };
        }
    }
    (snapshot, out.into_iter().map(Object::Provider).collect())
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

/// What readers make of it, and what is said to be left out.
fn read_in(format: u32, snapshot: &Snapshot) -> (Snapshot, Vec<LeftOut>) {
    let published = super::super::encode(snapshot, None, format).unwrap();
    let index = Index::from_json(published.index.to_json().unwrap().as_bytes()).unwrap();
    assert_eq!(index, published.index);
    (assemble(&index, &jsons(&published)).unwrap(), published.left_out)
}

proptest! {
    #[test]
    fn s8_4_older_formats_read_as_what_they_have_words_for(snapshot in snapshots()) {
        for (format, expected) in [(1, in_format_1(snapshot.clone())), (2, in_format_2(snapshot.clone()))] {
            let (read, left_out) = read_in(format, &snapshot);
            prop_assert_eq!((read, objects_of(left_out.iter().filter(|left| left.whole))), expected);
        }
    }

    /// Else it would be said to be in force, and no pod would run it.
    #[test]
    fn s8_11_whatever_is_read_as_something_else_is_named(snapshot in snapshots()) {
        for format in FORMATS {
            let (read, left_out) = read_in(*format, &snapshot);
            let in_part = objects_of(left_out.iter().filter(|left| !left.whole));
            prop_assert_eq!(in_part, others(&snapshot, &read));
        }
    }

    #[test]
    fn s8_4_the_newest_format_has_words_for_everything(snapshot in snapshots()) {
        let (read, left_out) = read_in(FORMATS[FORMATS.len() - 1], &snapshot);
        prop_assert_eq!((read, left_out), (snapshot, Vec::new()));
    }
}

#[test]
fn s8_4_another_format_is_another_generation() {
    let first = super::super::encode(&everything(), None, 1).unwrap();
    let second = super::super::encode(&everything(), Some(&first.index), 2).unwrap();
    assert_eq!((first.index.generation, second.index.generation), (1, 2));
    let again = super::super::encode(&everything(), Some(&second.index), 1).unwrap();
    assert_eq!(again.index.generation, 3);
    assert!(matches!(super::super::encode(&everything(), None, 4), Err(Unpublishable::Format(4))));
}

#[test]
fn s8_4_an_index_of_another_format_is_refused_by_its_number() {
    let error = Index::from_json(br#"{"format":4,"whatever":[]}"#).unwrap_err();
    assert!(matches!(error, Unreadable::Format(4)), "{error}");
}

/// A key that may ask for the one model `chat*` must not be told as one that may ask for whatever begins with `chat`.
#[test]
fn s8_11_what_a_format_would_say_otherwise_is_left_out_and_named() {
    let mut snapshot = everything();
    snapshot.providers.truncate(4);
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

/// Older pods would ask it in another API, and a charge without one of its prices would be wrong rather than unknown.
#[test]
fn s8_11_formats_before_3_leave_out_anthropic_accounts_and_prices_that_would_be_wrong() {
    let mut snapshot = everything();
    let account = snapshot.providers[4].name.clone();
    snapshot.credentials.insert(account.clone(), crate::Secret::new("sk-ant"));
    let dear = snapshot.providers[4].models[0].clone();
    let only_dear = Model { max_output_tokens: None, ..dear.clone() };
    let only_long = Model { prices: snapshot.providers[0].models[0].prices, ..dear };
    for (at, model) in [(0, only_dear), (1, only_long)] {
        Arc::make_mut(&mut snapshot.providers[at]).models.push(Model { name: "new".to_owned(), ..model });
    }
    for format in [1, 2] {
        let (read, left_out) = read_in(format, &snapshot);
        let told = |at: usize| {
            let object = Object::Provider(snapshot.providers[at].name.clone());
            let left = left_out.iter().find(|left| left.object == object)?;
            Some((left.what.to_string(), left.whole))
        };
        assert_eq!(told(4), Some(("vendor Anthropic".to_owned(), true)));
        assert!(read.providers.iter().all(|provider| provider.name != account));
        assert!(!read.credentials.contains_key(&account));
        let [listed, dear] = &*read.providers[0].models else { panic!("{read:?}") };
        assert!(listed.prices.is_some() && dear.prices.is_none(), "{dear:?}");
        let [_, long] = &*read.providers[1].models else { panic!("{read:?}") };
        assert!(long.prices.is_some() && long.max_output_tokens.is_none(), "{long:?}");
        if format == 2 {
            let what = "models[].prices.cacheWrite (the model's cost is unknown there)";
            assert_eq!(told(0), Some((what.to_owned(), false)));
            assert_eq!(told(1), Some(("models[].maxOutputTokens".to_owned(), false)));
        }
    }
    assert_eq!(read_in(3, &snapshot), (snapshot, Vec::new()));
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

#[test]
fn s8_10_a_part_is_of_its_format_alone() {
    for format in FORMATS {
        for part in super::super::encode(&everything(), None, *format).unwrap().parts {
            for other in FORMATS.iter().filter(|other| *other != format) {
                let read = Fragment::decode(&part.name, &part.reference(), *other, &part.json);
                assert!(matches!(read, Err(Unreadable::Json { .. })), "{format} as {other}");
            }
        }
    }
}

/// Of an index, too: only the first format's readers pass over what they do not know, as they always did.
#[test]
fn s8_10_an_index_of_a_strict_format_has_no_field_that_is_not_known() {
    for (format, is_read) in [(1, true), (2, false), (3, false)] {
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
