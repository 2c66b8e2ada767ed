//! What writer and reader promise together, on generated snapshots.

mod formats;
mod strict;
mod worlds;

use super::*;
use crate::{Digest, Snapshot};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use worlds::{Change, change, changes, large, snapshot, snapshots};

/// In the newest format.
fn encode(snapshot: &Snapshot, previous: Option<&Index>) -> Result<Published, Unpublishable> {
    super::encode(snapshot, previous, choose_format([].into_iter(), 0, FORMATS))
}

fn jsons(published: &Published) -> BTreeMap<String, Vec<u8>> {
    published.parts.iter().map(|part| (part.name.clone(), part.json.clone())).collect()
}

/// The parts of `new` that are not in `old`, and those of `old` that are no longer in `new`.
fn differing(old: &Published, new: &Published) -> usize {
    let rewritten = new.parts.iter().filter(|part| !old.parts.contains(part)).count();
    let gone = old.index.parts.keys().filter(|name| !new.index.parts.contains_key(*name)).count();
    rewritten + gone
}

proptest! {
    #[test]
    fn s8_1_what_is_published_is_what_is_read(snapshot in snapshots(), previous in snapshots()) {
        let previous = encode(&previous, None).unwrap();
        let published = encode(&snapshot, Some(&previous.index)).unwrap();
        let index = Index::from_json(published.index.to_json().unwrap().as_bytes()).unwrap();
        prop_assert_eq!(&index, &published.index);
        let mut parts = BTreeMap::new();
        for part in &published.parts {
            let stored = compress(part).unwrap();
            let json = decompress(&part.name, &index.parts[&part.name], &stored).unwrap();
            parts.insert(part.name.clone(), json);
        }
        prop_assert_eq!(assemble(&index, &parts).unwrap(), snapshot);
    }

    #[test]
    fn s8_1_one_changed_object_changes_one_part(snapshot in snapshots(), change_of in changes()) {
        let before = encode(&snapshot, None).unwrap();
        let Some(changed) = change(&snapshot, &change_of) else { return Ok(()) };
        let after = encode(&changed, Some(&before.index)).unwrap();
        prop_assert_eq!(after.index.shards, before.index.shards);
        prop_assert_eq!(differing(&before, &after), 1);
        prop_assert_eq!(after.index.generation, before.index.generation + 1);
        prop_assert_ne!(after.index.hash, before.index.hash);
    }

    #[test]
    fn s8_1_equal_snapshots_are_published_equally(snapshot in snapshots()) {
        let first = encode(&snapshot, None).unwrap();
        let again = encode(&snapshot.clone(), Some(&first.index)).unwrap();
        prop_assert_eq!(&again, &first);
        prop_assert_eq!(first.index.generation, 1);
        let names = part_names(&snapshot.gateway.name.name);
        for part in &first.parts {
            let fixed = match part.store {
                Store::ConfigMap => &names.config_maps,
                Store::Secret => &names.secrets,
            };
            prop_assert!(fixed.contains(&part.name), "{}", part.name);
        }
    }

    #[test]
    fn s8_1_the_order_of_objects_does_not_matter(snapshot in snapshots()) {
        let mut turned = snapshot.clone();
        turned.providers.reverse();
        turned.routes.reverse();
        turned.keys.reverse();
        prop_assert_eq!(encode(&turned, None).unwrap(), encode(&snapshot, None).unwrap());
    }

    #[test]
    fn s8_3_a_missing_part_is_refused(snapshot in snapshots(), which in any::<prop::sample::Index>()) {
        let published = encode(&snapshot, None).unwrap();
        let mut parts = jsons(&published);
        let name = which.get(&published.parts).name.clone();
        parts.remove(&name);
        let error = assemble(&published.index, &parts).unwrap_err();
        prop_assert!(matches!(&error, Unreadable::Missing(part) if *part == name), "{error}");
    }

    #[test]
    fn s8_3_a_part_with_one_bit_changed_is_refused(
        snapshot in snapshots(),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let published = encode(&snapshot, None).unwrap();
        let mut parts = jsons(&published);
        let name = &which.get(&published.parts).name;
        let json = parts.get_mut(name).unwrap();
        let at = at.index(json.len());
        json[at] ^= 1 << bit;
        let error = assemble(&published.index, &parts).unwrap_err();
        prop_assert!(matches!(&error, Unreadable::Digest(part) if part == name), "{error}");
    }

    #[test]
    fn s8_3_parts_of_two_publishes_do_not_mix(snapshot in snapshots(), change_of in changes()) {
        let before = encode(&snapshot, None).unwrap();
        let Some(changed) = change(&snapshot, &change_of) else { return Ok(()) };
        let after = encode(&changed, Some(&before.index)).unwrap();
        match assemble(&after.index, &jsons(&before)) {
            // The change left no more than one part less.
            Ok(read) => prop_assert!(read == changed && after.parts.len() < before.parts.len()),
            Err(error) => prop_assert!(matches!(error, Unreadable::Digest(_) | Unreadable::Missing(_)), "{error}"),
        }
    }

    #[test]
    fn s8_3_a_new_snapshot_shares_whatever_it_has_in_common(a in snapshots(), b in snapshots(), of in changes()) {
        fn all_shared<T: PartialEq>(new: &[Arc<T>], old: &[Arc<T>]) -> bool {
            let shared = |item: &Arc<T>| old.iter().any(|other| Arc::ptr_eq(other, item));
            new.iter().all(|item| shared(item) || !old.contains(item))
        }
        let copy = |snapshot: &Snapshot| {
            let published = encode(snapshot, None).unwrap();
            assemble(&published.index, &jsons(&published)).unwrap()
        };
        for next in [Some(b), change(&a, &of)].into_iter().flatten() {
            let mut new = copy(&next);
            new.share_with(&a);
            prop_assert_eq!(&new, &next);
            prop_assert!(all_shared(&new.providers, &a.providers));
            prop_assert!(all_shared(&new.routes, &a.routes));
            prop_assert!(all_shared(&new.keys, &a.keys));
        }
    }

    #[test]
    fn s8_3_no_stored_bytes_bring_the_reader_down(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        size in any::<u64>(),
    ) {
        let part = PartRef { store: Store::Secret, sha256: Digest::of(&bytes), bytes: size };
        prop_assert!(decompress("part", &part, &bytes).is_err() || size == 0);
        for format in FORMATS {
            prop_assert!(Fragment::decode("part", &part, *format, &bytes).is_err());
        }
        prop_assert!(Index::from_json(&bytes).is_err());
    }
}

