//! Generated worlds: small pools of names, so that references meet and conflicts happen, and nonsense in every
//! place that takes text.

use crate::load::input;
use crate::random;
use crate::related::{Id, id, touched};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use weir_compile::{Code, Kind, Output, Skipped, compile};
use weir_config::published::{FORMATS, Object, assemble, document, encode};
use weir_config::{ObjectName, Provider, Snapshot, Vendor};
use weir_crds::ConditionStatus;

/// Each object once: with two of one name it is not clear which of them a change is about.
fn once(world: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    world.into_iter().filter(|object| seen.insert(id(object))).collect()
}

fn bytes(output: &Output) -> String {
    let snapshots: Vec<String> = output.gateways.values().map(whole).collect();
    serde_json::to_string(&(snapshots, &output.findings)).unwrap()
}

fn whole(snapshot: &Snapshot) -> String {
    serde_json::to_string(&document(snapshot).unwrap()).unwrap()
}

/// A gateway's fragments by object: a provider's credential belongs to its own.
fn fragments(snapshot: &Snapshot) -> BTreeMap<Id, String> {
    let one = |kind: &str, name: &ObjectName, json: String| ((kind.to_owned(), name.clone()), json);
    let document = serde_json::to_value(document(snapshot).unwrap()).unwrap();
    let each = |list: &str| document[list].as_array().unwrap().iter();
    let name = |object: &Value| -> ObjectName { text_of(&object["name"]).parse().unwrap() };
    let providers = each("providers").map(|it| {
        let credential = &document["credentials"][text_of(&it["name"])];
        one("LLMProvider", &name(it), format!("{it} {credential}"))
    });
    let routes = each("routes").map(|it| one("LLMRoute", &name(it), it.to_string()));
    let keys = each("keys").map(|it| one("LLMKey", &name(it), it.to_string()));
    let gateway = one("LLMGateway", &snapshot.gateway.name, document["gateway"].to_string());
    providers.chain(routes).chain(keys).chain([gateway]).collect()
}

/// What a gateway takes for granted.
fn is_right_by_construction(snapshot: &Snapshot) {
    for format in FORMATS {
        let published = encode(snapshot, None, *format).unwrap();
        for left in published.left_out.iter().filter(|left| left.whole) {
            let of = |one: &Provider| Object::Provider(one.name.clone()) == left.object;
            let provider = snapshot.providers.iter().find(|one| of(one));
            assert!(provider.is_some_and(|it| it.vendor == Vendor::Anthropic), "{left:?} of {format}");
        }
        let parts = published.parts.into_iter().map(|part| (part.name, part.json)).collect();
        let read = assemble(&published.index, &parts).unwrap();
        assert!(Some(format) != FORMATS.last() || read == *snapshot);
    }
    assert!(snapshot.providers.is_sorted_by(|a, b| a.name < b.name));
    assert!(snapshot.routes.is_sorted_by(|a, b| a.name < b.name));
    assert!(snapshot.keys.is_sorted_by(|a, b| a.name < b.name));
    let providers: BTreeSet<&ObjectName> = snapshot.providers.iter().map(|it| &it.name).collect();
    let targeted: BTreeSet<&ObjectName> =
        snapshot.routes.iter().flat_map(|route| &route.targets).map(|target| &target.provider).collect();
    assert_eq!(providers, targeted);
    assert!(snapshot.credentials.keys().all(|name| providers.contains(name)));
    let sendable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(snapshot.credentials.values().all(|credential| sendable(credential.expose())));
    let names: Vec<String> = snapshot
        .routes
        .iter()
        .flat_map(|it| {
            std::iter::once(it.model.to_string()).chain(it.aliases.iter().map(|it| it.name.clone()))
        })
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name has one route");
    let digests: Vec<_> = snapshot.keys.iter().flat_map(|key| &key.digests).map(|it| it.sha256).collect();
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len(), "a text has one key");
    assert!(snapshot.keys.iter().all(|key| !key.digests.is_empty()));
}

