//! What the control thread does: it accepts, and serves the admin port.

use super::accept::{Desk, accept};
use super::options::StartError;
use crate::app::Gateway;
use crate::http::serve_admin;
use crate::shutdown::{Phase, reached};
use crate::sockets::{Bound, Listener};
use std::sync::Arc;

/// Accepts until the drain begins, and serves the admin port until the gateway has ended.
pub(super) async fn control(gateway: Arc<Gateway>, data: Listener, admin: Listener, desks: Vec<Desk>) {
    let mut phase = gateway.shutdown.watch();
    tokio::join!(accept(&gateway, data, &desks), serve_admin(&gateway, admin));
    reached(&mut phase, Phase::Ended).await;
}

/// `listener` as the runtime that was entered waits on it.
pub(super) fn awaited(listener: Bound) -> Result<Listener, StartError> {
    let address = listener.address();
    listener.awaited().map_err(|error| match address {
        Ok(address) => StartError::Listen(address, error),
        Err(_) => StartError::Thread(error),
    })
}
