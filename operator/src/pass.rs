//! One pass: the picture as it is -> compile -> publish, and then what to say about each object.

use crate::acks::{Acks, Aim};
use crate::children::{self, Outcomes};
use crate::cluster::CallError;
use crate::gather::{self, Objects};
use crate::metrics::Metrics;
use crate::pods::GatewayPod;
use crate::programmed::{on_gateway, over_all};
use crate::publish::{Shelf, Unpublished, Wanted};
use crate::report::{self, GatewayNumbers, Programmed, ReportInput, Statuses};
use crate::secrets::Contents;
use crate::tasks::compute;
use crate::watch::{Picture, name_of};
use crate::{left_out, mint, pods};
use futures::future::join_all;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::Instant as Moment;
use weir_compile::{Code, Finding, Input, Output, Severity, compile};
use weir_config::ObjectName;
use weir_config::published::LeftOut;
use weir_crds::{Kind, LLMGateway};

/// A name that somebody else has is looked at so often: no watch tells of what is not ours.
const TAKEN: Duration = Duration::from_secs(10);

/// Everything that outlives a pass. Not `Debug`: Secrets are in it.
pub struct World {
    client: Client,
    picture: Arc<Picture>,
    metrics: Arc<Metrics>,
    acks: Arc<Acks>,
    statuses: Arc<Statuses>,
    children: Arc<Outcomes>,
    contents: Contents,
    /// Every Secret that an object refers to.
    wanted: BTreeSet<ObjectName>,
    patience: mint::Patience,
    input: Input,
    shelves: BTreeMap<ObjectName, Shelf>,
    last: Option<Seen>,
}

/// What the last pass saw and made.
struct Seen {
    objects: Objects,
    output: Output,
    /// What keeps a gateway's configuration from being published.
    blocked: BTreeMap<ObjectName, Finding>,
}

/// Why a pass did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// A Secret could not be read or written.
    #[error("a Secret: {0}")]
    Secrets(#[from] CallError),
    /// A configuration is not published; others are.
    #[error("the configuration of LLMGateway {0}: {1}")]
    Publish(ObjectName, Unpublished),
}

impl World {
    /// Nothing seen yet.
    pub fn new(
        client: Client,
        picture: Arc<Picture>,
        metrics: Arc<Metrics>,
        acks: Arc<Acks>,
        statuses: Arc<Statuses>,
        children: Arc<Outcomes>,
        require_credential_label: bool,
    ) -> Self {
        let input = Input { require_credential_label, ..Input::default() };
        Self {
            client,
            picture,
            metrics,
            acks,
            statuses,
            children,
            contents: Contents::default(),
            wanted: BTreeSet::new(),
            patience: mint::Patience::default(),
            input,
            shelves: BTreeMap::new(),
            last: None,
        }
    }

    /// Whether everything has been listed: before that, what is missing is not known to be gone.
    pub fn is_complete(&self) -> bool {
        self.picture.missing().is_empty()
    }

    /// Takes nothing for granted that was written: the next pass reads it again.
    pub fn forget(&mut self) {
        self.shelves.values_mut().for_each(Shelf::forget);
        self.contents.trust_the_watch();
    }

    /// Whether a Secret is not what the last pass read, or what is published not what it wrote. Far cheaper than a
    /// pass: most of what the watch tells of these is what we wrote ourselves.
    pub fn is_stale(&mut self) -> bool {
        let behind = self.contents.is_behind(&self.picture, &self.wanted);
        // Each is asked: that is how it learns that the watch has told of its writes.
        self.shelves.values_mut().fold(behind, |stale, shelf| shelf.has_drifted(&self.picture) || stale)
    }

    /// When to ask that again although nothing wakes us: the watch has yet to tell of something.
    pub fn look_again(&self) -> Option<Moment> {
        self.shelves.values().filter_map(Shelf::look_again).chain(self.contents.look_again()).min()
    }

    /// Looks at everything once and publishes what changed. Gives the moment to come again although nothing changes.
    ///
    /// # Errors
    /// Something is left undone; all else is done.
    pub async fn pass(&mut self) -> Result<Option<Moment>, Unfinished> {
        let began = Instant::now();
        let look = self.picture.look();
        let objects = gather::objects(&self.picture);
        self.wanted = gather::referenced_secrets(&objects);
        let mut changed = self.contents.refresh(&self.client, &self.picture, &self.wanted).await?;
        let (contents, patience) = (&mut self.contents, &mut self.patience);
        let (client, metrics, picture) = (&self.client, &self.metrics, &self.picture);
        let kept = mint::keep(client, metrics, &objects.keys, picture, contents, true, patience).await;
        changed.extend(kept.changed);
        gather::take_contents(&mut self.input.secrets, &self.contents, &changed);
        self.input.taken = kept.taken;
        self.take(&objects);
        let mut output = compute(|| compile(&self.input));
        output.findings.extend_from_slice(&objects.unreadable);
        output.findings.extend(kept.findings);
        output.findings.sort();
        let (blocked, unfinished) = self.publish(&objects.gateways, &output, look).await;
        self.metrics.pass_seconds.observe(began.elapsed().as_secs_f64());
        let errors = output.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        self.metrics.errors_found.set(i64::try_from(errors).unwrap_or(i64::MAX));
        let is_taken = blocked.values().any(|finding| finding.code == Code::NameTaken);
        let freed = is_taken.then(|| Moment::now() + TAKEN);
        let again = kept.again.into_iter().chain(freed).min();
        self.last = Some(Seen { objects, output, blocked });
        unfinished.map_or(Ok(again), |why| {
            self.metrics.failed_passes.inc();
            Err(why)
        })
    }

