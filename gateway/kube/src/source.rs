//! Follows one gateway's published configuration and applies it.

use crate::client::{CALL, ClientError, client};
use crate::held::Held;
use crate::last_good::LastGood;
use crate::pause::Pause;
use crate::problem::Problem;
use crate::watch::{LONGEST, Seen, Watch};
use futures_util::{StreamExt, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Client, Config};
use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use weir_config::published::{Index, PART_KEY, PartRef, Revision, Store};
use weir_config::{ObjectName, Snapshot};
use weir_gateway::Feed;

/// Parts that are fetched at once.
const AT_ONCE: usize = 8;
/// The longest wait before parts that do not fit together are fetched again: a new index comes by itself.
const LONGEST_FOR_CONTENT: Duration = Duration::from_secs(30);

/// What to follow, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `LLMGateway` whose configuration it is.
    pub gateway: ObjectName,
    /// Where the configuration that was applied last is kept; `None`: nowhere. It holds credentials: in a pod it is
    /// in memory.
    pub state_dir: Option<PathBuf>,
    /// How long the API server may take at the start before the last good configuration is used; usually
    /// [`Settings::PATIENCE`].
    pub patience: Duration,
}

impl Settings {
    /// 3 s: longer than an API server that is there takes, shorter than anybody waits for a restarted pod.
    pub const PATIENCE: Duration = Duration::from_secs(3);
}

/// Why nothing is followed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no client of the API server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no thread or runtime for it.
    #[error("cannot start the source's thread: {0}")]
    Thread(#[from] io::Error),
}

/// A source that runs, on a thread of its own.
#[derive(Debug)]
pub struct Source {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Source {
    /// Follows what is published for a gateway on the API server of `config`, and hands it to `feed`. An API server
    /// that is away is no error: it is waited for, as long as it takes.
    ///
    /// # Errors
    /// `config` cannot be used, or the system gives no thread.
    pub fn start(config: &Config, settings: Settings, feed: Feed) -> Result<Self, SourceError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = {
            let _inside = runtime.enter();
            client(config)?
        };
        let (stop, stopped) = oneshot::channel();
        let run = async move {
            tokio::select! {
                () = Follower::new(client, settings, feed).follow() => {}
                _ = stopped => {}
            }
        };
        let thread =
            thread::Builder::new().name("weir-source".to_owned()).spawn(move || runtime.block_on(run))?;
        Ok(Self { stop, thread })
    }

    /// Ends it. What is applied stays so.
    pub fn stop(self) {
        // An error means that it has ended already.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the source's thread panicked");
        }
    }
}

/// Keeps a gateway to what is published for it.
struct Follower {
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
    fn new(client: Client, settings: Settings, feed: Feed) -> Self {
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
    async fn follow(mut self) {
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
                    Problem::Api(_) => self.api_pause.next(),
                    Problem::Content(_) => self.content_pause.next(),
                };
                self.wanted = Some((index, Instant::now() + pause));
                self.say_content(Some(problem));
            }
        }
    }

    /// Fetches what `index` names and is not held. What has come is kept, even if the rest does not.
    async fn fetch(&mut self, index: &Index) -> Result<(), Problem> {
        let call = |(name, part): (String, PartRef)| {
            let (client, namespace) = (self.client.clone(), self.gateway.namespace.clone());
            async move {
                let stored = get(&client, &namespace, part.store, &name).await;
                (name, part, stored)
            }
        };
        let calls: Vec<_> = self.held.lacking(index).into_iter().map(call).collect();
        let mut calls = stream::iter(calls).buffer_unordered(AT_ONCE);
        while let Some((name, part, stored)) = calls.next().await {
            self.held.take(&name, &part, stored?)?;
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

/// The stored bytes of a part. Read as text and parsed here, because kube logs what it cannot parse: it may be secret.
async fn get(client: &Client, namespace: &str, store: Store, name: &str) -> Result<Vec<u8>, Problem> {
    let kind = match store {
        Store::ConfigMap => "configmaps",
        Store::Secret => "secrets",
    };
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/{kind}/{name}"));
    let request = request.body(Vec::new()).map_err(|_| Problem::Content(format!("{name} is no name")))?;
    let text = match timeout(2 * CALL, client.request_text(request)).await {
        Ok(answer) => answer.map_err(|error| Problem::call(name, &error))?,
        Err(_) => return Err(Problem::Api(format!("{name} cannot be fetched: no answer"))),
    };
    let data = match store {
        Store::ConfigMap => serde_json::from_str::<ConfigMap>(&text).ok().and_then(|found| found.binary_data),
        Store::Secret => serde_json::from_str::<Secret>(&text).ok().and_then(|found| found.data),
    };
    let part = data.and_then(|mut data| data.remove(PART_KEY));
    let ByteString(stored) = part.ok_or_else(|| Problem::Content(format!("{name} has no {PART_KEY}")))?;
    Ok(stored)
}
