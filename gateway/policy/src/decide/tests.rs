use super::*;
use proptest::prelude::*;

const USABLE: TargetFacts =
    TargetFacts { priority: 0, suspended: false, offered: true, context_window: None };

fn positions(order: &[Planned]) -> Vec<usize> {
    order.iter().map(|planned| planned.target).collect()
}

#[test]
fn s6_2_lower_priorities_go_first_and_equal_ones_stand_as_written() {
    let targets = [2, 0, 1, 0].map(|priority| TargetFacts { priority, ..USABLE });
    assert_eq!(positions(&decide(&targets).order), [1, 3, 2, 0]);
}

#[test]
fn s6_1_a_target_that_is_suspended_or_lacks_the_model_is_left_out() {
    let targets = [
        TargetFacts { suspended: true, ..USABLE },
        TargetFacts { offered: false, ..USABLE },
        TargetFacts { context_window: Some(8_192), ..USABLE },
        TargetFacts { suspended: true, offered: false, ..USABLE },
    ];
    let Decision { order, left_out } = decide(&targets);
    assert_eq!(order, [Planned { target: 2, context_window: Some(8_192) }]);
    let reasons: Vec<_> = left_out.iter().map(|left_out| (left_out.target, left_out.reason)).collect();
    assert_eq!(reasons, [(0, Reason::Suspended), (1, Reason::NotOffered), (3, Reason::Suspended)]);
    assert_eq!(decide(&[]), Decision::default());
}

proptest! {
    #[test]
    fn s6_1_every_target_that_may_be_tried_is_in_the_order_once(
        targets in prop::collection::vec((0u32..4, any::<bool>(), any::<bool>()), 0..40),
    ) {
        let targets: Vec<TargetFacts> = targets
            .into_iter()
            .map(|(priority, suspended, offered)| TargetFacts { priority, suspended, offered, ..USABLE })
            .collect();
        let order = positions(&decide(&targets).order);
        let mut seen = order.clone();
        seen.sort_unstable();
        let may = |at: &usize| !targets[*at].suspended && targets[*at].offered;
        prop_assert_eq!(seen, (0..targets.len()).filter(may).collect::<Vec<_>>());
        let keys: Vec<_> = order.iter().map(|at| (targets[*at].priority, *at)).collect();
        prop_assert!(keys.is_sorted());
    }
}
