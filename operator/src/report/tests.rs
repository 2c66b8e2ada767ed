//! A world of real objects through compile, and what the report makes of it, pass after pass.

use super::*;
use serde_json::{Value, json};
use std::time::Instant;
use weir_compile::{Input, compile};
use weir_crds::API_VERSION;

/// The objects of a world, and the time.
#[derive(Default)]
struct World {
    gateways: Vec<LLMGateway>,
    providers: Vec<LLMProvider>,
    routes: Vec<LLMRoute>,
    keys: Vec<LLMKey>,
    numbers: BTreeMap<ObjectName, GatewayNumbers>,
    known: Known,
    findings: Vec<Finding>,
    now: i64,
}

fn object<K: serde::de::DeserializeOwned>(kind: Kind, name: &str, spec: Value) -> K {
    serde_json::from_value(json!({
        "apiVersion": API_VERSION, "kind": kind.name(), "spec": spec,
        "metadata": {"namespace": "a", "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1", "generation": 1},
    }))
    .unwrap()
}

fn provider(name: &str) -> LLMProvider {
    object(Kind::Provider, name, json!({"vendor": "Mock"}))
}

fn route(name: &str, provider: &str) -> LLMRoute {
    let targets = json!([{"name": "main", "providerRef": {"name": provider}}]);
    object(Kind::Route, name, json!({"model": name, "targets": targets}))
}

fn key(name: &str, sha256: u64) -> LLMKey {
    let digests = json!([{"sha256": format!("{sha256:064x}"), "notAfter": "2030-01-01T00:00:00Z"}]);
    object(Kind::Key, name, json!({"allowedModels": ["*"], "source": {"digests": digests}}))
}

fn arcs<K: Clone>(objects: &[K]) -> Vec<Arc<K>> {
    objects.iter().cloned().map(Arc::new).collect()
}

/// A gateway, an account that a route uses and one that none does, a route without an account, a key.
fn small() -> World {
    let numbers = GatewayNumbers { pods: 2, ready: 2, current: 2, ..GatewayNumbers::default() };
    World {
        gateways: vec![object(Kind::Gateway, "default", json!({}))],
        providers: vec![provider("used"), provider("unused")],
        routes: vec![route("fine", "used"), route("lost", "nobody")],
        keys: vec![key("app", 1)],
        numbers: BTreeMap::from([(ObjectName::new("a", "default"), numbers)]),
        now: 1_800_000_000,
        ..World::default()
    }
}

impl World {
    /// As run.rs asks: with `programmed` where something is served.
    fn report(&self, programmed: &Programmed) -> Report {
        let input = Input {
            gateways: arcs(&self.gateways),
            providers: arcs(&self.providers),
            routes: arcs(&self.routes),
            keys: arcs(&self.keys),
            ..Input::default()
        };
        let output = compile(&input);
        let of = |(kind, name): &(Kind, ObjectName)| match output.attachments.gateways_of(*kind, name) {
            gateways if !gateways.is_empty() => programmed.clone(),
            _ if *kind == Kind::Provider => Programmed::NotReferenced,
            _ => Programmed::NotServed,
        };
        all(&ReportInput {
            gateways: &input.gateways,
            providers: &input.providers,
            routes: &input.routes,
            keys: &input.keys,
            output: &output,
            findings: &self.findings,
            programmed: &of,
            numbers: &self.numbers,
            known: &self.known,
            now: Timestamp::from_second(self.now).unwrap(),
        })
    }

    /// The API server takes what is offered and the watch tells of it.
    fn apply(&mut self, report: Report) {
        for Offer { object: (_, name), status, .. } in report.offers {
            match status.as_ref().clone() {
                Status::Gateway(status) => put(&mut self.gateways, &name, status),
                Status::Provider(status) => put(&mut self.providers, &name, status),
                Status::Route(status) => put(&mut self.routes, &name, status),
                Status::Key(status) => put(&mut self.keys, &name, status),
            }
        }
    }
}

fn put<K: Resource + HasStatus>(objects: &mut [K], name: &ObjectName, status: K::Status) {
    let object = objects.iter_mut().find(|object| name_of(object.meta()) == *name).unwrap();
    *object.status_mut() = Some(status);
}

fn offered(report: &Report) -> Vec<&str> {
    report.offers.iter().map(|offer| offer.object.1.name.as_str()).collect()
}

fn ready<'a>(report: &'a Report, name: &str) -> (ConditionStatus, &'a str) {
    let offer = report.offers.iter().find(|offer| offer.object.1.name == name).unwrap();
    let ready = conditions::find(offer.status.conditions(), conditions::READY).unwrap();
    (ready.status, &ready.reason)
}

