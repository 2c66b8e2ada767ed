//! The loop: something changed -> a pass over everything -> statuses. One at a time, so that nothing here is locked.
//!
//! The first change after rest is looked at at once; what comes while a pass is under way is looked at together.

use crate::account;
use crate::acks::{self, Acks};
use crate::args::Args;
use crate::children::{self, Keeping, Outcomes, Settings};
use crate::cluster::{self, Scope};
use crate::health::{self, Health, Pulse};
use crate::lease::{self, Who};
use crate::metrics::Metrics;
use crate::pass::World;
use crate::report::Statuses;
use crate::tasks::Tasks;
use crate::watch::{self, Wakers};
use k8s_openapi::jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch as channel};
use tokio::time::Instant;

/// Publishes lie so far apart at least.
const BETWEEN: Duration = Duration::from_millis(100);
/// What the watch should have told of is asked for so often at most.
const A_SECOND: Duration = Duration::from_secs(1);
/// Everything is looked at again after so long, changed or not; jittered by a tenth.
const FULL_PASS: Duration = Duration::from_secs(600);
/// The loop comes round so often, so that it can be seen to.
const TICK: Duration = Duration::from_secs(10);
/// A pass that failed is made again after so long, doubling: ten seconds after the API server's return all is
/// published (semantics S8.7).
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// It cannot start, or a part of it ended.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let client = cluster::connect().await?;
    let mut tasks = Tasks::default();
    let wake = Wakers::default();
    let metrics = Arc::new(Metrics::default());
    let scope = Scope::new(&args.watch_namespaces);
    let picture = Arc::new(watch::start(&client, &scope, &wake, &mut tasks));
    let pulse = Arc::new(Pulse::default());
    let health =
        Health { pulse: Arc::clone(&pulse), picture: Arc::clone(&picture), metrics: Arc::clone(&metrics) };
    tasks
        .spawn("the health port", health::serve(TcpListener::bind(args.health_listen).await?, health.into()));

    let (leading, led) = channel::channel(false);
    let mut lease = Tasks::default();
    let who = Who { identity: args.identity.clone(), account: account::in_pod() };
    let held = lease::hold(client.clone(), args.namespace.clone(), who, leading);
    lease.spawn("holding the Lease", held);
    let news = Arc::new(Notify::new());
    let acks = Arc::new(Acks::new(Arc::clone(&news)));
    let (http, asker) = (acks::http()?, Arc::clone(&acks));
    tasks.spawn("polling", async move { asker.poll(&http).await });
    let statuses = Arc::new(Statuses::new(Arc::clone(&metrics)));
    let (writer, to, may) = (Arc::clone(&statuses), client.clone(), led.clone());
    let identity = args.identity.clone();
    tasks.spawn("writing statuses", async move { writer.run(to, identity, may).await });

    let outcomes = Arc::new(Outcomes::new(Arc::clone(&news)));
    let keeping = Keeping {
        client: client.clone(),
        picture: Arc::clone(&picture),
        metrics: Arc::clone(&metrics),
        settings: Settings { image: args.gateway_image },
        outcomes: Arc::clone(&outcomes),
        wake: Arc::clone(&wake.children),
        leading: led.clone(),
    };
    tasks.spawn("keeping what gateways run as", children::keep(keeping));

    let counted = Arc::clone(&metrics);
    let world = World::new(client, picture, counted, acks, statuses, outcomes, args.require_credential_label);
    let turns = Turns { wake, news, leading: led, pulse, metrics, world };
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let broken = tokio::select! {
        () = turns.forever() => None,
        why = tasks.first_end() => Some(why),
        why = lease.first_end() => Some(why),
        _ = term.recv() => None,
        _ = int.recv() => None,
    };
    // Whoever waits for the Lease need not wait until it expires: all that listened is gone, so it is given back.
    drop(tasks);
    let _ = tokio::time::timeout(Duration::from_secs(2), lease.first_end()).await;
    broken.map_or(Ok(()), |why| Err(anyhow::Error::msg(why)))
}

