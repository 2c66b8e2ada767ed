//! Random lives of an object.

use super::*;
use proptest::prelude::*;

/// What a tool that follows kstatus makes of it; all that apply.
fn kstatus(conditions: &[Condition]) -> Vec<&'static str> {
    let is = |type_: &str, status| find(conditions, type_).is_some_and(|it| it.status == status);
    let mut outcomes = Vec::new();
    if is(RECONCILING, True) {
        outcomes.push("InProgress");
    }
    if is(STALLED, True) {
        outcomes.push("Failed");
    }
    if outcomes.is_empty() {
        outcomes.push(if is(READY, True) { "Current" } else { "InProgress" });
    }
    outcomes
}

fn any_programmed() -> impl Strategy<Value = Programmed> {
    prop_oneof![
        Just(Programmed::NotReferenced),
        Just(Programmed::Current),
        (0..3usize, 0..3usize).prop_map(|(current, total)| Programmed::Pending { current, total }),
        Just(Programmed::NoReadyPods),
        Just(Programmed::PodsUnreachable),
        prop::sample::select(vec![Code::NameTaken, Code::TooLarge])
            .prop_map(|code| Programmed::Blocked { code, message: "x".repeat(2000) }),
        Just(Programmed::LeftOut { message: "x".repeat(2000) }),
        Just(Programmed::NotServed),
    ]
}

/// One pass: which findings, how far, whether the spec was changed, how many seconds later (a clock may go back), and
/// how pods come up.
type Step = (Vec<Code>, Programmed, bool, i64, Deployed);

fn any_step() -> impl Strategy<Value = Step> {
    let codes = prop::sample::subsequence(Code::ALL.to_vec(), 0..4);
    let found = prop_oneof![3 => Just(Vec::new()), 2 => codes];
    let later = prop_oneof![5 => 0..400i64, 1 => -50..0i64];
    (found, any_programmed(), any::<bool>(), later, any_deployed())
}

fn any_deployed() -> impl Strategy<Value = Deployed> {
    let behind = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Behind::Unapplied)),
        1 => Just(Some(Behind::NoneReady)),
        1 => (0..3usize, 0..3usize).prop_map(|(updated, of)| Some(Behind::Replacing { updated, of })),
    ];
    let failure = prop::option::of(Just("ImagePullBackOff".to_owned()));
    (behind, failure).prop_map(|(behind, failure)| Deployed { behind, failure })
}

fn is_behind(programmed: &Programmed) -> bool {
    matches!(programmed, Programmed::Pending { .. } | Programmed::NoReadyPods | Programmed::PodsUnreachable)
}

/// What must hold after every step, whatever came before.
fn check_step(
    life: &mut Life,
    (codes, programmed, _, _, deployed): &Step,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let before = life.said.clone();
    life.deployed = deployed.clone();
    life.step(codes, programmed.clone(), now);
    let after = life.said.clone();

    prop_assert_eq!(kstatus(&after).len(), 1, "{:?}", after);
    let checks = ["Accepted", "ResolvedRefs", "Programmed"].map(|type_| life.get(type_).0);
    let was_ready = find(&before, READY)
        .is_some_and(|it| it.status == True && it.observed_generation == Some(life.generation));
    let awaits_pods = life.kind == Kind::Gateway && deployed.behind.is_some() && !was_ready;
    let is_ready = checks.iter().all(|status| *status == True) && !awaits_pods;
    prop_assert_eq!(life.get(READY).0 == True, is_ready);
    prop_assert_eq!(kstatus(&after)[0] == "Current", life.get(READY).0 == True);

    for condition in &after {
        prop_assert_eq!(condition.observed_generation, Some(life.generation));
        prop_assert!(TYPES.contains(&condition.type_.as_str()));
        prop_assert_eq!(after.iter().filter(|other| other.type_ == condition.type_).count(), 1);
        prop_assert!(condition.message.len() <= LONGEST + 100, "{}", condition.message);
        if let Some(old) = find(&before, &condition.type_) {
            let (was, is) = (since(old).unwrap(), since(condition).unwrap());
            prop_assert!(was <= is);
            prop_assert!(old.status != condition.status || was == is);
        }
    }
    let was = find(&before, "Programmed");
    let has_run = |it: &Condition| life.kind == Kind::Gateway || it.reason != Code::NotReferenced.reason();
    let is_latched = was.is_some_and(|it| {
        it.status == True && it.observed_generation == Some(life.generation) && has_run(it)
    });
    let fails = codes.iter().any(|code| code.condition() == About::Programmed && code.status() != True);
    if is_latched && is_behind(programmed) && !fails {
        prop_assert_eq!(life.get("Programmed").0, True);
    }
    life.step(codes, programmed.clone(), now);
    prop_assert_eq!(&life.said, &after, "said twice it is the same");
    if let Some(change) = next_change(&after, now) {
        let (early, late) = (change.as_second() - 1, change.as_second());
        prop_assert!(late > now.as_second());
        life.step(codes, programmed.clone(), Timestamp::from_second(early.max(now.as_second())).unwrap());
        prop_assert_eq!(&life.said, &after, "nothing changes before");
        life.step(codes, programmed.clone(), Timestamp::from_second(late).unwrap());
        prop_assert_ne!(&life.said, &after);
        life.said = after;
    }
    Ok(())
}

proptest! {
    #[test]
    fn s8_5_whatever_happens_to_an_object_its_conditions_are_of_one_piece(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        steps in prop::collection::vec(any_step(), 1..12),
    ) {
        let mut life = Life::of(kind);
        let mut now = 1000;
        for step in steps {
            life.generation += i64::from(step.2);
            now += step.3;
            check_step(&mut life, &step, at(now))?;
        }
    }

    #[test]
    fn every_reason_is_in_the_page_of_conditions(step in any_step(), kind in prop::sample::select(Kind::ALL.to_vec())) {
        let page = weir_compile::conditions_markdown();
        let mut life = Life::of(kind);
        life.step(&step.0, step.1, at(0));
        for Condition { type_, reason, .. } in &life.said {
            let types = format!("\n| {type_} | ");
            prop_assert!(page.contains(&types), "no type {type_}");
            prop_assert!(page.contains(&format!("\n| {reason} | ")), "no reason {reason}");
        }
    }
}
