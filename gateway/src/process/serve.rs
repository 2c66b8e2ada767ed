//! What a worker's thread does: it serves the connections that arrive.

use crate::app::Gateway;
use crate::http::serve_connection;
use crate::shutdown::{Phase, reached};
use crate::sockets::Arrival;
use crate::tasks;
use crate::worker::{Place, Worker};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Accepted connections on their way to a worker.
pub(super) type Arrivals = mpsc::UnboundedReceiver<(Arrival, Place)>;

/// Serves what arrives until the gateway has ended. Whatever runs then is dropped.
pub(super) async fn serve(gateway: Arc<Gateway>, worker: Arc<Worker>, mut arrivals: Arrivals) {
    let mut phase = gateway.shutdown.watch();
    let mut gate = keep_gate(&worker);
    loop {
        tokio::select! {
            Some((arrival, place)) = arrivals.recv() => begin(&gateway, &worker, arrival, place),
            () = reached(&mut phase, Phase::Ended) => return,
            // Nobody would be let in any more: as good as no worker.
            _ = &mut gate => return,
        }
    }
}

/// Keeps the worker's gate; what it gives is ready when that has ended, which it never should.
fn keep_gate(worker: &Arc<Worker>) -> oneshot::Receiver<Infallible> {
    let (keeps, gone) = oneshot::channel();
    let worker = Arc::clone(worker);
    tasks::spawn("gate", async move {
        worker.gate.keep().await;
        drop(keeps);
    });
    gone
}

fn begin(gateway: &Arc<Gateway>, worker: &Arc<Worker>, arrival: Arrival, place: Place) {
    match arrival.stream() {
        Ok(stream) => {
            let serving = serve_connection(Arc::clone(gateway), Arc::clone(worker), stream);
            tasks::spawn("connection", async move {
                serving.await;
                drop(place);
            });
        }
        Err(error) => tracing::warn!(%error, "an accepted connection cannot be served"),
    }
}
