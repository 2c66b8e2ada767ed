use super::*;
use proptest::prelude::*;

const USABLE: TargetFacts =
    TargetFacts { priority: 0, suspended: false, offered: true, context_window: None };

fn positions(decision: &Decision) -> Vec<usize> {
    decision.order.iter().map(|planned| planned.target).collect()
}

#[test]
fn s6_2_lower_priorities_go_first_and_equal_ones_stand_as_written() {
    let targets = [2, 0, 1, 0].map(|priority| TargetFacts { priority, ..USABLE });
    assert_eq!(positions(&decide(&targets)), [1, 3, 2, 0]);
}

#[test]
fn s6_1_a_target_left_out_has_its_reason() {
    let targets = [
        TargetFacts { suspended: true, offered: false, ..USABLE },
        TargetFacts { offered: false, ..USABLE },
        TargetFacts { context_window: Some(8_192), ..USABLE },
    ];
    let decision = decide(&targets);
    assert_eq!(decision.left_out, [(0, LeftOut::Suspended), (1, LeftOut::ModelNotOffered)]);
    assert_eq!(decision.order, [Planned { target: 2, context_window: Some(8_192) }]);
}

#[test]
fn a_route_without_targets_has_nobody_to_ask() {
    assert_eq!(decide(&[]), Decision::default());
}

proptest! {
    #[test]
    fn s6_1_every_target_is_either_in_the_order_or_left_out(
        targets in prop::collection::vec((0u32..4, any::<bool>(), any::<bool>()), 0..40),
    ) {
        let targets: Vec<TargetFacts> = targets
            .into_iter()
            .map(|(priority, suspended, offered)| TargetFacts { priority, suspended, offered, ..USABLE })
            .collect();
        let decision = decide(&targets);
        let mut seen = positions(&decision);
        seen.extend(decision.left_out.iter().map(|(target, _)| *target));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..targets.len()).collect::<Vec<_>>());
        for planned in &decision.order {
            let facts = targets[planned.target];
            prop_assert!(!facts.suspended && facts.offered);
        }
        let keys: Vec<_> = positions(&decision).iter().map(|at| (targets[*at].priority, *at)).collect();
        prop_assert!(keys.is_sorted());
    }
}
