//! Takes callers' connections and hands each to a worker.

use crate::app::Gateway;
use crate::descriptors;
use crate::shutdown::{Phase, reached};
use crate::sockets::{Arrival, Listener};
use crate::worker::Place;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// Nobody can be accepted: so long until the next look.
const AGAIN: Duration = Duration::from_millis(50);

/// Where a worker's connections are put down.
pub(crate) type Desk = mpsc::UnboundedSender<(Arrival, Place)>;

/// Hands connections to the worker with the fewest, until the drain begins.
pub(crate) async fn accept(gateway: &Gateway, listener: Listener, desks: &[Desk]) {
    let mut phase = gateway.shutdown.watch();
    loop {
        let full = open_connections(gateway) >= gateway.bounds.connections;
        let accepted = tokio::select! {
            accepted = listener.accept(), if !full => accepted,
            () = tokio::time::sleep(AGAIN), if full => continue,
            () = reached(&mut phase, Phase::Draining) => break,
        };
        match accepted {
            Ok(arrival) => hand_over(gateway, arrival, desks),
            Err(error) if descriptors::are_spent(&error) && gateway.dialer.make_room() => {}
            // Still out of descriptors, most likely: some come back when connections end. It stays readable meanwhile.
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    listener.rest().for_each(|arrival| hand_over(gateway, arrival, desks));
    gateway.accepting.store(false, Ordering::Release);
}

/// Connections that all workers serve.
pub(crate) fn open_connections(gateway: &Gateway) -> usize {
    gateway.workers.iter().map(|worker| worker.connections()).sum()
}

/// A worker that is gone has the fewest connections for ever: only those that still take some are asked.
fn hand_over(gateway: &Gateway, mut arrival: Arrival, desks: &[Desk]) {
    loop {
        let alive = gateway.workers.iter().zip(desks).filter(|(_, desk)| !desk.is_closed());
        let Some((worker, desk)) = alive.min_by_key(|(worker, _)| worker.connections()) else { return };
        match desk.send((arrival, Place::take(worker))) {
            Ok(()) => return,
            Err(mpsc::error::SendError((refused, _))) => arrival = refused,
        }
    }
}
