//! What a gateway says while its pods come up, or do not.

use super::*;

const FAILURE: &str = "pod main-gateway-x: ImagePullBackOff: no such image";

fn gateway(behind: Option<Behind>, failure: Option<&str>) -> Life {
    let deployed = Deployed { behind, failure: failure.map(str::to_owned) };
    Life { deployed, ..Life::of(Kind::Gateway) }
}

const REPLACING: Option<Behind> = Some(Behind::Replacing { updated: 1, of: 3 });

#[test]
fn a_gateway_is_ready_when_its_pods_are_as_it_wants_them_and_stays_so() {
    let mut life = gateway(Some(Behind::Unapplied), None);
    life.step(&[Code::NotReferenced], Programmed::Current, at(0));
    assert_eq!((life.get("Programmed"), life.get(READY)), ((True, "NotReferenced"), (False, "Pending")));
    assert_eq!(life.get(RECONCILING), (True, "Pending"));
    life.deployed.behind = Some(Behind::NoneReady);
    life.step(&[], Programmed::Current, at(1));
    assert_eq!(life.get(READY), (False, "NoReadyPods"));
    assert!(!life.has(RECONCILING), "somebody has to look");
    life.deployed.behind = REPLACING;
    life.step(&[], Programmed::Current, at(2));
    assert_eq!(life.get(READY), (False, "Pending"));
    assert!(find(&life.said, READY).unwrap().message.starts_with("1/3 pods"));
    life.deployed.behind = None;
    life.step(&[], Programmed::Current, at(3));
    assert_eq!(life.get(READY), (True, READY));
    for behind in [REPLACING, Some(Behind::NoneReady), Some(Behind::Unapplied)] {
        life.deployed.behind = behind;
        life.step(&[], Programmed::Current, at(4));
        assert_eq!(life.get(READY), (True, READY), "pods that come and go are its own affair");
    }
    life.generation = 2;
    life.step(&[], Programmed::Current, at(5));
    assert_eq!(life.get(READY).0, False, "what it wants now is another matter");
}

#[test]
fn s8_5_a_gateway_that_nothing_refers_to_waits_for_its_pods_too() {
    let mut life = gateway(None, None);
    for behind in [Programmed::NoReadyPods, ONE_OF_TWO, Programmed::PodsUnreachable] {
        life.step(&[Code::NotReferenced], behind.clone(), at(0));
        assert_ne!(life.get("Programmed").0, True, "{behind:?}");
    }
    // So that none says, once routes have come, that pods have run it.
    life.step(&[], Programmed::NoReadyPods, at(1));
    assert_eq!(life.get("Programmed"), (False, "NoReadyPods"));
    life.step(&[Code::NotReferenced], Programmed::Current, at(2));
    life.step(&[], ONE_OF_TWO, at(3));
    assert_eq!(life.get("Programmed"), (True, "Programmed"), "they have, and the rest is told of elsewhere");
}

#[test]
fn pods_that_are_behind_are_told_of_as_soon_as_something_else_fails() {
    let mut life = gateway(None, None);
    life.step(&[], Programmed::Current, at(0));
    life.deployed.behind = REPLACING;
    for second in 1..3 {
        life.step(&[Code::Pending], Programmed::Current, at(second));
        assert_eq!(life.get(READY), (False, "Pending"));
        assert_eq!(life.get(RECONCILING), (True, "Pending"), "in pass {second}");
    }
}

#[test]
fn what_keeps_pods_from_coming_up_is_seen_whoever_serves_meanwhile() {
    let mut life = gateway(REPLACING, Some(FAILURE));
    life.step(&[], Programmed::Current, at(0));
    assert_eq!(life.get(READY), (False, "RolloutFailed"));
    assert_eq!(life.get("Programmed"), (True, "Programmed"));
    assert_eq!(life.get(AVAILABLE), (True, "RolloutFailed"));
    for type_ in [READY, AVAILABLE] {
        let message = &find(&life.said, type_).unwrap().message;
        assert!(message.contains(FAILURE) && message.ends_with("[WEIR0506]"), "{message}");
    }
    life.deployed = Deployed { behind: None, failure: None };
    life.step(&[], Programmed::Current, at(1));
    assert_eq!((life.get(READY), life.get(AVAILABLE)), ((True, READY), (True, AVAILABLE)));
    life.deployed.failure = Some(FAILURE.to_owned());
    life.step(&[], Programmed::Current, at(2));
    assert_eq!((life.get(READY), life.get(AVAILABLE)), ((True, READY), (True, "RolloutFailed")));
}

#[test]
fn whoever_waits_for_pods_that_cannot_come_up_says_why() {
    let mut life = gateway(Some(Behind::NoneReady), Some(FAILURE));
    life.step(&[], Programmed::NoReadyPods, at(0));
    assert_eq!(life.get("Programmed"), (False, "RolloutFailed"));
    assert_eq!(life.get(READY), (False, "RolloutFailed"));
    life.step(&[], Programmed::PodsUnreachable, at(1));
    assert_eq!(life.get("Programmed"), (Unknown, "PodsUnreachable"), "there are some");
}

#[test]
fn a_rollout_that_has_failed_for_five_minutes_is_stalled() {
    for programmed in [Programmed::Current, Programmed::NoReadyPods] {
        let mut life = gateway(REPLACING, Some(FAILURE));
        life.step(&[], programmed.clone(), at(0));
        assert!(!life.has(STALLED) && !life.has(RECONCILING));
        assert_eq!(next_change(&life.said, at(0)), Some(at(PATIENCE)));
        life.step(&[], programmed.clone(), at(PATIENCE - 1));
        assert!(!life.has(STALLED));
        life.step(&[], programmed.clone(), at(PATIENCE));
        assert_eq!(life.get(STALLED), (True, "RolloutFailed"));
        life.deployed = Deployed::default();
        life.step(&[], Programmed::Current, at(PATIENCE + 1));
        assert!(!life.has(STALLED) && life.get(READY).0 == True);
    }
}

#[test]
fn pods_are_no_matter_of_other_kinds() {
    let deployed = Deployed { behind: REPLACING, failure: Some(FAILURE.to_owned()) };
    let mut life = Life { deployed, ..Life::of(Kind::Route) };
    life.step(&[], Programmed::Current, at(0));
    assert_eq!(life.get(READY), (True, READY));
    life.step(&[], ONE_OF_TWO, at(0));
    assert!(!life.has(AVAILABLE));
}
