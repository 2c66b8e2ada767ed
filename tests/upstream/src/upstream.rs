//! `Upstream`: the handle that a test holds. It owns a thread with a runtime of its own, so it works from any
//! runtime and from none; or it has neither, and serves in its test's runtime, whose time may be paused.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::connection::{Shared, scripted};
use crate::{Answer, Cancelled, Rule, Seen, Wire};

/// A fake vendor. One that has a port of this machine stops, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A condition that did not come true in time.
#[derive(Debug)]
pub struct TimedOut {
    after: Duration,
    saw: String,
}

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not true after {:?}; the upstream saw {}", self.after, self.saw)
    }
}

impl std::error::Error for TimedOut {}

/// How long the named waits below wait. Only a failing test ever waits that long.
const PATIENCE: Duration = Duration::from_secs(10);

impl Upstream {
    /// Starts on a free port, and answers every request with a short completion until told otherwise.
    #[expect(clippy::expect_used, reason = "without a port and a thread there is no test to go on with")]
    pub fn start() -> Self {
        Self::start_on(0).expect("cannot start a fake upstream")
    }

    /// Starts on this port: to come back where one was stopped.
    pub fn start_on(port: u16) -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Starts at this address, for callers that are elsewhere; port 0 is a free one.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let handle = runtime.handle().clone();
        let shared = Arc::new(Shared::new());
        let (stop, stopped) = oneshot::channel();
        let serves = serve(listener, shared.clone(), stopped);
        let run = move |runtime: Runtime| runtime.block_on(serves);
        let thread = thread::Builder::new().name("upstream".into()).spawn(move || run(runtime))?;
        Ok(Self { address, shared, runtime: handle, stop: Some(stop), thread: Some(thread) })
    }

    /// One that has no thread and listens nowhere, but says that it is at `address`: it answers on the connections that
    /// [`Upstream::serve`] is given, in the runtime that this is called in, by its clock.
    pub fn inside(address: SocketAddr) -> Self {
        let (shared, runtime) = (Arc::new(Shared::new()), Handle::current());
        Self { address, shared, runtime, stop: None, thread: None }
    }

    /// Answers on `connection` until it ends.
    pub fn serve(&self, connection: impl Wire) -> impl Future<Output = ()> + Send + 'static {
        scripted(connection, self.shared.clone())
    }

    /// The base URL with `/v1`. Any other prefix works as well.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Adds a rule. Rules come before the queue and the default, and the first that matches wins.
    pub fn script(&self, rule: Rule) {
        self.shared.script(|script| script.rules.push(rule));
    }

    /// Forgets all rules and queued answers; the default stays.
    pub fn clear(&self) {
        self.shared.script(|script| {
            script.rules.clear();
            script.once.clear();
        });
    }

    /// The default answer, from now on.
    pub fn always(&self, answer: impl Into<Answer>) {
        let answer = answer.into();
        self.shared.script(|script| script.default = answer);
    }

    /// From now on refuses what the real API would, as it would: chat completions as OpenAI, Messages as Anthropic.
    /// A refused request takes no rule and nothing from the queue.
    pub fn strict(&self) {
        self.shared.script(|script| script.strict = true);
    }

    /// Queues an answer for one request; first come, first served. Lists of models take none.
    pub fn then(&self, answer: impl Into<Answer>) {
        let answer = answer.into();
        self.shared.script(|script| script.once.push_back(answer));
    }

    /// The answer to `GET …/models`.
    pub fn models(&self, answer: impl Into<Answer>) {
        let answer = answer.into();
        self.shared.script(|script| script.models = answer);
    }

    /// All requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.log.read(|log| log.seen.clone())
    }

    /// The last request.
    pub fn last(&self) -> Option<Seen> {
        self.shared.log.read(|log| log.seen.last().cloned())
    }

    /// How many requests arrived whole.
    pub fn count(&self) -> usize {
        self.shared.log.read(|log| log.seen.len())
    }

    /// How many answers ended as scripted (also those that the script cut short).
    pub fn finished(&self) -> usize {
        self.shared.log.read(|log| log.finished)
    }

    /// How many connections are open now.
    pub fn connections_open(&self) -> usize {
        self.shared.log.read(|log| log.open)
    }

    /// How many connections there have ever been.
    pub fn connections(&self) -> u64 {
        self.shared.log.read(|log| log.connections)
    }

    /// Answers that the client did not wait for, in the order in which that was noticed.
    pub fn cancelled(&self) -> Vec<Cancelled> {
        self.shared.log.read(|log| log.cancelled.clone())
    }

    /// Returns when `holds` does; asks again after every event. The limit is real time, whatever clock the
    /// caller's runtime has; of one that is [`Upstream::inside`] a runtime, by the clock of that.
    pub async fn wait_for(&self, limit: Duration, holds: impl Fn(&Self) -> bool) -> Result<(), TimedOut> {
        let mut changed = self.shared.log.changed.subscribe();
        let late = Arc::new(AtomicBool::new(false));
        let (shared, is_late) = (self.shared.clone(), late.clone());
        let alarm = self.runtime.spawn(async move {
            sleep(limit).await;
            is_late.store(true, Ordering::Release);
            shared.log.changed.send_replace(());
        });
        let outcome = loop {
            changed.borrow_and_update();
            if holds(self) {
                break Ok(());
            }
            if late.load(Ordering::Acquire) {
                break Err(TimedOut { after: limit, saw: self.summary() });
            }
            // The sender lives in `self`, so this waits for a change and cannot fail.
            let _ = changed.changed().await;
        };
        alarm.abort();
        outcome
    }

    /// Returns when so many requests have arrived.
    pub async fn wait_for_requests(&self, count: usize) -> Result<(), TimedOut> {
        self.wait_for(PATIENCE, |upstream| upstream.count() >= count).await
    }

    /// Returns when so many answers have been cancelled by their clients.
    pub async fn wait_for_cancelled(&self, count: usize) -> Result<(), TimedOut> {
        self.wait_for(PATIENCE, |upstream| upstream.cancelled().len() >= count).await
    }

    fn summary(&self) -> String {
        self.shared.log.read(|log| {
            format!(
                "{} requests, {} finished, {} cancelled, {} of {} connections open",
                log.seen.len(),
                log.finished,
                log.cancelled.len(),
                log.open,
                log.connections
            )
        })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already, and dropping must not panic.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, most likely: a closing connection gives some back.
                    sleep(Duration::from_millis(1)).await;
                    continue;
                };
                // Without it an answer in several writes takes 40 ms, and the test that times it fails.
                let _ = stream.set_nodelay(true);
                connections.spawn(scripted(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
