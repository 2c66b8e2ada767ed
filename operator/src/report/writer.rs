//! The one writer of statuses and Events: few calls at a time, only while this replica leads, and none that would
//! change nothing.

use super::events::{self, News};
use super::known::Known;
use super::queue::{Landed, Next, Queue};
use super::{Offer, Report, patch};
use crate::cluster::{CallError, within};
use crate::metrics::Metrics;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::Client;
use kube::api::Patch;
use kube::runtime::events::Recorder;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// So many calls are made at once.
const AT_ONCE: usize = 8;

/// The statuses that wait to be written, and those that were. Not `Debug`: no use, and long.
pub struct Statuses {
    queue: Mutex<Queue>,
    wake: Notify,
    metrics: Arc<Metrics>,
    /// The last call failed.
    is_failing: AtomicBool,
}

/// Where statuses are written to.
struct Place {
    client: Client,
    recorder: Recorder,
}

impl Statuses {
    /// Nothing to write.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { queue: Mutex::default(), wake: Notify::new(), metrics, is_failing: AtomicBool::new(false) }
    }

    /// What was written, or is about to be, and the watch may not have told of; for [`super::ReportInput`].
    pub fn known(&self) -> Known {
        self.queue().known.clone()
    }

    /// Makes `report` what is to be written, in place of what waits: what no pass asks for any more is not written.
    /// Never blocks on the API server.
    pub fn take(&self, report: Report) {
        self.queue().take(report, Instant::now());
        self.count();
        self.wake.notify_one();
    }

    /// How many statuses wait.
    pub fn waiting(&self) -> usize {
        self.queue().waiting()
    }

    /// Writes while `leading`; ends with its sender. `instance` is this replica, for Events.
    pub async fn run(&self, client: Client, instance: String, mut leading: watch::Receiver<bool>) {
        let place = Place { recorder: events::recorder(&client, instance), client };
        let mut flights = FuturesUnordered::new();
        loop {
            let may_write = *leading.borrow_and_update() && flights.len() < AT_ONCE;
            let next = if may_write { self.queue().next(Instant::now()) } else { Next::Nothing };
            let until = match next {
                Next::Write(offer) => {
                    flights.push(self.fly(&place, offer));
                    continue;
                }
                Next::At(at) => Some(at),
                Next::Nothing => None,
            };
            tokio::select! {
                Some(()) = flights.next() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
                changed = leading.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Writes one status, and its Event if it was written.
    async fn fly(&self, place: &Place, offer: Offer) {
        let news = offer.news.clone();
        let how = self.write(place, &offer).await;
        let is_written = matches!(how, Landed::Written(_));
        let (object, uid) = (offer.object.clone(), offer.uid.clone());
        self.queue().landed(offer, how, Instant::now());
        self.count();
        if let Some(news) = news.filter(|_| is_written) {
            self.tell(within(events::publish(&place.recorder, &object, &uid, &news)), &news).await;
        }
    }

    async fn write(&self, place: &Place, offer: &Offer) -> Landed {
        let (kind, name) = &offer.object;
        let api = patch::api(&place.client, *kind, &name.namespace);
        let body = Patch::Apply(patch::of(&offer.object, &offer.uid, &offer.status));
        let written = within(api.patch_status(&name.name, &patch::params(), &body)).await;
        self.metrics.wrote("status", &written);
        match written {
            Ok(object) => {
                self.is_failing.store(false, Ordering::Relaxed);
                Landed::Written(object.metadata.resource_version.unwrap_or_default())
            }
            Err(error) if error.is_not_found() || error.is_conflict() => {
                // The watch may be ahead of this answer or behind it: what is there now decides.
                let found = within(api.get_metadata_opt(&name.name)).await;
                let uid = found.map(|found| found.and_then(|it| it.metadata.uid));
                let is_gone = uid.is_ok_and(|uid| uid.as_ref() != Some(&offer.uid));
                if is_gone { Landed::Gone } else { self.failed(offer, &error) }
            }
            Err(error) => self.failed(offer, &error),
        }
    }

    /// Said aloud once until a call succeeds: with the API server away there are as many as objects.
    fn failed(&self, offer: &Offer, error: &CallError) -> Landed {
        let (kind, name) = &offer.object;
        if self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(%kind, %name, %error, "a status was not written, trying again");
        } else {
            tracing::warn!(%kind, %name, %error, "statuses are not written, trying again");
        }
        Landed::Failed(asked_for(error))
    }

    /// An Event that cannot be written is lost: the status says the same.
    async fn tell(&self, call: impl Future<Output = Result<(), CallError>>, news: &News) {
        let told = call.await;
        self.metrics.wrote("event", &told);
        if let Err(error) = told {
            tracing::info!(%error, reason = news.reason, "an Event is lost");
        }
    }

    fn count(&self) {
        self.metrics.statuses_waiting.set(i64::try_from(self.waiting()).unwrap_or(i64::MAX));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the API server asked us to stay away.
fn asked_for(error: &CallError) -> Duration {
    let details = match error {
        CallError::Kube(kube::Error::Api(status)) => status.details.as_ref(),
        _ => None,
    };
    Duration::from_secs(details.map_or(0, |details| u64::from(details.retry_after_seconds)))
}

#[cfg(test)]
mod tests;
