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
        current += usize::from(heard.ack.is_some_and(|ack| aim.reaches(&ack, since)));
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
        Programmed::Blocked { .. } => 5,
        Programmed::NotServed => 6,
    }
}