const PENDING: Programmed = Programmed::Pending { current: 0, total: 2 };

#[test]
fn every_object_is_told_what_became_of_it() {
    use ConditionStatus::{False, True};
    let world = small();
    let report = world.report(&Programmed::Current);
    assert_eq!(offered(&report), ["default", "used", "unused", "fine", "lost", "app"]);
    assert_eq!(ready(&report, "default"), (True, "Ready"));
    assert_eq!(ready(&report, "used"), (True, "Ready"));
    assert_eq!(ready(&report, "unused"), (True, "NotReferenced"));
    assert_eq!(ready(&report, "fine"), (True, "Ready"));
    assert_eq!(ready(&report, "lost"), (False, "NoTargets"));
    assert_eq!(ready(&report, "app"), (True, "Ready"));
    let patience = Timestamp::from_second(world.now + conditions::PATIENCE).unwrap();
    assert_eq!(report.next_change, Some(patience));
    let news: Vec<_> = report.offers.iter().filter(|offer| offer.news.is_some()).collect();
    assert_eq!(news.len(), 1, "only of what is not well");
}

#[test]
fn a_calm_world_is_told_nothing() {
    let mut world = small();
    let report = world.report(&Programmed::Current);
    world.apply(report);
    world.now += 60;
    assert_eq!(offered(&world.report(&Programmed::Current)), [""; 0]);
    world.now += 600;
    assert_eq!(offered(&world.report(&Programmed::Current)), ["lost"], "it is Stalled by now");
    let report = world.report(&Programmed::Current);
    world.apply(report);
    assert_eq!(offered(&world.report(&Programmed::NoReadyPods)), [""; 0], "latched");
    let end: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(world.report(&Programmed::Current).next_change, Some(end));
    world.now = end.as_second();
    assert_eq!(offered(&world.report(&Programmed::Current)), ["app"], "its text has ended");
}

#[test]
fn what_was_written_counts_although_the_watch_does_not_know_it_yet() {
    let mut world = small();
    for offer in world.report(&Programmed::Current).offers {
        world.known.sent(offer.uid, offer.status);
    }
    world.now += 60;
    assert_eq!(offered(&world.report(&Programmed::Current)), [""; 0]);
    world.known.landed("uid-app", Some("7".to_owned()));
    world.known.landed("uid-lost", None);
    assert_eq!(offered(&world.report(&Programmed::Current)), ["lost"], "that call has failed");
    // The watch tells of version 7, in which somebody has removed the status.
    world.keys[0].metadata.resource_version = Some("7".to_owned());
    let report = world.report(&Programmed::Current);
    assert_eq!(offered(&report), ["lost", "app"]);
    assert_eq!(report.caught_up, [("uid-app".to_owned(), "7".to_owned())]);
}

#[test]
fn only_what_waits_for_pods_alone_may_be_held_back() {
    let report = small().report(&PENDING);
    let held: Vec<(&str, bool)> =
        report.offers.iter().map(|offer| (offer.object.1.name.as_str(), offer.may_wait)).collect();
    assert_eq!(
        held,
        [
            ("default", true),
            ("used", true),
            ("unused", false),
            ("fine", true),
            ("lost", false),
            ("app", true)
        ]
    );
}

#[test]
fn s10_8_the_operators_own_findings_are_told_beside_those_of_compile() {
    let mut world = small();
    let code = Code::NameTaken;
    let object = (Kind::Key, ObjectName::new("a", "app"));
    let message = "Secret app is somebody else's".to_owned();
    let field = "spec.source.generate.secretName".to_owned();
    world.findings.push(Finding { object, severity: code.severity(), code, field, message });
    let report = world.report(&Programmed::Current);
    assert_eq!(ready(&report, "app"), (ConditionStatus::False, "NameTaken"));
    assert_eq!(ready(&report, "fine"), (ConditionStatus::True, "Ready"));
}

#[test]
fn every_status_is_one_that_the_api_server_takes() {
    let mut world = small();
    world.numbers.get_mut(&ObjectName::new("a", "default")).unwrap().revision =
        Some(weir_config::published::Revision { generation: 7, hash: weir_config::Digest([9; 32]) });
    world.keys.extend((2..200).map(|n| {
        let mut short = key(&format!("short-{n}"), n);
        short.spec.expires_at = Some("soon".into());
        short
    }));
    for programmed in [PENDING, Programmed::NoReadyPods, Programmed::PodsUnreachable, Programmed::Current] {
        let report = world.report(&programmed);
        assert!(!report.offers.is_empty());
        world.apply(report);
        world.now += conditions::PATIENCE;
        world.is_valid();
    }
    assert_eq!(world.gateways[0].status.as_ref().unwrap().skipped.len(), 100);
}

