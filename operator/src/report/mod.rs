//! The report: from what compile found and what pods acknowledge to `status`, conditions and Events in the API.
//!
//! [`all`] is pure: everything of a pass in, what is to be written out. [`Statuses`] writes it, and holds nothing
//! that is not in the API as well: a replica that is killed is followed by one that says the same.

pub mod conditions;
pub mod events;
mod expired;
mod known;
pub mod message;
pub mod patch;
mod queue;
pub mod status;
mod writer;

pub use conditions::Programmed;
pub use known::Known;
pub use status::{GatewayNumbers, Status};
pub use writer::Statuses;

use crate::watch::name_of;
use conditions::{Facts, Rollout};
use events::News;
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use kube::core::object::HasStatus;
use status::Told;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_compile::{Attachments, Code, Finding, Kind, Output};
use weir_config::ObjectName;
use weir_crds::{Condition, ConditionStatus, LLMGateway, LLMKey, LLMProvider, LLMRoute};

/// Everything of a pass.
#[derive(Clone, Copy)]
pub struct ReportInput<'a> {
    /// Every LLMGateway that is watched, with the status that the watch knows.
    pub gateways: &'a [Arc<LLMGateway>],
    /// Every LLMProvider.
    pub providers: &'a [Arc<LLMProvider>],
    /// Every LLMRoute.
    pub routes: &'a [Arc<LLMRoute>],
    /// Every LLMKey.
    pub keys: &'a [Arc<LLMKey>],
    /// What compile made of them.
    pub output: &'a Output,
    /// What the operator has found besides, in whatever order: of the codes from 500 on.
    pub findings: &'a [Finding],
    /// How far an object has come.
    pub programmed: &'a dyn Fn(&(Kind, ObjectName)) -> Programmed,
    /// Of each gateway.
    pub numbers: &'a BTreeMap<ObjectName, GatewayNumbers>,
    /// What was written and the watch may not know yet: [`Statuses::known`], asked after the objects were listed.
    pub known: &'a Known,
    /// The time.
    pub now: Timestamp,
}

/// What a pass wants to be said.
#[derive(Debug, Default)]
pub struct Report {
    /// The statuses that differ from what is there.
    pub offers: Vec<Offer>,
    /// When to look again although nothing changes: somebody's patience or a key's text ends.
    pub next_change: Option<Timestamp>,
    /// Statuses, by uid and version, of which the watch has told.
    caught_up: Vec<(String, String)>,
}

/// One status to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose.
    pub object: (Kind, ObjectName),
    /// Which object of that name.
    pub uid: String,
    /// In which version the watch knows the object.
    pub version: String,
    /// The `metadata.generation` that the status speaks about.
    pub generation: i64,
    /// What to say.
    pub status: Arc<Status>,
    /// What to say in an Event, once the status is written.
    pub news: Option<News>,
    /// All that is new is that pods have yet to answer; they do soon, which may save this write.
    pub may_wait: bool,
}

/// What is to be said of every object that does not say it yet.
pub fn all(input: &ReportInput<'_>) -> Report {
    let ReportInput { output, now, .. } = *input;
    let Attachments { gateways, providers, routes, keys } = &output.attachments;
    let expired = expired::findings(input.keys, keys, now);
    let mut pass = Pass { input, findings: sorted(input, &expired), report: Report::default() };
    let nothing = GatewayNumbers::default();
    for object in input.gateways {
        let name = name_of(object.meta());
        let (found, numbers) = (gateways.get(&name), input.numbers.get(&name).unwrap_or(&nothing));
        let skipped = found.map_or(0, |it| it.skipped.len());
        let deployed = numbers.deployed.clone();
        let rollout = Rollout { ready: numbers.ready, current: numbers.current, skipped, deployed };
        pass.look((Kind::Gateway, name), object.as_ref(), Some(rollout), status::gateway(found, numbers));
    }
    for object in input.providers {
        let name = name_of(object.meta());
        let details = status::provider(providers.get(&name));
        pass.look((Kind::Provider, name), object.as_ref(), None, details);
    }
    for object in input.routes {
        let name = name_of(object.meta());
        let details = status::route(routes.get(&name));
        pass.look((Kind::Route, name), object.as_ref(), None, details);
    }
    for object in input.keys {
        let name = name_of(object.meta());
        let found = keys.get(&name);
        let details = status::key(&object.spec, found, now);
        pass.report.wakes(status::next_end(found, now));
        pass.report.wakes(expired::next_end(object, now));
        pass.look((Kind::Key, name), object.as_ref(), None, details);
    }
    pass.report.caught_up = input.known.caught_up(&versions(input));
    pass.report
}

