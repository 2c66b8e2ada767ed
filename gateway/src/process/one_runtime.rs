//! A gateway in the runtime that starts it, on a network in memory: its workers are tasks, not threads. With its callers
//! and upstreams in there, too, it is done with whatever can be done before time goes on, and a test may pause time.
//!
//! What it runs is what threads run otherwise: [`serve`], [`control`], and the [`steps`] of the end.

use super::control::{awaited, control};
use super::made::Made;
use super::options::{Options, StartError};
use super::serve::serve;
use super::steps::{LOOK, steps};
use crate::app::Gateway;
use crate::observe::UsageLog;
use crate::shutdown::Phase;
use crate::sockets::{Network, memory};
use crate::tasks;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use weir_config::Snapshot;

/// A gateway that runs in its caller's runtime.
#[derive(Debug)]
pub struct Inside {
    gateway: Arc<Gateway>,
    usage_log: UsageLog,
    /// The data port's address.
    pub data_address: SocketAddr,
    /// The admin port's address.
    pub admin_address: SocketAddr,
}

impl Inside {
    /// Starts a gateway on `network`, without configuration.
    ///
    /// # Errors
    /// As [`crate::start`].
    pub fn start(options: &Options, network: &memory::Network) -> Result<Self, StartError> {
        let made = Made::new(options, Network::Memory(network.clone()))?;
        let (desks, arrivals) = made.desks();
        let Made { gateway, usage_log, data, admin, data_address, admin_address } = made;
        for (worker, arrivals) in gateway.workers.iter().zip(arrivals) {
            run(&gateway, "worker", serve(Arc::clone(&gateway), Arc::clone(worker), arrivals));
        }
        run(&gateway, "control", control(Arc::clone(&gateway), awaited(data)?, awaited(admin)?, desks));
        Ok(Self { gateway, usage_log, data_address, admin_address })
    }

    /// Puts `snapshot` in force, whole; returns its generation, counted from 1.
    pub fn apply(&self, snapshot: Snapshot) -> u64 {
        self.gateway.apply(snapshot, None)
    }

    /// Ends the gateway in order, as [`crate::Running::drain`] does.
    pub async fn drain(&self) {
        for step in steps(&self.gateway) {
            let begun = step.begin(&self.gateway);
            while !begun.is_over(&self.gateway) {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Ends everything now. Writes out the usage log.
    pub async fn stop(mut self) {
        self.gateway.shutdown.advance(Phase::Ended);
        // Every task that can end has its turn before time goes on.
        tokio::time::sleep(LOOK).await;
        self.usage_log.close();
    }
}

/// Runs `task`, which ends with the gateway, and which the gateway needs.
fn run(gateway: &Arc<Gateway>, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let (shutdown, watched) = (Arc::clone(&gateway.shutdown), gateway.needed.watch(name));
    tasks::spawn(name, async move {
        task.await;
        if shutdown.is(Phase::Ended) {
            watched.done();
        }
    });
}
