//! Tables for what people would notice; and for what must hold at every step random lives of an object.

mod pods;
mod random;

use super::*;
use crate::children::rollout::{Behind, Deployed};
use crate::report::message::LONGEST;
use weir_config::ObjectName;
use weir_crds::MOST_SKIPPED;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn finding(code: Code) -> Finding {
    let object = (Kind::Route, ObjectName::new("a", "x"));
    let (field, message) = ("spec.x".to_owned(), "what; why; do this".to_owned());
    Finding { object, severity: code.severity(), code, field, message }
}

fn found(codes: &[Code]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = codes.iter().map(|code| finding(*code)).collect();
    findings.sort();
    findings
}

/// What an object is told, step by step.
struct Life {
    said: Vec<Condition>,
    generation: i64,
    kind: Kind,
    deployed: Deployed,
}

impl Life {
    fn of(kind: Kind) -> Self {
        Self { said: Vec::new(), generation: 1, kind, deployed: Deployed::default() }
    }

    fn step(&mut self, codes: &[Code], programmed: Programmed, now: Timestamp) -> &mut Self {
        let findings = found(codes);
        let findings: Vec<&Finding> = findings.iter().collect();
        let deployed = self.deployed.clone();
        let rollout = Some(Rollout { ready: 2, current: 1, skipped: 0, deployed });
        let facts =
            Facts { kind: self.kind, generation: self.generation, findings: &findings, programmed, rollout };
        self.said = conditions(&facts, &self.said, now);
        self
    }

    fn get(&self, type_: &str) -> (ConditionStatus, &str) {
        let condition = find(&self.said, type_).unwrap();
        (condition.status, condition.reason.as_str())
    }

    fn has(&self, type_: &str) -> bool {
        find(&self.said, type_).is_some()
    }

    fn since(&self, type_: &str) -> i64 {
        since(find(&self.said, type_).unwrap()).unwrap() - at(0).as_second()
    }
}

use ConditionStatus::{False, True, Unknown};

const ONE_OF_TWO: Programmed = Programmed::Pending { current: 1, total: 2 };

#[test]
fn s8_5_one_of_two_behind_is_false_and_says_how_many() {
    let mut life = Life::of(Kind::Route);
    life.step(&[], ONE_OF_TWO, at(0));
    assert_eq!(life.get("Programmed"), (False, "Pending"));
    assert_eq!(life.get(READY), (False, "Pending"));
    assert_eq!(life.get(RECONCILING), (True, "Pending"));
    assert!(find(&life.said, READY).unwrap().message.starts_with("1/2 ready pods"));
    assert!(find(&life.said, READY).unwrap().message.ends_with("[WEIR0504]"));
    life.step(&[], Programmed::Current, at(1));
    assert_eq!(life.get(READY), (True, "Ready"));
    assert!(!life.has(RECONCILING));
}

#[test]
fn s8_5_no_pods_is_false_and_silent_pods_are_unknown() {
    let mut life = Life::of(Kind::Route);
    life.step(&[], Programmed::NoReadyPods, at(0));
    assert_eq!(life.get(READY), (False, "NoReadyPods"));
    assert!(!life.has(RECONCILING) && !life.has(STALLED));
    life.step(&[], Programmed::PodsUnreachable, at(0));
    assert_eq!(life.get("Programmed"), (Unknown, "PodsUnreachable"));
    assert_eq!(life.get(READY), (Unknown, "PodsUnreachable"));
}

#[test]
fn s8_5_programmed_once_it_stays_so_for_this_generation() {
    let mut life = Life::of(Kind::Route);
    life.step(&[], Programmed::Current, at(0));
    let before = life.said.clone();
    for behind in [ONE_OF_TWO, Programmed::NoReadyPods, Programmed::PodsUnreachable] {
        life.step(&[], behind, at(9));
        assert_eq!(life.said, before, "not a word changes, so nothing is written");
    }
    life.generation = 2;
    life.step(&[], ONE_OF_TWO, at(10));
    assert_eq!(life.get("Programmed"), (False, "Pending"));
}

#[test]
fn s8_5_what_comes_to_be_referenced_is_programmed_when_pods_have_it() {
    let mut life = Life::of(Kind::Provider);
    life.step(&[Code::NotReferenced], Programmed::NotReferenced, at(0));
    assert_eq!(life.get("Programmed"), (True, "NotReferenced"));
    life.step(&[], ONE_OF_TWO, at(1));
    assert_eq!(life.get("Programmed"), (False, "Pending"));
    life.step(&[], Programmed::Current, at(2));
    assert_eq!(life.get("Programmed"), (True, "Programmed"));
}