impl World {
    fn is_valid(&self) {
        fn each<K: serde::Serialize>(kind: Kind, objects: &[K]) {
            for object in objects {
                let object = serde_json::to_value(object).unwrap();
                let violations = weir_crds::validate::verdict(kind, &object, None);
                let of_status: Vec<_> =
                    violations.iter().filter(|it| it.pointer.starts_with("/status")).collect();
                assert!(of_status.is_empty(), "{of_status:?} in {object}");
            }
        }
        each(Kind::Gateway, &self.gateways);
        each(Kind::Provider, &self.providers);
        each(Kind::Route, &self.routes);
        each(Kind::Key, &self.keys);
    }
}

/// Far above what it takes: this catches a square, not a percent.
#[test]
fn eleven_thousand_objects_that_say_all_already_are_compared_without_being_built() {
    let mut world = small();
    world.providers = (0..100).map(|n| provider(&format!("p{n}"))).collect();
    world.routes = (0..900).map(|n| route(&format!("r{n}"), &format!("p{}", n % 100))).collect();
    world.keys = (0..10_000).map(|n| key(&format!("k{n}"), n)).collect();
    let objects = Input {
        gateways: arcs(&world.gateways),
        providers: arcs(&world.providers),
        routes: arcs(&world.routes),
        keys: arcs(&world.keys),
        ..Input::default()
    };
    let output = compile(&objects);
    let (current, now) = (|_: &(Kind, ObjectName)| Programmed::Current, Timestamp::UNIX_EPOCH);
    let mut input = ReportInput {
        gateways: &objects.gateways,
        providers: &objects.providers,
        routes: &objects.routes,
        keys: &objects.keys,
        output: &output,
        findings: &[],
        programmed: &current,
        numbers: &world.numbers,
        known: &Known::default(),
        now,
    };
    let began = Instant::now();
    let report = all(&input);
    let first = began.elapsed();
    assert_eq!(report.offers.len(), 11_001);
    let mut known = Known::default();
    for offer in report.offers {
        known.sent(offer.uid, offer.status);
    }
    input.known = &known;
    let began = Instant::now();
    let again = all(&input).offers.len();
    let second = began.elapsed();
    assert_eq!(again, 0);
    println!("{first:?} to say everything, {second:?} to say nothing");
    assert!(second.as_millis() < 1500, "{first:?} for all, {second:?} for none");
}

#[test]
fn s8_12_a_key_whose_time_is_over_is_not_ready_and_stalled_from_that_instant_on() {
    use ConditionStatus::{False, True};
    const END: i64 = 1_893_456_000;
    let expires = json!({"allowedModels": ["*"], "expiresAt": "2030-01-01T00:00:00Z", "source": {"digests": [{"sha256": format!("{:064x}", 2)}]}});
    let mut world = small();
    world.routes.truncate(1);
    // One expires as a whole, the other by its only text.
    world.keys = vec![object(Kind::Key, "whole", expires), key("text", 1)];
    let report = world.report(&Programmed::Current);
    assert_eq!((ready(&report, "whole"), ready(&report, "text")), ((True, "Ready"), (True, "Ready")));
    assert_eq!(report.next_change.map(Timestamp::as_second), Some(END));
    world.apply(report);
    world.now = END - 1;
    assert_eq!(world.report(&Programmed::Current).next_change.map(Timestamp::as_second), Some(END));
    world.now = END;
    let report = world.report(&Programmed::Current);
    for name in ["whole", "text"] {
        assert_eq!(ready(&report, name), (False, "Expired"));
        let offer = report.offers.iter().find(|offer| offer.object.1.name == name).unwrap();
        assert!(conditions::find(offer.status.conditions(), conditions::STALLED).is_some(), "{name}");
        assert!(offer.news.is_some(), "an Event says so");
    }
    assert_eq!(report.next_change, None, "nothing more will change by itself");
    // A key that has another text lives on.
    let two = json!([{"sha256": format!("{:064x}", 1), "notAfter": "2030-01-01T00:00:00Z"}, {"sha256": "f".repeat(64)}]);
    world.keys = vec![object(Kind::Key, "text", json!({"allowedModels": ["*"], "source": {"digests": two}}))];
    assert_eq!(ready(&world.report(&Programmed::Current), "text"), (True, "Ready"));
}
