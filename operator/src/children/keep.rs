//! The loop that has every gateway's children be as they should: beside the main loop, for what a gateway runs as and
//! what it is configured with have nothing to do with one another.

use super::apply::{Applied, Place, Put, Unapplied};
use super::written::Written;
use super::{Children, Settings, build, owner};
use crate::cluster::CallError;
use crate::metrics::Metrics;
use crate::watch::{Child, Picture, Watched, WatchedChildren, name_of};
use futures::stream::{self, StreamExt};
use kube::Client;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use weir_compile::{Code, Finding};
use weir_config::ObjectName;
use weir_crds::{Kind, LLMGateway};

/// So many gateways are seen to at once.
const AT_ONCE: usize = 4;
/// What failed is tried again after so long, doubling: at most this if trying again is all that helps (semantics
/// S8.7), and at most this if somebody has to do something.
const RETRY: (Duration, Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(60));
/// The loop comes round so often although nothing happens.
const TICK: Duration = Duration::from_secs(60);

/// What the loop needs.
pub struct Keeping {
    /// The API server.
    pub client: Client,
    /// What the watches tell.
    pub picture: Arc<Picture>,
    /// What is written is counted here.
    pub metrics: Arc<Metrics>,
    /// What all gateways have in common.
    pub settings: Settings,
    /// Where it is said what became of each gateway.
    pub outcomes: Arc<Outcomes>,
    /// Something has changed.
    pub wake: Arc<Notify>,
    /// Only who leads writes.
    pub leading: watch::Receiver<bool>,
}

/// What became of one gateway's children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Of which LLMGateway.
    pub uid: String,
    /// Of which `metadata.generation` of it.
    pub generation: i64,
    /// What is wrong with it, or in its way.
    pub findings: Vec<Finding>,
    /// What the API server will not have, and why.
    pub refused: Option<String>,
    /// All of them are there as that generation wants them, and the watch has told so.
    pub is_applied: bool,
}

/// What became of every gateway's children.
#[derive(Debug, Default)]
pub struct Outcomes {
    all: Mutex<BTreeMap<ObjectName, Outcome>>,
    /// Notified when one has changed.
    pub news: Arc<Notify>,
}

impl Outcomes {
    /// Nothing has been seen to; `news` is notified when something has.
    pub fn new(news: Arc<Notify>) -> Self {
        Self { all: Mutex::default(), news }
    }

    /// What became of this very object in its present generation; nothing if it has not been seen to.
    pub fn of(&self, gateway: &LLMGateway) -> Option<Outcome> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = all.get(&name_of(&gateway.metadata))?;
        let is_it = Some(&outcome.uid) == gateway.metadata.uid.as_ref()
            && Some(outcome.generation) == gateway.metadata.generation;
        is_it.then(|| outcome.clone())
    }

    fn set(&self, outcomes: BTreeMap<ObjectName, Outcome>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if *all != outcomes {
            *all = outcomes;
            self.news.notify_one();
        }
    }
}

/// What is remembered of one gateway between looks.
struct Tended {
    outcome: Outcome,
    written: Written,
    /// After a failure: how long to wait next, and until when.
    patience: Option<(Duration, Instant)>,
    /// When to look again although nothing changes.
    again: Option<Instant>,
}

