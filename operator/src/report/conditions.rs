//! What is to be said of an object: its conditions, from what compile found and what its gateways' pods run.
//!
//! Pure, and told the time. A condition's past is in the object itself: when it last changed, and whether it has
//! been Programmed before. So a replica that has just begun says what the one before it would have said.
//!
//! Which code fails which condition is said in compile's table of codes, not here.

mod pods;

pub use pods::Rollout;

use super::message::{coded, joined, line};
use k8s_openapi::jiff::Timestamp;
use std::borrow::Cow;
use weir_compile::{Code, Condition as About, Finding, Kind, Severity};
use weir_crds::{Condition, ConditionStatus};

/// All of Accepted, ResolvedRefs and Programmed are True; and a gateway's pods are as it wants them.
pub const READY: &str = "Ready";
/// What is awaited comes by itself.
pub const RECONCILING: &str = "Reconciling";
/// What is awaited does not come without a change by somebody.
pub const STALLED: &str = "Stalled";
/// A gateway has a ready pod.
pub const AVAILABLE: &str = "Available";
/// All ready pods of a gateway run what was published last.
pub const CONFIG_IN_SYNC: &str = "ConfigInSync";
/// Every type that is written here; others in a status are somebody else's.
pub const TYPES: [&str; 8] =
    [READY, "Accepted", "ResolvedRefs", "Programmed", AVAILABLE, CONFIG_IN_SYNC, RECONCILING, STALLED];

/// Whoever waits for other objects for so many seconds is Stalled.
pub const PATIENCE: i64 = 300;

/// How far an object has come into its gateways' pods (semantics S8.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Programmed {
    /// Nothing refers to it, so no pod needs it.
    NotReferenced,
    /// All ready pods run its last change.
    Current,
    /// Some do.
    Pending {
        /// So many do.
        current: usize,
        /// Of so many that are ready; none before its last change is published.
        total: usize,
    },
    /// No pod of its gateway is ready.
    NoReadyPods,
    /// None of the ready pods answers.
    PodsUnreachable,
    /// What is published lacks it, or a field of it, because not all pods can be told of that.
    LeftOut {
        /// What happened and what to do, without a code.
        message: String,
    },
    /// Its gateway's configuration is not published.
    Blocked {
        /// Why: NameTaken or TooLarge.
        code: Code,
        /// What happened and what to do, without the code.
        message: String,
    },
    /// An error keeps it out of every configuration; which one, its findings say.
    NotServed,
}

/// What an object's conditions are made from.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its `metadata.generation`.
    pub generation: i64,
    /// All findings on it, worst first.
    pub findings: &'a [&'a Finding],
    /// How far it has come.
    pub programmed: Programmed,
    /// Of a gateway; nothing for other kinds.
    pub rollout: Option<Rollout>,
}

/// One condition before it is known since when it holds. Cheap to make where all is well: most objects' conditions
/// are only compared with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) type_: &'static str,
    pub(super) status: ConditionStatus,
    pub(super) reason: &'static str,
    pub(super) message: Cow<'static, str>,
}