#[test]
fn s8_1_one_changed_key_of_many_rewrites_one_small_part() {
    let snapshot = large(2_000, 200);
    let before = encode(&snapshot, None).unwrap();
    assert!(before.index.shards.secret >= 8 && before.index.shards.public >= 2, "{:?}", before.index.shards);
    let changed = change(&snapshot, &Change::Key(1_234)).unwrap();
    let after = encode(&changed, Some(&before.index)).unwrap();
    assert_eq!(differing(&before, &after), 1);
    let part = after.parts.iter().find(|part| !before.parts.contains(part)).unwrap();
    assert!(part.json.len() < 100 * 1024, "{part:?}");
    let added = change(&snapshot, &Change::AddKey).unwrap();
    assert_eq!(differing(&before, &encode(&added, Some(&before.index)).unwrap()), 1);
}

#[test]
fn s8_1_secrets_are_in_secrets_alone() {
    let mut snapshot = large(3, 2);
    snapshot.credentials.insert(snapshot.providers[0].name.clone(), crate::Secret::new("sk-sentinel"));
    let published = encode(&snapshot, None).unwrap();
    let digest = snapshot.keys[0].digests[0].sha256.to_string();
    for part in &published.parts {
        let text = String::from_utf8(part.json.clone()).unwrap();
        if part.store == Store::ConfigMap {
            assert!(!text.contains("sk-sentinel") && !text.contains(&digest), "{text}");
        }
        assert!(!format!("{part:?}").contains("sk-sentinel"));
    }
    assert!(!published.index.to_json().unwrap().contains("sk-sentinel"));
}

#[test]
fn s8_1_what_does_not_fit_is_refused_by_name() {
    let mut snapshot = snapshot();
    let noise = |i: u32| Digest::of(&i.to_le_bytes()).to_string();
    let text: String = (0..24_000).map(noise).collect();
    snapshot.credentials.insert(snapshot.providers[0].name.clone(), crate::Secret::new(text));
    let error = encode(&snapshot, None).unwrap_err();
    assert!(
        matches!(&error, Unpublishable::TooLarge { part } if part.starts_with("gw-config-secret-")),
        "{error}"
    );
}

#[test]
fn s8_1_what_compresses_well_may_be_larger() {
    let mut snapshot = snapshot();
    snapshot.credentials.insert(snapshot.providers[0].name.clone(), crate::Secret::new("x".repeat(4 << 20)));
    let published = encode(&snapshot, None).unwrap();
    assert_eq!(assemble(&published.index, &jsons(&published)).unwrap(), snapshot);
}

#[test]
fn s8_1_names_are_fixed() {
    assert_eq!(index_name("default"), "default-config");
    let names = part_names("default");
    assert_eq!((names.config_maps.len(), names.secrets.len()), (64, 64));
    assert_eq!(names.config_maps[7], "default-config-public-07");
    assert_eq!(names.secrets[63], "default-config-secret-63");
}

#[test]
fn s8_3_an_index_that_was_changed_is_refused() {
    let mut index = encode(&snapshot(), None).unwrap().index;
    let first = index.parts.keys().next().unwrap().clone();
    index.parts.remove(&first);
    let refused = |index: &Index| Index::from_json(index.to_json().unwrap().as_bytes()).unwrap_err();
    assert!(matches!(refused(&index), Unreadable::IndexHash));
    let mut index = encode(&snapshot(), None).unwrap().index;
    index.parts.values_mut().next().unwrap().bytes = MAX_JSON_BYTES + 1;
    assert!(matches!(refused(&index), Unreadable::TooLarge(_)));
    let mut index = encode(&snapshot(), None).unwrap().index;
    index.shards.public = 3;
    assert!(matches!(refused(&index), Unreadable::Shards));
}