#[test]
fn s8_5_what_nothing_refers_to_any_more_waits_for_no_pod() {
    let mut life = Life::of(Kind::Provider);
    life.step(&[], Programmed::Current, at(0));
    for second in 1..3 {
        life.step(&[Code::NotReferenced], ONE_OF_TWO, at(second));
        assert_eq!(life.get("Programmed"), (True, "NotReferenced"));
    }
}

#[test]
fn s8_5_what_is_not_served_any_more_loses_programmed_in_spite_of_the_latch() {
    let mut life = Life::of(Kind::Key);
    life.step(&[], Programmed::Current, at(0));
    life.step(&[Code::SecretNotFound], Programmed::NotServed, at(1));
    assert_eq!(life.get("Programmed"), (False, "SecretNotFound"));
    assert_eq!(life.get("ResolvedRefs"), (False, "SecretNotFound"));
    life.step(&[], ONE_OF_TWO, at(2));
    assert_eq!(life.get("Programmed"), (False, "Pending"), "the pods have to take it anew");
}

#[test]
fn s8_5_a_gateways_pods_show_in_conditions_that_never_feed_ready() {
    let mut life = Life::of(Kind::Gateway);
    life.step(&[], Programmed::Current, at(0));
    assert_eq!(life.get(AVAILABLE), (True, AVAILABLE));
    assert_eq!(life.get(CONFIG_IN_SYNC), (False, "Pending"));
    assert_eq!(life.get(READY), (True, READY));
    assert!(find(&life.said, CONFIG_IN_SYNC).unwrap().message.starts_with("1/2 ready pods"));

    let none = Rollout::default();
    assert_eq!(super::pods::in_sync(&none, &Programmed::Current).reason, "NoReadyPods");
    assert_eq!(super::pods::available(&none).status, False);
    let all = Rollout { ready: 2, current: 2, skipped: MOST_SKIPPED + 3, ..Rollout::default() };
    let all = super::pods::in_sync(&all, &Programmed::Current);
    assert_eq!((all.status, all.reason), (True, CONFIG_IN_SYNC));
    assert!(all.message.contains("3 more objects"), "{}", all.message);
}

#[test]
fn what_nothing_refers_to_is_ready() {
    let mut life = Life::of(Kind::Provider);
    life.step(&[Code::NotReferenced], Programmed::NotReferenced, at(0));
    assert_eq!(life.get("Programmed"), (True, "NotReferenced"));
    assert_eq!(life.get(READY), (True, "NotReferenced"));
    // A gateway without routes whose pods run its empty configuration.
    let mut life = Life::of(Kind::Gateway);
    life.step(&[Code::NotReferenced], Programmed::Current, at(0));
    assert_eq!(life.get(READY), (True, "NotReferenced"));
    // A key before any route.
    let mut life = Life::of(Kind::Key);
    life.step(&[Code::ModelNotServed], Programmed::Current, at(0));
    assert_eq!(life.get(READY), (True, READY));
}

#[test]
fn s8_6_a_route_of_which_some_targets_serve_is_ready_and_says_what_is_missing() {
    let mut life = Life::of(Kind::Route);
    life.step(&[Code::ProviderNotFound, Code::PartiallyResolved], Programmed::Current, at(0));
    assert_eq!(life.get("ResolvedRefs"), (True, "PartiallyResolved"));
    assert_eq!(life.get(READY), (True, "PartiallyResolved"));
    let message = &find(&life.said, READY).unwrap().message;
    assert!(message.contains("[WEIR0305]") && message.contains("[WEIR0303]"), "{message}");
    life.step(&[Code::ProviderNotFound, Code::NoTargets], Programmed::Current, at(1));
    assert_eq!(life.get(READY), (False, "NoTargets"));
}

#[test]
fn the_first_check_that_fails_gives_ready_its_reason() {
    let mut life = Life::of(Kind::Route);
    life.step(&[Code::NoTargets, Code::NoMatchingGateway], Programmed::NotServed, at(0));
    assert_eq!(life.get("Accepted"), (False, "NoMatchingGateway"));
    assert_eq!(life.get("ResolvedRefs"), (False, "NoTargets"));
    assert_eq!(life.get("Programmed"), (False, "NoMatchingGateway"));
    assert_eq!(life.get(READY), (False, "NoMatchingGateway"));
}