/// One of the conditions that make an object Ready, and what it takes to mend it.
struct Check {
    verdict: Verdict,
    /// Only somebody's change mends it: the reason and message of that.
    terminal: Option<(&'static str, String)>,
    /// The operator or the pods are at work.
    in_progress: bool,
}

/// The conditions of an object of which `old` was said before; at `now`.
pub fn conditions(facts: &Facts<'_>, old: &[Condition], now: Timestamp) -> Vec<Condition> {
    dated(judge(facts, old, now), facts.generation, old, now)
}

/// When the conditions will change although nothing else does: somebody's patience ends. To be asked of what
/// [`conditions`] has given at `now`.
pub fn next_change(conditions: &[Condition], now: Timestamp) -> Option<Timestamp> {
    if find(conditions, STALLED).is_some() {
        return None;
    }
    let checked = [About::Accepted, About::ResolvedRefs, About::Programmed];
    let mut checked: Vec<&Condition> =
        checked.iter().filter_map(|about| find(conditions, about.name())).collect();
    if checked.iter().all(|condition| condition.status == ConditionStatus::True) {
        checked.extend(find(conditions, READY));
    }
    let failing = checked.into_iter().filter(|it| waits_for_somebody(&it.type_, it.status, &it.reason));
    let ends = failing.map(|condition| since(condition).unwrap_or(now.as_second()) + PATIENCE);
    ends.filter(|end| *end > now.as_second()).min().and_then(|end| Timestamp::from_second(end).ok())
}

pub(super) fn judge(facts: &Facts<'_>, old: &[Condition], now: Timestamp) -> Vec<Verdict> {
    let accepted = check(About::Accepted, facts.findings, "the object is right in itself");
    let resolved = check(About::ResolvedRefs, facts.findings, "whatever it refers to is there and usable");
    let mut checks = vec![accepted, resolved, programmed(facts, old)];
    let others_hold = checks.iter().all(Check::is_true);
    checks.extend(pods::rolled_out(facts, old, others_hold));
    let stalled = stalled(&checks, old, now);
    let reconciling = stalled.is_none().then(|| reconciling(&checks)).flatten();
    let mut verdicts = Vec::with_capacity(8);
    verdicts.push(ready(&checks));
    // That of the pods is Ready's own.
    verdicts.extend(checks.into_iter().map(|check| check.verdict).filter(|verdict| verdict.type_ != READY));
    if let (Kind::Gateway, Some(rollout)) = (facts.kind, &facts.rollout) {
        verdicts.extend([pods::available(rollout), pods::in_sync(rollout, &facts.programmed)]);
    }
    verdicts.extend(reconciling);
    verdicts.extend(stalled);
    verdicts
}

/// Says since when: as before, where the status is as before. A clock that goes back moves nothing.
pub(super) fn dated(
    verdicts: Vec<Verdict>,
    generation: i64,
    old: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let (second, today) = (now.as_second(), rfc3339(now.as_second()));
    let last_transition = |verdict: &Verdict| match find(old, verdict.type_).map(|old| (old, since(old))) {
        Some((old, Some(since))) if old.status == verdict.status || since > second => {
            old.last_transition_time.clone()
        }
        _ => today.clone(),
    };
    let date = |verdict: Verdict| Condition {
        last_transition_time: last_transition(&verdict),
        type_: verdict.type_.to_owned(),
        status: verdict.status,
        observed_generation: Some(generation),
        reason: verdict.reason.to_owned(),
        message: verdict.message.into_owned(),
    };
    verdicts.into_iter().map(date).collect()
}

/// Whether `old` says just this already. In whatever order: the API server merges lists by type.
pub(super) fn is_said(verdicts: &[Verdict], generation: i64, old: &[Condition]) -> bool {
    let says = |verdict: &Verdict| {
        find(old, verdict.type_).is_some_and(|condition| {
            condition.status == verdict.status
                && condition.reason == verdict.reason
                && condition.message == verdict.message
                && condition.observed_generation == Some(generation)
        })
    };
    let ours = old.iter().filter(|condition| TYPES.contains(&condition.type_.as_str())).count();
    ours == verdicts.len() && verdicts.iter().all(says)
}

/// What the findings say of one condition.
fn check(about: About, findings: &[&Finding], fine: &'static str) -> Check {
    let told: Vec<&Finding> = findings.iter().copied().filter(|it| it.code.condition() == about).collect();
    let fails = |finding: &&&Finding| finding.code.status() != ConditionStatus::True;
    let failing: Vec<&Finding> = told.iter().filter(fails).copied().collect();
    // A warning that keeps the condition True sums up the errors beside it: PartiallyResolved says that the rest
    // of the targets serves.
    let warning = told.iter().find(|it| !fails(it) && it.code.severity() == Severity::Warning);
    let Some(first) = warning.or(failing.first()).or(told.first()) else {
        return Check::holds(about, about.name(), fine.into());
    };
    if warning.is_some() || failing.is_empty() {
        let rest = told.iter().filter(|it| *it != first);
        let all: Vec<&Finding> = std::iter::once(first).chain(rest).copied().collect();
        return Check::holds(about, first.code.reason(), joined(&all).into());
    }
    let terminal = failing.iter().find(|it| it.code.terminal()).map(|it| (it.code.reason(), line(it)));
    let in_progress = first.code == Code::KeyPending;
    Check { terminal, in_progress, ..Check::fails(about, first.code, joined(&failing)) }
}

fn programmed(facts: &Facts<'_>, old: &[Condition]) -> Check {
    let about = About::Programmed;
    let found = check(about, facts.findings, "every ready pod that serves it has run this generation");
    if found.verdict.status != ConditionStatus::True {
        return found;
    }
    // A gateway has a configuration that its pods have to run, be it an empty one.
    let is_needed = facts.kind == Kind::Gateway || found.verdict.reason != Code::NotReferenced.reason();
    let behind = match &facts.programmed {
        Programmed::Current => return found,
        Programmed::NotServed => return not_served(facts.findings),
        Programmed::Blocked { code, message } => {
            let check = Check::fails(about, *code, coded(message, *code));
            let terminal = code.terminal().then(|| (check.verdict.reason, check.verdict.message.to_string()));
            return Check { terminal, ..check };
        }
        // It is out of force even if it was in force before.
        Programmed::LeftOut { message } => {
            let check = Check::fails(about, Code::Pending, coded(message, Code::Pending));
            return Check { in_progress: true, ..check };
        }
        // No pod needs it, so none is waited for.
        _ if !is_needed => return found,
        Programmed::NotReferenced if facts.kind != Kind::Gateway => {
            let code = Code::NotReferenced;
            return Check::holds(about, code.reason(), coded(code.meaning(), code).into());
        }
        behind => behind,
    };
    // Once all ready pods have run this generation, pods that come, go or fall silent are the gateway's affair. While
    // nothing referred to it none had to.
    let is_latched = find(old, about.name()).is_some_and(|condition| {
        condition.status == ConditionStatus::True
            && (facts.kind == Kind::Gateway || condition.reason != Code::NotReferenced.reason())
            && condition.observed_generation == Some(facts.generation)
    });
    match pods::cannot_come_up(facts) {
        _ if is_latched => found,
        Some(failing) if *behind == Programmed::NoReadyPods => failing,
        _ => waiting(behind),
    }
}

/// Waits for pods.
fn waiting(behind: &Programmed) -> Check {
    let (code, what) = match behind {
        Programmed::NoReadyPods => (Code::NoReadyPods, Code::NoReadyPods.meaning().to_owned()),
        Programmed::PodsUnreachable => (Code::PodsUnreachable, Code::PodsUnreachable.meaning().to_owned()),
        Programmed::Pending { current, total } if *total > 0 => {
            (Code::Pending, format!("{current}/{total} ready pods run the object's last change."))
        }
        _ => (Code::Pending, "The object's last change is not published yet.".to_owned()),
    };
    let message = coded(&format!("{what} {}", code.remedy()), code);
    Check { in_progress: code == Code::Pending, ..Check::fails(About::Programmed, code, message) }
}

/// Gives the reason of whatever keeps the object out, which stands with another condition already.
fn not_served(findings: &[&Finding]) -> Check {
    let failing = findings.iter().filter(|it| it.code.status() == ConditionStatus::False);
    match failing.min_by_key(|it| it.code.condition()) {
        Some(finding) => {
            let message = format!("no gateway serves it: {}", line(finding));
            Check::fails(About::Programmed, finding.code, message)
        }
        None => waiting(&Programmed::Pending { current: 0, total: 0 }),
    }
}

impl Check {
    fn holds(about: About, reason: &'static str, message: Cow<'static, str>) -> Self {
        let verdict = Verdict { type_: about.name(), status: ConditionStatus::True, reason, message };
        Self { verdict, terminal: None, in_progress: false }
    }