    fn take(&mut self, objects: &Objects) {
        self.input.gateways.clone_from(&objects.gateways);
        self.input.providers.clone_from(&objects.providers);
        self.input.routes.clone_from(&objects.routes);
        self.input.keys.clone_from(&objects.keys);
        self.input.namespaces = self.picture.namespace_labels();
    }

    /// Publishes every gateway's configuration; none keeps another from it.
    async fn publish(
        &mut self,
        gateways: &[Arc<LLMGateway>],
        output: &Output,
        look: u64,
    ) -> (BTreeMap<ObjectName, Finding>, Option<Unfinished>) {
        let mut shelves = std::mem::take(&mut self.shelves);
        let (client, picture, metrics) = (&self.client, &*self.picture, &*self.metrics);
        let kept = gateways.iter().filter(|gateway| gateway.metadata.deletion_timestamp.is_none());
        let work = kept.filter_map(|gateway| {
            let owner = children::owner(gateway);
            let snapshot = output.gateways.get(&owner.name)?;
            let known = shelves.remove(&owner.name).filter(|shelf| *shelf.owner() == owner);
            let mut shelf = known.unwrap_or_else(|| Shelf::new(owner));
            let readers = self.formats(&shelf.owner().name);
            Some(async move {
                let wanted = Wanted { snapshot, readers: &readers, look };
                let mut answer = shelf.publish(client, picture, metrics, wanted).await;
                // Somebody else wrote: once more on what is there now.
                if let Err(Unpublished::Stale) = answer {
                    answer = shelf.publish(client, picture, metrics, wanted).await;
                }
                (shelf, answer)
            })
        });
        let (mut blocked, mut unfinished) = (BTreeMap::new(), None);
        for (shelf, answer) in join_all(work.collect::<Vec<_>>()).await {
            let name = shelf.owner().name.clone();
            match answer {
                Ok(()) | Err(Unpublished::Anothers) => {}
                Err(why) => match obstacle(&name, &why) {
                    Some(finding) => drop(blocked.insert(name.clone(), finding)),
                    None => unfinished = Some(Unfinished::Publish(name.clone(), why)),
                },
            }
            self.shelves.insert(name, shelf);
        }
        self.look_anew();
        (blocked, unfinished)
    }

    /// If what another operator has published is in the way: one look for all gateways, now that all of that is read. It
    /// wakes us when it is done.
    fn look_anew(&mut self) {
        let mut waiting = self.shelves.values_mut().filter(|shelf| shelf.wants_look()).peekable();
        let Some(first) = waiting.peek() else { return };
        tracing::info!(gateway = %first.owner().name, "somebody else has published: everything is looked at anew first");
        let look = self.picture.look_anew();
        waiting.for_each(|shelf| shelf.await_look(look));
    }

    /// The pods of the gateway that read what is published, each with the formats that it reads, if it has said so
    /// (semantics S8.4). Pods without an address have not begun and read nothing yet; those that are leaving read on until
    /// they are gone.
    fn readers(&self, gateway: &ObjectName) -> Vec<(GatewayPod, Option<Vec<u32>>)> {
        let pods = pods::all(&self.picture, gateway).into_iter().filter(|pod| pod.admin.is_some());
        let reads = |pod: &GatewayPod| self.acks.heard(&pod.uid)?.formats;
        pods.map(|pod| (pod.clone(), reads(&pod))).collect()
    }

    /// What they read.
    fn formats(&self, gateway: &ObjectName) -> Vec<Option<Vec<u32>>> {
        self.readers(gateway).into_iter().map(|(_, reads)| reads).collect()
    }

    fn left_out(&self, gateway: &ObjectName, (left, format): (&LeftOut, u32)) -> String {
        let readers = self.readers(gateway);
        left_out::why(gateway, left, format, readers.iter().map(|(pod, reads)| (pod, reads.as_deref())))
    }

    /// Whether pods want what is published for them in another format: one that reads no newer one has come, or the last
    /// of those has gone. That takes a pass.
    pub fn wants_format(&self) -> bool {
        self.shelves.iter().any(|(name, shelf)| shelf.wants_format(&self.formats(name)))
    }