#[test]
fn a_terminal_error_stalls_at_once_and_a_broken_reference_after_five_minutes() {
    let mut life = Life::of(Kind::Route);
    life.step(&[Code::InvalidEndpoint], Programmed::NotServed, at(0));
    assert_eq!(life.get(STALLED), (True, "InvalidEndpoint"));

    let mut life = Life::of(Kind::Route);
    life.step(&[Code::NoTargets], Programmed::Current, at(0));
    assert!(!life.has(STALLED));
    assert_eq!(next_change(&life.said, at(0)), Some(at(PATIENCE)));
    life.step(&[Code::NoTargets], Programmed::Current, at(PATIENCE - 1));
    assert!(!life.has(STALLED));
    life.step(&[Code::NoTargets], Programmed::Current, at(PATIENCE));
    assert_eq!(life.get(STALLED), (True, "NoTargets"));
    assert_eq!(next_change(&life.said, at(PATIENCE)), None);
    life.step(&[], Programmed::Current, at(PATIENCE + 1));
    assert!(!life.has(STALLED));
}

#[test]
fn s10_8_a_taken_name_and_a_configuration_that_does_not_fit_stall_at_once() {
    for code in [Code::NameTaken, Code::TooLarge] {
        let mut life = Life::of(Kind::Route);
        let message = "ConfigMap default-config is somebody else's".to_owned();
        life.step(&[], Programmed::Blocked { code, message }, at(0));
        assert_eq!(life.get("Programmed"), (False, code.reason()));
        assert_eq!(life.get(STALLED), (True, code.reason()));
        assert!(find(&life.said, READY).unwrap().message.contains("default-config"));
    }
    // The operator's own finding on a key.
    let mut life = Life::of(Kind::Key);
    life.step(&[Code::NameTaken, Code::KeyPending], Programmed::NotServed, at(0));
    assert_eq!(life.get(STALLED), (True, "NameTaken"));
}

/// All pods have forgotten it, unlike one that is only behind.
#[test]
fn s8_11_what_is_left_out_is_pending_even_if_it_was_in_force_before() {
    let mut life = Life::of(Kind::Key);
    life.step(&[], Programmed::Current, at(0));
    let message = "pods of an older version cannot be told of a budget".to_owned();
    life.step(&[], Programmed::LeftOut { message }, at(1));
    assert_eq!(life.get("Programmed"), (False, "Pending"));
    assert_eq!((life.get(READY), life.get(RECONCILING)), ((False, "Pending"), (True, "Pending")));
    assert!(find(&life.said, READY).unwrap().message.contains("a budget"));
    life.step(&[], Programmed::Current, at(2));
    assert_eq!(life.get(READY).0, True);
}

#[test]
fn a_key_that_is_being_made_is_reconciling() {
    let mut life = Life::of(Kind::Key);
    life.step(&[Code::KeyPending], Programmed::NotServed, at(0));
    assert_eq!(life.get(READY), (False, "KeyPending"));
    assert_eq!(life.get(RECONCILING), (True, "KeyPending"));
}

#[test]
fn a_time_changes_with_its_status_only() {
    let mut life = Life::of(Kind::Route);
    life.step(&[], ONE_OF_TWO, at(10));
    life.step(&[], Programmed::NoReadyPods, at(20));
    assert_eq!(life.since(READY), 10, "another reason is no flip");
    life.step(&[], Programmed::Current, at(30));
    assert_eq!((life.since(READY), life.since("Accepted")), (30, 10));
    life.step(&[Code::NoTargets], Programmed::Current, at(5));
    assert_eq!(life.since(READY), 30, "a clock that goes back moves nothing");
    life.said.iter_mut().for_each(|condition| condition.last_transition_time = "soon".into());
    life.step(&[], Programmed::Current, at(40));
    assert_eq!(life.since("Accepted"), 40, "what is no time is replaced");
}

#[test]
fn what_is_said_is_known_again_in_any_order_and_beside_somebody_elses() {
    let findings: [&Finding; 0] = [];
    let facts = Facts {
        kind: Kind::Route,
        generation: 1,
        findings: &findings,
        programmed: Programmed::Current,
        rollout: None,
    };
    let mut said = conditions(&facts, &[], at(0));
    said.reverse();
    said.push(Condition { type_: "example.com/Approved".to_owned(), ..said[0].clone() });
    let is_said = |generation, said: &[Condition]| is_said(&judge(&facts, said, at(1)), generation, said);
    assert!(is_said(1, &said));
    assert!(!is_said(2, &said), "another generation");
    assert!(!is_said(1, &said[1..]), "one is missing");
    said.push(Condition { type_: STALLED.to_owned(), ..said[0].clone() });
    assert!(!is_said(1, &said), "one is there that should go");
}