/// The findings of all sources, by object, worst first.
fn sorted<'a>(input: &ReportInput<'a>, expired: &'a [Finding]) -> Vec<&'a Finding> {
    let found = input.output.findings.iter().chain(input.findings);
    let mut findings: Vec<&Finding> = found.chain(expired).collect();
    findings.sort();
    findings
}

struct Pass<'a> {
    input: &'a ReportInput<'a>,
    findings: Vec<&'a Finding>,
    report: Report,
}

impl Pass<'_> {
    fn look<K, S>(&mut self, object: (Kind, ObjectName), k: &K, rollout: Option<Rollout>, details: S)
    where
        K: Resource<DynamicType = ()> + HasStatus<Status = S>,
        S: Told,
    {
        let (Some(uid), version) = (&k.meta().uid, version(k)) else { return };
        let (now, generation) = (self.input.now, k.meta().generation.unwrap_or_default());
        let known = self.input.known.beyond(uid, version).and_then(|status| S::of(status));
        let old = known.or_else(|| k.status());
        let before = old.map(S::conditions).unwrap_or_default();
        let facts = Facts {
            kind: object.0,
            generation,
            findings: on(&self.findings, &object),
            programmed: (self.input.programmed)(&object),
            rollout,
        };
        let verdicts = conditions::judge(&facts, before, now);
        if old.is_some_and(|old| old.is_same(&details)) && conditions::is_said(&verdicts, generation, before)
        {
            self.report.wakes(conditions::next_change(before, now));
            return;
        }
        let after = conditions::dated(verdicts, generation, before, now);
        self.report.wakes(conditions::next_change(&after, now));
        let news = events::news(before, &after);
        let may_wait = may_wait(&after);
        let (uid, version) = (uid.clone(), version.to_owned());
        let status = Arc::new(details.with(generation, after).into_status());
        self.report.offers.push(Offer { object, uid, version, generation, status, news, may_wait });
    }
}

impl Report {
    fn wakes(&mut self, at: Option<Timestamp>) {
        self.next_change = self.next_change.into_iter().chain(at).min();
    }
}

/// The findings on one object; `findings` are in the order of objects.
pub fn on<'a, F: Borrow<Finding>>(findings: &'a [F], object: &(Kind, ObjectName)) -> &'a [F] {
    let begin = findings.partition_point(|finding| finding.borrow().object < *object);
    let rest = findings.get(begin..).unwrap_or_default();
    rest.get(..rest.partition_point(|finding| finding.borrow().object == *object)).unwrap_or_default()
}

/// Whether every condition that does not hold merely waits for pods to answer.
fn may_wait(conditions: &[Condition]) -> bool {
    let mut failing = conditions
        .iter()
        .filter(|condition| condition.status != ConditionStatus::True)
        .map(|condition| &condition.reason)
        .peekable();
    failing.peek().is_some() && failing.all(|reason| reason == Code::Pending.reason())
}

/// In which version the watch knows every object, by uid; asked for only if something was written.
fn versions<'a>(input: &ReportInput<'a>) -> BTreeMap<&'a str, &'a str> {
    fn each<K: Resource>(objects: &[Arc<K>]) -> impl Iterator<Item = (&str, &str)> {
        objects.iter().filter_map(|object| Some((object.meta().uid.as_deref()?, version(object.as_ref()))))
    }
    if input.known.is_empty() {
        return BTreeMap::new();
    }
    let of_all = each(input.gateways).chain(each(input.providers));
    of_all.chain(each(input.routes)).chain(each(input.keys)).collect()
}

fn version<K: Resource>(object: &K) -> &str {
    object.meta().resource_version.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