/// Has all gateways' children be as they should, for as long as this replica leads. Never ends.
pub async fn keep(mut keeping: Keeping) {
    let mut tended = BTreeMap::new();
    loop {
        let leads = *keeping.leading.borrow_and_update();
        if !leads {
            tended.clear();
        } else if keeping.picture.gateways.is_complete() && keeping.picture.children.is_complete() {
            look(&keeping, &mut tended).await;
        }
        let next = tended.values().filter_map(|tended: &Tended| tended.again).min();
        let next = next.unwrap_or_else(|| Instant::now() + TICK);
        tokio::select! {
            () = keeping.wake.notified() => {}
            changed = keeping.leading.changed() => if changed.is_err() {
                // The Lease's task is gone: nothing may be written any more.
                std::future::pending::<()>().await;
            },
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// Sees to every gateway once.
async fn look(keeping: &Keeping, tended: &mut BTreeMap<ObjectName, Tended>) {
    let gateways = keeping.picture.gateways.all();
    let gateways = gateways.iter().filter_map(|held| held.0.as_ref().as_ref().ok());
    // What is being deleted takes its children with it.
    let stay = gateways.filter(|gateway| gateway.metadata.deletion_timestamp.is_none());
    let mut before = std::mem::take(tended);
    let work: Vec<_> = stay
        .map(|gateway| {
            let name = name_of(&gateway.metadata);
            let known = before
                .remove(&name)
                .filter(|known| Some(&known.outcome.uid) == gateway.metadata.uid.as_ref());
            async move { (name, tend(keeping, gateway, known).await) }
        })
        .collect();
    tended.extend(stream::iter(work).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
    let outcomes = tended.iter().map(|(name, tended)| (name.clone(), tended.outcome.clone()));
    keeping.outcomes.set(outcomes.collect());
}

async fn tend(keeping: &Keeping, gateway: &LLMGateway, known: Option<Tended>) -> Tended {
    let mut tended = known.unwrap_or_else(|| Tended::new(gateway));
    let generation = gateway.metadata.generation.unwrap_or_default();
    if tended.outcome.generation != generation {
        tended.outcome = Outcome { uid: tended.outcome.uid, generation, ..Outcome::default() };
        tended.patience = None;
    }
    if let Some((_, until)) = tended.patience.filter(|(_, until)| *until > Instant::now()) {
        tended.again = Some(until);
        return tended;
    }
    match build(gateway, &keeping.settings) {
        Ok(children) => tended.apply(keeping, gateway, &children).await,
        Err(findings) => tended.outcome.findings = findings,
    }
    tended
}

impl Tended {
    fn new(gateway: &LLMGateway) -> Self {
        let uid = gateway.metadata.uid.clone().unwrap_or_default();
        let outcome = Outcome { uid, ..Outcome::default() };
        Self { outcome, written: Written::default(), patience: None, again: None }
    }

    async fn apply(&mut self, keeping: &Keeping, gateway: &LLMGateway, children: &Children) {
        let owner = owner(gateway);
        let place = Place { client: &keeping.client, metrics: &keeping.metrics, owner: &owner };
        let mut round = Round { place, written: &mut self.written, taken: Vec::new(), awaited: Vec::new() };
        let done = Box::pin(round.all(children, &keeping.picture.children)).await;
        let Round { taken, awaited, .. } = round;
        let outcome = &mut self.outcome;
        outcome.is_applied = done.is_ok() && taken.is_empty() && awaited.is_empty();
        outcome.findings = if taken.is_empty() { Vec::new() } else { vec![name_taken(&owner.name, &taken)] };
        self.again = awaited.into_iter().flatten().min();
        if !taken.is_empty() {
            self.wake_at(self.written.look_again());
        }
        match done {
            Ok(()) => {
                self.patience = None;
                self.outcome.refused = None;
            }
            Err(why) => self.failed(&owner.name, &why),
        }
    }

    /// Says what only somebody else mends, and when it is tried again.
    fn failed(&mut self, gateway: &ObjectName, why: &Unapplied) {
        if let Unapplied::Postponed(until) = why {
            return self.wake_at(*until);
        }
        let (first, transient, refused) = RETRY;
        let is_refused = matches!(why, Unapplied::Refused { .. });
        let is_answered = matches!(why, Unapplied::Api(CallError::Kube(kube::Error::Api(_))));
        // An API server that stumbles once is no news.
        if is_refused || is_answered && self.patience.is_some() {
            self.outcome.refused = Some(why.to_string());
        }
        tracing::warn!(%gateway, error = %why, "what a gateway runs as is not all applied, it is tried again");
        let most = if is_refused { refused } else { transient };
        let wait = self.patience.map_or(first, |(before, _)| (before * 2).min(most));
        let until = Instant::now() + wait;
        self.patience = Some((wait, until));
        self.again = Some(until);
    }

    fn wake_at(&mut self, at: Instant) {
        self.again = Some(self.again.map_or(at, |before| before.min(at)));
    }
}

/// One look at one gateway's children.
struct Round<'a> {
    place: Place<'a>,
    written: &'a mut Written,
    /// Names that somebody else has.
    taken: Vec<String>,
    /// Until when the watch may tell more of what does not stand yet.
    awaited: Vec<Option<Instant>>,
}

impl Round<'_> {
    /// In this order, so that pods find what they need. Without `..`, so that a new child is not forgotten.
    async fn all(&mut self, children: &Children, there: &WatchedChildren) -> Result<(), Unapplied> {
        let Children { service_account, role, role_binding, service, disruption_budget, deployment } =
            children;
        let WatchedChildren {
            service_accounts,
            roles,
            role_bindings,
            services,
            disruption_budgets,
            deployments,
        } = there;
        self.put(service_account, service_accounts).await?;
        self.put(role, roles).await?;
        // Nobody is given what somebody else's Role may hold.
        if self.taken.is_empty() {
            self.put(role_binding, role_bindings).await?;
        }
        self.put(service, services).await?;
        if let Some(budget) = disruption_budget {
            self.put(budget, disruption_budgets).await?;
        }
        // Pods never run as somebody else's ServiceAccount.
        if self.taken.is_empty() {
            self.put(deployment, deployments).await?;
        }
        let budget = disruption_budget.as_ref();
        if self.place.sweep(budget, disruption_budgets, self.written).await? {
            self.awaited.push(None);
        }
        Ok(())
    }

    async fn put<K: Applied, S: Clone + PartialEq>(
        &mut self,
        child: &K,
        watched: &Watched<Arc<Child<S>>>,
    ) -> Result<(), Unapplied> {
        match self.place.put(child, watched, self.written).await {
            Ok(Put::Stands) => {}
            Ok(Put::Awaited(until)) => self.awaited.push(until),
            Err(Unapplied::NameTaken(what)) => self.taken.push(what),
            Err(why) => return Err(why),
        }
        Ok(())
    }
}

fn name_taken(gateway: &ObjectName, taken: &[String]) -> Finding {
    let code = Code::NameTaken;
    let message = format!(
        "{} in namespace {} is needed to run the gateway and belongs to somebody else, so nothing of it is changed \
         and the gateway's pods stay as they are; rename or delete that object, or rename the gateway",
        taken.join(", "),
        gateway.namespace
    );
    let object = (Kind::Gateway, gateway.clone());
    Finding { object, severity: code.severity(), code, field: "metadata.name".to_owned(), message }
}

#[cfg(test)]
mod tests;