#[test]
fn s8_3_a_part_must_not_unpack_to_more_than_its_index_says() {
    let bomb = Part {
        name: "bomb".to_owned(),
        store: Store::ConfigMap,
        sha256: Digest::of(b""),
        json: vec![b' '; 8 << 20],
    };
    let stored = compress(&bomb).unwrap();
    let small = PartRef { bytes: 1000, ..bomb.reference() };
    assert!(matches!(decompress("bomb", &small, &stored), Err(Unreadable::Compressed(_))));
    let huge = PartRef { bytes: u64::MAX, ..bomb.reference() };
    assert!(matches!(decompress("bomb", &huge, &stored), Err(Unreadable::TooLarge(_))));
}

#[test]
fn s8_3_a_part_that_is_out_of_order_or_elsewhere_is_refused() {
    let decode = |store, json: &str| {
        let part = PartRef { store, sha256: Digest::of(json.as_bytes()), bytes: json.len() as u64 };
        [1, 2, 3].map(|format| Fragment::decode("p", &part, format, json.as_bytes()).unwrap_err())
    };
    let [twice, ..] = decode(Store::Secret, r#"{"keys":[],"credentials":[["a/b","x"],["a/b","hunter2"]]}"#);
    assert!(matches!(twice, Unreadable::Order { .. }), "{twice}");
    let entry = |text: &str| format!(r#"{{"provider":"a/b","api_key":"{text}"}}"#);
    for (format, at) in [(2, 1), (3, 2)] {
        let (x, hunter) = (entry("x"), entry("hunter2"));
        let text = format!(r#"{{"format":{format},"keys":[],"credentials":[{x},{hunter}]}}"#);
        let twice = &decode(Store::Secret, &text)[at];
        assert!(matches!(twice, Unreadable::Order { .. }), "{twice}");
    }
    for start in ["", r#""format":2,"#, r#""format":3,"#] {
        let elsewhere = &format!(r#"{{{start}"keys":[],"credentials":[]}}"#);
        let refused = decode(Store::ConfigMap, elsewhere);
        assert!(refused.iter().all(|error| matches!(error, Unreadable::Json { .. })), "{refused:?}");
    }
    // The flaw is next to a secret, or is one; what is said of it must not quote it.
    for credential in [
        r#"["ab","hunter2"]"#,
        r#"["a/b","x","hunter2"]"#,
        r#"["a/b",["hunter2"]]"#,
        r#"{"provider":"ab","api_key":"hunter2"}"#,
        r#"{"provider":"a/b","api_key":"x","hunter2-":0}"#,
        r#"{"provider":"a/b","api_key":["hunter2"]}"#,
        r#"{"hunter2":"a/b"}"#,
        r#""hunter2""#,
    ] {
        for start in ["", r#""format":2,"#, r#""format":3,"#] {
            for error in
                decode(Store::Secret, &format!(r#"{{{start}"keys":[],"credentials":[{credential}]}}"#))
            {
                let told = format!("{error} {error:?}");
                assert!(!told.contains("hunter2") || credential.contains(r#""hunter2":"#), "{told}");
            }
        }
    }
}

#[test]
fn s8_3_unchanged_parts_keep_their_objects_shared() {
    let fragments = |published: &Published, kept: &BTreeMap<String, (Digest, Fragment)>| {
        let decode = |part: &Part| match kept.get(&part.name) {
            Some((digest, fragment)) if *digest == part.sha256 => fragment.clone(),
            _ => Fragment::decode(&part.name, &part.reference(), published.index.format, &part.json).unwrap(),
        };
        published.parts.iter().map(|p| (p.name.clone(), (p.sha256, decode(p)))).collect::<BTreeMap<_, _>>()
    };
    let joined = |published: &Published, all: &BTreeMap<String, (Digest, Fragment)>| -> Snapshot {
        let by_name: BTreeMap<_, _> = all.iter().map(|(name, (_, f))| (name.clone(), f)).collect();
        join(&published.index, &by_name).unwrap()
    };
    let snapshot = large(2_000, 10);
    let before = encode(&snapshot, None).unwrap();
    let kept = fragments(&before, &BTreeMap::new());
    let old = joined(&before, &kept);
    let after = encode(&change(&snapshot, &Change::Key(7)).unwrap(), Some(&before.index)).unwrap();
    let new = joined(&after, &fragments(&after, &kept));
    let pairs = old.keys.iter().zip(&new.keys);
    let copied = pairs.filter(|(old, new)| !Arc::ptr_eq(old, new)).count();
    let shards = after.index.shards.secret as usize;
    assert!(copied > 0 && copied < 2 * 2_000 / shards, "{copied} of 2000 in {shards} shards");
}
