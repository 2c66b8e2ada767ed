//! What a gateway's conditions say of its pods.
//!
//! Until what the gateway wants now has been rolled out, and a pod of it was ready, that fails Ready: Programmed is
//! about what is configured, and pods from before may serve on. Once it has been, pods that come and go are told of in
//! Available only (semantics S8.5).

use super::{AVAILABLE, CONFIG_IN_SYNC, Check, Facts, Programmed, READY, Verdict, find};
use crate::children::rollout::{Behind, Deployed};
use crate::report::message::coded;
use weir_compile::{Code, Condition as About, Kind};
use weir_crds::{Condition, ConditionStatus, MOST_SKIPPED};

/// A gateway's pods, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// How many pods are ready.
    pub ready: usize,
    /// How many of these run what was published last.
    pub current: usize,
    /// How many objects attach to it and are not served.
    pub skipped: usize,
    /// How its pods come up.
    pub deployed: Deployed,
}

/// Why Programmed waits for pods of a gateway that cannot come up.
pub(super) fn cannot_come_up(facts: &Facts<'_>) -> Option<Check> {
    let said = facts.rollout.as_ref().filter(|_| facts.kind == Kind::Gateway).and_then(failure)?;
    Some(Check::fails(About::Programmed, Code::RolloutFailed, said))
}

/// Whether what the gateway wants of its pods now has yet to come; `others_hold` says whether Ready has nothing else to
/// wait for.
pub(super) fn rolled_out(facts: &Facts<'_>, old: &[Condition], others_hold: bool) -> Option<Check> {
    let rollout = facts.rollout.as_ref().filter(|_| facts.kind == Kind::Gateway)?;
    let behind = rollout.deployed.behind?;
    let was_ready = find(old, READY).is_some_and(|condition| {
        condition.status == ConditionStatus::True && condition.observed_generation == Some(facts.generation)
    });
    // That it was Ready is forgotten with the first of the others that fails: so is this, in the same moment.
    if was_ready && others_hold {
        return None;
    }
    let (code, message) = match (failure(rollout), behind) {
        (Some(said), _) => (Code::RolloutFailed, said),
        (None, Behind::NoneReady) => {
            let code = Code::NoReadyPods;
            (code, coded(&format!("{} {}", code.meaning(), code.remedy()), code))
        }
        (None, Behind::Unapplied) => {
            let said = "what the gateway wants of its pods is being applied";
            (Code::Pending, coded(said, Code::Pending))
        }
        (None, Behind::Replacing { updated, of }) => {
            let said =
                format!("{updated}/{of} pods are as the gateway wants them, the others are being replaced");
            (Code::Pending, coded(&said, Code::Pending))
        }
    };
    let in_progress = code == Code::Pending;
    let verdict =
        Verdict { type_: READY, status: code.status(), reason: code.reason(), message: message.into() };
    Some(Check { verdict, terminal: None, in_progress })
}

fn failure(rollout: &Rollout) -> Option<String> {
    let code = Code::RolloutFailed;
    let said = rollout.deployed.failure.as_deref()?;
    Some(coded(&format!("pods do not come up: {said}. {}", code.remedy()), code))
}

pub(super) fn available(rollout: &Rollout) -> Verdict {
    let (status, reason, message) = match (rollout.ready, failure(rollout)) {
        (0, Some(said)) => (ConditionStatus::False, Code::RolloutFailed.reason(), said.into()),
        (0, None) => {
            let code = Code::NoReadyPods;
            let message = coded(&format!("{} {}", code.meaning(), code.remedy()), code);
            (ConditionStatus::False, code.reason(), message.into())
        }
        (_, Some(said)) => (
            ConditionStatus::True,
            Code::RolloutFailed.reason(),
            format!("a pod is ready, but {said}").into(),
        ),
        (_, None) => (ConditionStatus::True, AVAILABLE, "a pod is ready".into()),
    };
    Verdict { type_: AVAILABLE, status, reason, message }
}

pub(super) fn in_sync(rollout: &Rollout, programmed: &Programmed) -> Verdict {
    let Rollout { ready, current, skipped, .. } = *rollout;
    let counted = || format!("{current}/{ready} ready pods run the published configuration");
    let (status, reason, mut message) = match programmed {
        Programmed::Blocked { code, message } => (code.status(), code.reason(), coded(message, *code)),
        Programmed::PodsUnreachable => {
            let code = Code::PodsUnreachable;
            (code.status(), code.reason(), coded(code.meaning(), code))
        }
        _ if ready == 0 => {
            let code = Code::NoReadyPods;
            (ConditionStatus::False, code.reason(), coded(code.meaning(), code))
        }
        _ if current >= ready => (ConditionStatus::True, CONFIG_IN_SYNC, counted()),
        _ => (ConditionStatus::False, Code::Pending.reason(), coded(&counted(), Code::Pending)),
    };
    if skipped > MOST_SKIPPED {
        let more = skipped - MOST_SKIPPED;
        message.push_str(&format!("; {more} more objects are not served than status.skipped lists"));
    }
    Verdict { type_: CONFIG_IN_SYNC, status, reason, message: message.into() }
}
