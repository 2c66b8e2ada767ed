//! A network in memory with upstreams, and a gateway on it.

use crate::harness::{self, Config, Reply};
use crate::raw::{Raw, chat};
use bytes::BytesMut;
use serde_json::Value;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;
use weir_gateway::Options;
use weir_gateway::testing::{Inside, Listener, Network, Stream};
use weir_upstream::{Upstream, Wire};

/// Longer than any timer.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// What timers are late by: the runtime's count milliseconds, and a request may have a few of them.
const LATE: Duration = Duration::from_millis(50);

/// A network. All that serves on it ends when it is dropped.
#[derive(Default)]
pub struct Net {
    pub network: Network,
    tasks: RefCell<JoinSet<()>>,
}

impl Net {
    /// An upstream on a free port.
    pub fn upstream(&self) -> Arc<Upstream> {
        let listener = self.network.listen(any()).unwrap();
        let upstream = Arc::new(Upstream::inside(listener.address()));
        self.tasks.borrow_mut().spawn(serve(listener, upstream.clone()));
        upstream
    }

    /// A port that swallows connections.
    pub fn silence(&self) -> u16 {
        self.network.swallow(any()).unwrap().port()
    }

    /// Starts a gateway with `config` in force.
    pub fn start(&self, config: &Config) -> World {
        self.start_with(config, |_| {})
    }

    /// Starts a gateway with other options.
    pub fn start_with(&self, config: &Config, change: impl FnOnce(&mut Options)) -> World {
        let folder = TempDir::new().unwrap();
        let mut options = harness::options(&folder);
        change(&mut options);
        let gateway = Inside::start(&options, &self.network).unwrap();
        gateway.apply(config.0.clone());
        World { network: self.network.clone(), gateway, folder }
    }
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn serve(listener: Listener, upstream: Arc<Upstream>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = listener.accept().await.unwrap();
        connections.spawn(upstream.serve(InMemory(stream)));
    }
}

/// The scripted upstream knows nothing of the gateway's network.
struct InMemory(Stream);

impl Wire for InMemory {
    fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        let mut piece = [0; 4096];
        let read = self.0.try_read(&mut piece)?;
        buffer.extend_from_slice(&piece[..read]);
        Ok(read)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    async fn readable(&self) -> io::Result<()> {
        self.0.readable().await;
        Ok(())
    }

    async fn writable(&self) -> io::Result<()> {
        self.0.writable().await;
        Ok(())
    }

    fn reset(self) {
        self.0.reset();
    }
}

/// A gateway that runs, and its network.
pub struct World {
    network: Network,
    pub gateway: Inside,
    folder: TempDir,
}

impl World {
    /// A caller on a connection of its own.
    pub async fn caller(&self) -> Raw<Stream> {
        Raw::over(self.network.connect(self.gateway.data_address).await.unwrap(), PATIENCE)
    }

    /// Whether no connection is accepted any more.
    pub async fn is_deaf(&self) -> bool {
        self.network.connect(self.gateway.data_address).await.is_err()
    }

    /// A caller who has sent this chat.
    pub async fn asking(&self, body: &Value) -> Raw<Stream> {
        let mut caller = self.caller().await;
        assert!(caller.send(chat(&body.to_string())).await);
        caller
    }

    /// The answer to this chat, and how long it took.
    pub async fn ask(&self, body: &Value) -> (Reply, Duration) {
        let began = Instant::now();
        let reply = self.asking(body).await.reply().await.expect("the connection ended without an answer");
        (reply.into(), began.elapsed())
    }

    /// Stops the gateway; how the first attempt of each request went.
    pub async fn outcomes(self) -> Vec<String> {
        self.gateway.stop().await;
        let lines = harness::usage_in(&self.folder);
        lines.iter().map(|line| line["attempts"][0]["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

/// So many seconds.
pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether `took` is what a timer of `time` takes.
#[track_caller]
pub fn assert_takes(took: Duration, time: Duration) {
    assert!((time..time + LATE).contains(&took), "{took:?} and not {time:?}");
}
