//! Keeps a gateway to what is published for it: waits for an index, fetches, checks, applies; or says what is wrong
//! and tries again.

use crate::held::Held;
use crate::last_good::LastGood;
use crate::parts::fetch;
use crate::pause::Pause;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::watch::{LONGEST, Seen, Watch};
use futures_util::StreamExt;
use kube::Client;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use weir_config::published::{Index, Revision};
use weir_config::{ObjectName, Snapshot};
use weir_gateway::Feed;

/// The longest wait before parts that do not fit together are fetched again: a new index comes by itself.
const LONGEST_FOR_CONTENT: Duration = Duration::from_secs(30);

/// Keeps a gateway to what is published for it.
pub(crate) struct Follower {
    gateway: ObjectName,
    patience: Duration,
    client: Client,
    feed: Feed,
    watch: Watch,
    held: Held,
    last_good: Option<LastGood>,
    /// What is in force.
    running: Option<Revision>,
    /// What is to be in force, and when it is tried next.
    wanted: Option<(Index, Instant)>,
    api_pause: Pause,
    content_pause: Pause,
    /// What was said last about the watch, and about the configuration.
    watch_problem: Option<Problem>,
    content_problem: Option<Problem>,
}

impl Follower {
    /// Does nothing until it is told to follow.
    pub(crate) fn new(client: Client, settings: Settings, feed: Feed) -> Self {
        let Settings { gateway, state_dir, patience } = settings;
        Self {
            watch: Watch::new(client.clone(), &gateway),
            gateway,
            patience,
            client,
            feed,
            held: Held::default(),
            last_good: state_dir.map(LastGood::new),
            running: None,
            wanted: None,
            api_pause: Pause::up_to(LONGEST),
            content_pause: Pause::up_to(LONGEST_FOR_CONTENT),
            watch_problem: None,
            content_problem: None,
        }
    }

    /// Follows for ever. At the start the API server comes first; once `patience` is over, the last good
    /// configuration serves until it has one that holds together.
    pub(crate) async fn follow(mut self) {
        let patience = self.patience;
        let first = async {
            while self.running.is_none() {
                self.step().await;
            }
        };
        if timeout(patience, first).await.is_err() {
            self.fall_back();
        }
        loop {
            self.step().await;
        }
    }

    /// Waits for the next thing to do, and does it.
    async fn step(&mut self) {
        let due = self.wanted.as_ref().map(|(_, at)| *at);
        let retry = async move {
            match due {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            seen = self.watch.next() => self.see(seen),
            () = retry => self.advance().await,
        }
    }

    fn see(&mut self, seen: Result<Seen, Problem>) {
        let index = match seen {
            Ok(Seen::Index(json)) => Index::from_json(json.as_bytes()).map_err(Problem::from),
            Ok(Seen::Nothing) => Err(Problem::Content("there is no published configuration".to_owned())),
            Err(problem) => return self.say_watch(Some(problem)),
        };
        self.say_watch(None);
        match index {
            Ok(index) if self.running == Some(index.revision()) => self.settled(),
            Ok(index) => self.wanted = Some((index, Instant::now())),
            Err(problem) => {
                self.wanted = None;
                self.say_content(Some(problem));
            }
        }
    }

    /// Nothing is left to be done.
    fn settled(&mut self) {
        self.wanted = None;
        self.api_pause.reset();
        self.content_pause.reset();
        self.say_content(None);
    }

    /// Tries to put in force what is wanted.
    async fn advance(&mut self) {
        let Some((index, _)) = self.wanted.clone() else { return };
        let fetched = self.fetch(&index).await;
        match fetched.and_then(|()| self.snapshot(&index)) {
            Ok(snapshot) => {
                self.apply(&index, snapshot);
                self.settled();
                self.save(&index);
            }
            Err(problem) => {
                let pause = match problem {
                    Problem::Api(_) => &mut self.api_pause,
                    Problem::Content(_) => &mut self.content_pause,
                };
                // The next publish overtakes this one now and then: that alone is nothing to talk about.
                let passes = matches!(problem, Problem::Content(_)) && pause.is_first();
                self.wanted = Some((index, Instant::now() + pause.next()));
                if !passes {
                    self.say_content(Some(problem));
                }
            }
        }
    }

    /// Fetches what `index` names and is not held. What has come is kept, even if the rest does not.
    async fn fetch(&mut self, index: &Index) -> Result<(), Problem> {
        let mut coming = pin!(fetch(&self.client, &self.gateway.namespace, self.held.lacking(index)));
        while let Some((name, part, stored)) = coming.next().await {
            self.held.take(&name, &part, index.format, stored?)?;
        }
        Ok(())
    }

    fn snapshot(&self, index: &Index) -> Result<Snapshot, Problem> {
        let snapshot = self.held.snapshot(index)?;
        if snapshot.gateway.name != self.gateway {
            return Err(Problem::Content(format!("it is the configuration of {}", snapshot.gateway.name)));
        }
        Ok(snapshot)
    }

    fn apply(&mut self, index: &Index, snapshot: Snapshot) {
        self.feed.apply(snapshot, index.revision());
        self.running = Some(index.revision());
        self.held.keep(index);
    }

    fn save(&mut self, index: &Index) {
        let Some(last_good) = &mut self.last_good else { return };
        if let Err(error) = last_good.save(index, &self.held) {
            tracing::warn!(%error, "the configuration cannot be kept for a restart without the API server");
        }
    }

    /// Puts the last good configuration in force, if there is one.
    fn fall_back(&mut self) {
        let Some(last_good) = &mut self.last_good else { return };
        let (index, held) = match last_good.load() {
            Ok(Some(found)) => found,
            Ok(None) => {
                return tracing::warn!("there is no last good configuration: waiting for the API server");
            }
            Err(error) => return tracing::warn!(%error, "the last good configuration is ignored"),
        };
        // What has come of a newer one is fetched again: this is the exception.
        self.held = held;
        match self.snapshot(&index) {
            Ok(snapshot) => {
                self.apply(&index, snapshot);
                tracing::warn!(
                    "the last good configuration is in force until the API server has a newer one"
                );
            }
            Err(error) => tracing::warn!(%error, "the last good configuration is ignored"),
        }
    }

    fn say_watch(&mut self, problem: Option<Problem>) {
        say(&self.watch_problem, &problem);
        self.watch_problem = problem;
        self.report();
    }

    fn say_content(&mut self, problem: Option<Problem>) {
        say(&self.content_problem, &problem);
        self.content_problem = problem;
        self.report();
    }

    fn report(&self) {
        let problem = self.watch_problem.as_ref().or(self.content_problem.as_ref());
        self.feed.report(problem.map(ToString::to_string));
    }
}

/// Logs a problem when it comes, changes, or goes; not at each of a day's attempts.
fn say(before: &Option<Problem>, now: &Option<Problem>) {
    let text = |problem: &Option<Problem>| problem.as_ref().map(ToString::to_string);
    match (text(before), text(now)) {
        (before, Some(problem)) if before.as_ref() != Some(&problem) => {
            tracing::warn!(problem, "newer configuration cannot be applied; what runs goes on");
        }
        (Some(problem), None) => tracing::info!(problem, "that is over"),
        _ => {}
    }
}