/// Where each fragment is, by what the attachments say.
fn attached(output: &Output) -> BTreeSet<(ObjectName, Id)> {
    let all = &output.attachments;
    let names: [(Kind, Vec<&ObjectName>); 4] = [
        (Kind::Gateway, all.gateways.keys().collect()),
        (Kind::Provider, all.providers.keys().collect()),
        (Kind::Route, all.routes.keys().collect()),
        (Kind::Key, all.keys.keys().collect()),
    ];
    let each = names.into_iter().flat_map(|(kind, names)| names.into_iter().map(move |name| (kind, name)));
    each.flat_map(|(kind, name)| {
        let id = (kind.name().to_owned(), name.clone());
        all.gateways_of(kind, name).into_iter().map(move |gateway| (gateway.clone(), id.clone()))
    })
    .collect()
}

fn names_of(world: &[Value]) -> BTreeSet<Id> {
    let ours = world.iter().filter(|object| text_of(&object["kind"]).starts_with("LLM"));
    ours.map(id).collect()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The objects of which compile speaks worse than in passing.
fn blamed(output: &Output) -> BTreeSet<Id> {
    let bad = output.findings.iter().filter(|it| it.code.status() == ConditionStatus::False);
    bad.map(|finding| (finding.object.0.name().to_owned(), finding.object.1.clone())).collect()
}

proptest! {
    #![proptest_config(Config { cases: 512, failure_persistence: None, ..Config::default() })]

    #[test]
    fn s8_6_every_world_compiles_to_snapshots_that_hold_what_gateways_assume(world in random::world()) {
        let output = compile(&input(&world));
        output.gateways.values().for_each(is_right_by_construction);
        for finding in &output.findings {
            prop_assert!(!finding.message.is_empty() && !finding.message.contains('\n'));
            prop_assert!(finding.message.len() < 4_000, "{}", finding.message.len());
        }
    }

    #[test]
    fn attachments_say_in_which_snapshots_every_object_is(world in random::world()) {
        let output = compile(&input(&world));
        let there: BTreeSet<(ObjectName, Id)> = output.gateways.iter().flat_map(|(name, snapshot)| {
            fragments(snapshot).into_keys().map(move |id| (name.clone(), id))
        }).collect();
        prop_assert_eq!(attached(&output), there);
        for (name, gateway) in &output.attachments.gateways {
            let snapshot = &output.gateways[name];
            let counts = (snapshot.providers.len(), snapshot.routes.len(), snapshot.keys.len());
            prop_assert_eq!((gateway.providers, gateway.routes, gateway.keys), counts);
            let served = fragments(snapshot);
            for Skipped { object: (kind, object), code } in &gateway.skipped {
                prop_assert!(!served.contains_key(&(kind.name().to_owned(), object.clone())));
                prop_assert_eq!(code.status(), ConditionStatus::False, "{} on {}", code, object);
            }
            prop_assert!(gateway.skipped.is_sorted_by(|a, b| a.object < b.object), "each once");
        }
    }

    #[test]
    fn what_is_served_nowhere_has_a_finding_that_says_why(world in random::world().prop_map(once)) {
        let output = compile(&input(&world));
        let blamed = blamed(&output);
        let served: BTreeSet<Id> = attached(&output).into_iter().map(|(_, id)| id).collect();
        for id in names_of(&world).into_iter().filter(|(kind, _)| ["LLMRoute", "LLMKey"].contains(&kind.as_str())) {
            prop_assert!(served.contains(&id) || blamed.contains(&id), "{:?}", id);
        }
        let skipped = output.attachments.gateways.values().flat_map(|gateway| &gateway.skipped);
        for Skipped { object: (kind, name), .. } in skipped {
            prop_assert!(blamed.contains(&(kind.name().to_owned(), name.clone())));
        }
    }

    #[test]
    fn a_namespace_that_admits_nobody_might_as_well_not_be_there(world in random::world().prop_map(once)) {
        let secluded: Vec<Value> = world.into_iter().map(|mut object| {
            if let Some(spec) = object["spec"].as_object_mut() {
                spec.remove("allowedNamespaces");
            }
            object
        }).collect();
        let is_here = |name: &ObjectName| &*name.namespace == "default";
        let without: Vec<Value> = secluded
            .iter()
            .filter(|object| !text_of(&object["kind"]).starts_with("LLM") || is_here(&id(object).1))
            .cloned()
            .collect();
        let (with, without) = (compile(&input(&secluded)), compile(&input(&without)));
        let findings = |output: &Output| -> Vec<String> {
            output.findings.iter().filter(|it| is_here(&it.object.1)).map(ToString::to_string).collect()
        };
        prop_assert_eq!(findings(&with), findings(&without));
        for (name, snapshot) in &without.gateways {
            prop_assert_eq!(whole(snapshot), whole(&with.gateways[name]));
        }
        for (name, route) in &without.attachments.routes {
            prop_assert_eq!(route, &with.attachments.routes[name]);
        }
    }

    #[test]
    fn s8_6_the_order_of_objects_does_not_matter(
        (world, shuffled) in random::world().prop_flat_map(|world| (Just(world.clone()), Just(world).prop_shuffle()))
    ) {
        // Of two Secrets or Namespaces of one name the last counts, as in any map: they come once.
        let maps = ["Secret", "Namespace", "Flags"].map(Value::from);
        let secrets = |world: &[Value]| world.iter().filter(|it| maps.contains(&it["kind"])).map(id).collect::<Vec<_>>();
        prop_assume!(secrets(&world).len() == secrets(&world).iter().collect::<BTreeSet<_>>().len());
        prop_assert_eq!(bytes(&compile(&input(&world))), bytes(&compile(&input(&shuffled))));
    }
}

/// Compares what is unrelated; says how many fragments that were.
fn unrelated_stay(world: &[Value], changed: &Value, now: Option<&Value>) -> usize {
    let same = |object: &&Value| id(object) != id(changed);
    let after: Vec<Value> = world.iter().filter(same).chain(now).cloned().collect();
    let touched = touched(world, changed, now);
    let (old, new) = (compile(&input(world)), compile(&input(&after)));
    let names: BTreeSet<&ObjectName> = old.gateways.keys().chain(new.gateways.keys()).collect();
    let mut compared = 0;
    for name in names.into_iter().filter(|name| !touched.gateways.contains(name)) {
        let (old, new) = (fragments(&old.gateways[name]), fragments(&new.gateways[name]));
        let ids: BTreeSet<&Id> = old.keys().chain(new.keys()).collect();
        for id in ids.into_iter().filter(|id| !touched.objects.contains(id)) {
            let (old, new) = (old.get(id), new.get(id));
            let may_come_or_go = id.0 == "LLMProvider" && touched.needed.contains(&id.1);
            if !(may_come_or_go && old.is_some() != new.is_some()) {
                assert_eq!(old, new, "{id:?} changed with {}", self::id(changed).1);
                compared += 1;
            }
        }
    }
    compared
}

#[test]
fn s8_6_one_object_dropped_or_broken_leaves_the_fragments_of_unrelated_ones_byte_identical() {
    let compared = Cell::new(0);
    let config = Config { cases: 1024, failure_persistence: None, ..Config::default() };
    let strategy = (random::world().prop_map(once), any::<Index>(), random::object());
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&strategy, |(world, which, other)| {
            if world.is_empty() {
                return Ok(());
            }
            let changed = which.get(&world);
            let dropped = unrelated_stay(&world, changed, None);
            let broken = broken(changed, &other);
            compared.set(compared.get() + dropped + unrelated_stay(&world, changed, Some(&broken)));
            Ok(())
        })
        .unwrap();
    assert!(compared.get() > 1_000, "only {} fragments were compared", compared.get());
}

/// `object` with everything but its identity from `other`, as far as that is of its kind; else emptied.
fn broken(object: &Value, other: &[Value]) -> Value {
    let mut broken = object.clone();
    if let Some(other) = other.iter().find(|other| other["kind"] == object["kind"]) {
        for part in ["spec", "stringData", "requireCredentialLabel"] {
            if object.get(part).is_some() {
                broken[part] = other[part].clone();
            }
        }
        if let Some(labels) = other["metadata"].get("labels") {
            broken["metadata"]["labels"] = labels.clone();
        }
    }
    broken
}

fn of_compile() -> impl Iterator<Item = &'static Code> {
    Code::ALL.iter().filter(|code| code.is_found_by_compile())
}

#[test]
fn the_worlds_are_rich_enough_to_meet_every_code() {
    let mut seen: BTreeSet<Code> = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..2048 {
        let world = random::world().new_tree(&mut runner).unwrap().current();
        seen.extend(compile(&input(&world)).findings.iter().map(|finding| finding.code));
    }
    let missing: Vec<&str> = of_compile().filter(|code| !seen.contains(code)).map(|it| it.reason()).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
}
