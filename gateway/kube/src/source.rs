//! A source as whoever starts the gateway has it: a thread, an end.

use crate::client::{ClientError, client};
use crate::follower::Follower;
use crate::settings::Settings;
use kube::Config;
use std::io;
use std::thread::{self, JoinHandle};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use weir_gateway::Feed;

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
        let needed = feed.clone();
        let run = async move {
            tokio::select! {
                () = Follower::new(client, settings, feed).follow() => {}
                _ = stopped => {}
            }
        };
        let thread = thread::Builder::new().name("weir-source".to_owned()).spawn(move || {
            needed.needs("weir-source", || runtime.block_on(run));
            // Nobody can cancel a name lookup: the end does not wait for one.
            runtime.shutdown_background();
        })?;
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