    fn fails(about: About, code: Code, message: String) -> Self {
        let (status, reason) = (code.status(), code.reason());
        let verdict = Verdict { type_: about.name(), status, reason, message: message.into() };
        Self { verdict, terminal: None, in_progress: false }
    }

    fn is_true(&self) -> bool {
        self.verdict.status == ConditionStatus::True
    }
}

/// As the first check that fails; if none does, with the reason of the first that has something to say.
fn ready(checks: &[Check]) -> Verdict {
    let first = checks.iter().find(|check| !check.is_true());
    let first = first.or_else(|| checks.iter().find(|check| check.verdict.reason != check.verdict.type_));
    match first {
        Some(check) => Verdict { type_: READY, ..check.verdict.clone() },
        None => Verdict {
            type_: READY,
            status: ConditionStatus::True,
            reason: READY,
            message: "Accepted, ResolvedRefs and Programmed are True".into(),
        },
    }
}

fn stalled(checks: &[Check], old: &[Condition], now: Timestamp) -> Option<Verdict> {
    let status = ConditionStatus::True;
    if let Some((reason, message)) = checks.iter().find_map(|check| check.terminal.as_ref()) {
        return Some(Verdict { type_: STALLED, status, reason, message: message.clone().into() });
    }
    let is_overdue = |verdict: &Verdict| {
        let before = find(old, verdict.type_).filter(|old| old.status == verdict.status);
        before.and_then(since).is_some_and(|since| since + PATIENCE <= now.as_second())
    };
    // Ready has failed for as long as any of them: it counts where it fails by itself.
    let others_hold = checks.iter().all(|check| check.verdict.type_ == READY || check.is_true());
    let counts = |verdict: &&Verdict| verdict.type_ != READY || others_hold;
    let mut waits = checks.iter().map(|check| &check.verdict).filter(counts);
    let overdue = waits.find(|it| waits_for_somebody(it.type_, it.status, it.reason) && is_overdue(it))?;
    Some(Verdict { type_: STALLED, status, ..overdue.clone() })
}

/// Whether patience with such a condition ends: other objects are missing, or pods cannot come up. Pods that merely
/// take their time are waited for.
fn waits_for_somebody(type_: &str, status: ConditionStatus, reason: &str) -> bool {
    let is_about_objects = [About::Accepted, About::ResolvedRefs].iter().any(|about| about.name() == type_);
    status == ConditionStatus::False && (is_about_objects || reason == Code::RolloutFailed.reason())
}

fn reconciling(checks: &[Check]) -> Option<Verdict> {
    let at_work = checks.iter().find(|check| check.in_progress)?;
    Some(Verdict { type_: RECONCILING, status: ConditionStatus::True, ..at_work.verdict.clone() })
}

/// The condition of this type.
pub(super) fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// When its status changed last, in Unix seconds; nothing if it says no instant.
fn since(condition: &Condition) -> Option<i64> {
    condition.last_transition_time.parse().ok().map(|instant| instant.0)
}

/// An instant of Unix seconds in a status: whole seconds, as everywhere in Kubernetes.
pub(super) fn rfc3339(second: i64) -> weir_crds::Timestamp {
    let instant = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    weir_crds::Timestamp(instant.to_string())
}

#[cfg(test)]
mod tests;