    /// Tells the pods' poller what they should run, and offers every status that is not what it should be. Gives the
    /// moment at which a status changes by time alone.
    pub fn report(&self) -> Option<Moment> {
        let seen = self.last.as_ref()?;
        let aims: BTreeMap<ObjectName, Aim> =
            self.shelves.values().filter_map(|shelf| self.aim(shelf)).collect();
        self.acks.aim(aims.clone());
        let programmed = |object: &(Kind, ObjectName)| self.programmed(seen, &aims, object);
        let numbers = |gateway: &Arc<LLMGateway>| {
            let name = name_of(&gateway.metadata);
            (name.clone(), self.numbers(&aims, &name, gateway))
        };
        let now = Timestamp::now();
        // The objects first: what is known besides is what the watch has not told of by then.
        let objects = seen.objects.as_they_are(&self.picture);
        let of_children = objects.gateways.iter().filter_map(|gateway| self.children.of(gateway));
        let of_children = of_children.flat_map(|outcome| outcome.findings);
        let blocked: Vec<Finding> = seen.blocked.values().cloned().chain(of_children).collect();
        let report = report::all(&ReportInput {
            gateways: &objects.gateways,
            providers: &objects.providers,
            routes: &objects.routes,
            keys: &objects.keys,
            output: &seen.output,
            findings: &blocked,
            programmed: &programmed,
            numbers: &objects.gateways.iter().map(numbers).collect(),
            known: &self.statuses.known(),
            now,
        });
        let wait =
            report.next_change.map(|at| u64::try_from(at.as_second() - now.as_second()).unwrap_or_default());
        self.statuses.take(report);
        wait.map(|seconds| Moment::now() + Duration::from_secs(seconds + 1))
    }

    fn aim(&self, shelf: &Shelf) -> Option<(ObjectName, Aim)> {
        let revision = shelf.revision()?;
        let name = &shelf.owner().name;
        Some((name.clone(), Aim { revision, pods: pods::all(&self.picture, name) }))
    }

    fn programmed(
        &self,
        seen: &Seen,
        aims: &BTreeMap<ObjectName, Aim>,
        object: &(Kind, ObjectName),
    ) -> Programmed {
        let (kind, name) = object;
        let gateways = seen.output.attachments.gateways_of(*kind, name);
        let on_each = gateways.into_iter().map(|gateway| {
            if let Some(finding) = seen.blocked.get(gateway) {
                return Programmed::Blocked { code: finding.code, message: finding.message.clone() };
            }
            let shelf = self.shelves.get(gateway);
            if let Some(left) = shelf.and_then(|shelf| shelf.left_out(object)) {
                return Programmed::LeftOut { message: self.left_out(gateway, left) };
            }
            let since = shelf.and_then(|shelf| shelf.since(object));
            match aims.get(gateway).zip(since) {
                Some((aim, since)) => on_gateway(aim, since, |uid| self.acks.heard(uid)),
                // Not published yet: a write failed, and is tried again.
                None => Programmed::Pending { current: 0, total: pods::of(&self.picture, gateway).len() },
            }
        });
        over_all(on_each).unwrap_or_else(|| {
            let findings = report::on(&seen.output.findings, object);
            let refused = findings.iter().any(|it| it.severity == Severity::Error);
            if refused { Programmed::NotServed } else { Programmed::NotReferenced }
        })
    }

    /// What a gateway's status says of its pods and its configuration.
    fn numbers(
        &self,
        aims: &BTreeMap<ObjectName, Aim>,
        name: &ObjectName,
        gateway: &LLMGateway,
    ) -> GatewayNumbers {
        let pods = pods::of(&self.picture, name);
        let ready = pods.iter().filter(|pod| pod.ready);
        let aim = aims.get(name);
        let runs = |uid: &str| {
            let runs = self.acks.heard(uid).and_then(|heard| heard.runs);
            aim.zip(runs).is_some_and(|(aim, runs)| aim.reaches(runs, aim.revision.generation))
        };
        GatewayNumbers {
            pods: pods.len(),
            ready: ready.clone().count(),
            current: ready.filter(|pod| runs(&pod.uid)).count(),
            revision: aim.map(|aim| aim.revision),
            bytes: self.shelves.get(name).map_or(0, Shelf::bytes),
            address: children::address_of(&self.picture, gateway),
            selector: children::selector(&name.name),
            deployed: children::rollout::of(&self.picture, &self.children, gateway),
        }
    }
}

/// What a person has to do something about; nothing if trying again may help.
fn obstacle(gateway: &ObjectName, why: &Unpublished) -> Option<Finding> {
    let (code, message) = match why {
        Unpublished::NameTaken { kind, name } => (
            Code::NameTaken,
            format!(
                "{kind} {name} in namespace {} is needed for the gateway's configuration and belongs to somebody \
                 else, so nothing new reaches its pods; rename or delete that object, or rename the gateway",
                gateway.namespace
            ),
        ),
        Unpublished::TooLarge(what) => {
            (Code::TooLarge, format!("{what}; until then its pods run what they have"))
        }
        Unpublished::Stale | Unpublished::Anothers | Unpublished::Api(_) => return None,
    };
    let object = (Kind::Gateway, gateway.clone());
    Some(Finding { object, severity: code.severity(), code, field: "metadata.name".to_owned(), message })
}

#[cfg(test)]
mod tests;
