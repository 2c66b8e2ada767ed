//! Whether an object's last change is in force (semantics S8.5): decided from what is published and what pods said.

use crate::acks::{Aim, Heard};
use crate::report::Programmed;

/// How far `gateway`'s pods are with what changed in generation `since`; `heard` is what is known of a pod by its
/// uid.
pub fn on_gateway(aim: &Aim, since: u64, heard: impl Fn(&str) -> Option<Heard>) -> Programmed {
    let ready = aim.pods.iter().filter(|pod| pod.ready);
    let (mut total, mut current, mut answering) = (0, 0, 0);
    for pod in ready {
        let heard = heard(&pod.uid).unwrap_or_default();
        total += 1;
        answering += usize::from(!heard.silent);
        // What a pod once ran it runs on, or something newer: silence takes nothing back.
        current += usize::from(heard.runs.is_some_and(|runs| aim.reaches(runs, since)));
    }
    match (total, current) {
        (0, _) => Programmed::NoReadyPods,
        (total, current) if current == total => Programmed::Current,
        _ if answering == 0 => Programmed::PodsUnreachable,
        (total, current) => Programmed::Pending { current, total },
    }
}

/// The word on several gateways: the worst, and of those that wait the sum.
pub fn over_all(gateways: impl Iterator<Item = Programmed>) -> Option<Programmed> {
    gateways.reduce(|one, other| match (one, other) {
        (Programmed::Pending { current, total }, Programmed::Pending { current: more, total: of }) => {
            Programmed::Pending { current: current + more, total: total + of }
        }
        (one, other) => {
            if rank(&one) >= rank(&other) {
                one
            } else {
                other
            }
        }
    })
}

fn rank(programmed: &Programmed) -> u8 {
    match programmed {
        Programmed::NotReferenced => 0,
        Programmed::Current => 1,
        Programmed::Pending { .. } => 2,
        Programmed::PodsUnreachable => 3,
        Programmed::NoReadyPods => 4,
        Programmed::LeftOut { .. } => 5,
        Programmed::Blocked { .. } => 6,
        Programmed::NotServed => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::GatewayPod;
    use proptest::prelude::*;
    use weir_config::Digest;
    use weir_config::published::Revision;

    fn revision(generation: u64) -> Revision {
        Revision { generation, hash: Digest::of(&generation.to_be_bytes()) }
    }

    /// A gateway of which generation 7 is published.
    fn aim(pods: usize) -> Aim {
        let pod = |n: usize| GatewayPod {
            uid: n.to_string(),
            name: format!("pod-{n}"),
            admin: None,
            ready: true,
            leaving: false,
        };
        Aim { revision: revision(7), pods: (0..pods).map(pod).collect() }
    }

    fn runs(generation: u64) -> Heard {
        Heard { runs: Some(revision(generation)), ..Heard::default() }
    }

    /// What is said of an object that changed in generation 5, by pods of which this was heard.
    fn said(heard: &[Option<Heard>]) -> Programmed {
        on_gateway(&aim(heard.len()), 5, |uid| heard[uid.parse::<usize>().unwrap()].clone())
    }

    #[test]
    fn s8_5_an_object_is_in_force_when_every_ready_pod_runs_its_last_change() {
        assert_eq!(said(&[]), Programmed::NoReadyPods);
        assert_eq!(said(&[Some(runs(5)), Some(runs(7))]), Programmed::Current);
        assert_eq!(said(&[Some(runs(4)), Some(runs(7))]), Programmed::Pending { current: 1, total: 2 });
        assert_eq!(said(&[None, Some(runs(7))]), Programmed::Pending { current: 1, total: 2 });
    }

    #[test]
    fn s8_5_silence_takes_nothing_back_and_none_that_answers_is_said() {
        let mute = |heard: Heard| Some(Heard { silent: true, ..heard });
        assert_eq!(said(&[mute(runs(7)), mute(runs(6))]), Programmed::Current);
        assert_eq!(said(&[mute(runs(4)), Some(runs(7))]), Programmed::Pending { current: 1, total: 2 });
        assert_eq!(said(&[mute(Heard::default()), mute(runs(4))]), Programmed::PodsUnreachable);
    }

    #[test]
    fn s8_5_a_pod_that_is_ahead_runs_something_of_another_life() {
        assert_eq!(said(&[Some(runs(8))]), Programmed::Pending { current: 0, total: 1 });
        let mut other = runs(7);
        other.runs = other.runs.map(|runs| Revision { hash: Digest::of(b"other"), ..runs });
        assert_eq!(said(&[Some(other)]), Programmed::Pending { current: 0, total: 1 });
    }

    #[test]
    fn a_pod_that_is_not_ready_does_not_count() {
        let mut aim = aim(2);
        aim.pods[1].ready = false;
        assert_eq!(on_gateway(&aim, 5, |uid| (uid == "0").then(|| runs(5))), Programmed::Current);
    }

    fn any() -> impl Strategy<Value = Programmed> {
        let pending = (0..4usize, 1..4usize)
            .prop_map(|(current, more)| Programmed::Pending { current, total: current + more });
        let left_out = Programmed::LeftOut { message: "a budget".to_owned() };
        let fixed = [Programmed::Current, Programmed::NoReadyPods, Programmed::PodsUnreachable, left_out];
        prop_oneof![pending, prop::sample::select(fixed.to_vec())]
    }

    proptest! {
        #[test]
        fn several_gateways_are_in_force_only_together(all in prop::collection::vec(any(), 1..5)) {
            let word = over_all(all.iter().cloned()).unwrap();
            prop_assert_eq!(word == Programmed::Current, all.iter().all(|it| *it == Programmed::Current));
            let turned = over_all(all.iter().rev().cloned()).unwrap();
            prop_assert_eq!(word, turned, "their order does not matter");
        }
    }
}