/// What the loop waits for and what it turns.
struct Turns {
    wake: Wakers,
    news: Arc<Notify>,
    leading: channel::Receiver<bool>,
    pulse: Arc<Pulse>,
    metrics: Arc<Metrics>,
    world: World,
}

/// When something is due though nothing happens.
struct Due {
    /// A pass: the earliest moment, if one is wanted.
    pass: Option<Instant>,
    /// The question whether Secrets or what is published have changed.
    look: Option<Instant>,
    /// A pass that reads everything again.
    full: Instant,
    /// Statuses that change by time alone.
    report: Option<Instant>,
    retry: Duration,
    /// The last pass began then.
    last: Instant,
}

impl Due {
    /// A pass as soon as may be.
    fn soon(&mut self) {
        let at = Instant::now().max(self.last + BETWEEN);
        self.pass = Some(self.pass.map_or(at, |before| before.min(at)));
    }
}

impl Turns {
    async fn forever(mut self) {
        let now = Instant::now();
        let full = now + jittered(FULL_PASS);
        let mut due = Due { pass: None, look: None, full, report: None, retry: RETRY.0, last: now };
        let mut was_leading = false;
        loop {
            self.pulse.beat(Timestamp::now());
            let leading = *self.leading.borrow_and_update();
            if leading != was_leading {
                was_leading = leading;
                self.metrics.leading.set(leading.into());
                // Another may have written since: what is published is read before anything is written.
                self.world.forget();
                due.pass = leading.then(Instant::now);
            }
            let now = Instant::now();
            if leading && now >= due.full {
                self.world.forget();
                due.full = now + jittered(FULL_PASS);
                due.pass = Some(now);
            }
            if leading && due.look.is_some_and(|at| now >= at) && self.world.is_complete() {
                if self.world.is_stale() {
                    due.soon();
                }
                due.look = self.world.look_again().map(|at| at.max(now + A_SECOND));
            }
            if leading && due.pass.is_some_and(|at| now >= at) && self.world.is_complete() {
                self.pass(&mut due).await;
            } else if leading && due.report.is_some_and(|at| now >= at) {
                due.report = self.world.report();
                if self.world.wants_format() {
                    due.soon();
                }
            }
            self.wait(&mut due, leading).await;
        }
    }

    async fn pass(&mut self, due: &mut Due) {
        due.last = Instant::now();
        due.pass = None;
        match self.world.pass().await {
            Ok(again) => {
                due.retry = RETRY.0;
                due.pass = again;
            }
            Err(error) => {
                tracing::warn!(%error, "a pass could not be finished, it is made again");
                due.pass = Some(Instant::now() + jittered(due.retry));
                due.retry = (due.retry * 2).min(RETRY.1);
            }
        }
        due.look = self.world.look_again().map(|at| at.max(due.last + A_SECOND));
        due.report = self.world.report();
    }

    /// Until the next thing to do.
    async fn wait(&mut self, due: &mut Due, leading: bool) {
        let tick = Instant::now() + TICK;
        let next = [Some(tick), due.pass, due.look, due.report].into_iter().flatten().min().unwrap_or(tick);
        let next = if leading && self.world.is_complete() { next } else { tick };
        tokio::select! {
            () = self.wake.world.notified() => due.soon(),
            () = self.wake.stored.notified() => due.look = Some(Instant::now()),
            () = self.wake.pods.notified() => due.report = Some(Instant::now()),
            () = self.news.notified() => due.report = Some(Instant::now()),
            changed = self.leading.changed() => if changed.is_err() {
                // The Lease's task is gone: nothing may be written any more.
                std::future::pending::<()>().await;
            },
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// Up to a tenth longer, so that replicas and retries do not march in step.
fn jittered(duration: Duration) -> Duration {
    let mut random = [0; 4];
    // Without randomness there is no jitter: nothing depends on it.
    let random = getrandom::fill(&mut random).map_or(0, |()| u32::from_le_bytes(random));
    duration + duration.mul_f64(f64::from(random) / f64::from(u32::MAX) / 10.0)
}

#[cfg(test)]
mod tests;
