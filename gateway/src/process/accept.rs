//! Takes callers' connections and hands each to a worker. Sockets are opened before there are threads.

use crate::app::Gateway;
use crate::descriptors;
use crate::shutdown::{Phase, reached};
use crate::worker::Place;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// Nobody can be accepted: so long until the next look.
const AGAIN: Duration = Duration::from_millis(50);

/// Where a worker's connections are put down.
pub(crate) type Desk = mpsc::UnboundedSender<(std::net::TcpStream, Place)>;

/// A listener on `address`, and where it is: port 0 takes a free one.
pub(crate) fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?; // a restart need not wait for old connections to time out
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Hands connections to the worker with the fewest, until the drain begins.
pub(crate) async fn accept(gateway: &Gateway, listener: tokio::net::TcpListener, desks: &[Desk]) {
    let mut phase = gateway.shutdown.watch();
    loop {
        let full = open_connections(gateway) >= gateway.bounds.connections;
        let accepted = tokio::select! {
            accepted = listener.accept(), if !full => accepted,
            () = tokio::time::sleep(AGAIN), if full => continue,
            () = reached(&mut phase, Phase::Draining) => break,
        };
        let stream = accepted.and_then(|(stream, _)| stream.into_std());
        match stream {
            Ok(stream) => hand_over(gateway, stream, desks),
            Err(error) if descriptors::are_spent(&error) && gateway.dialer.make_room() => {}
            // Still out of descriptors, most likely: some come back when connections end. It stays readable meanwhile.
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    accept_the_last(gateway, listener, desks);
    gateway.accepting.store(false, Ordering::Release);
}

/// Takes what has connected already: closing the listener would reset it.
fn accept_the_last(gateway: &Gateway, listener: tokio::net::TcpListener, desks: &[Desk]) {
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, _)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok() {
            hand_over(gateway, stream, desks);
        }
    }
}

/// Connections that all workers serve.
pub(crate) fn open_connections(gateway: &Gateway) -> usize {
    gateway.workers.iter().map(|worker| worker.connections()).sum()
}

/// A worker that is gone has the fewest connections for ever: only those that still take some are asked.
fn hand_over(gateway: &Gateway, mut stream: std::net::TcpStream, desks: &[Desk]) {
    loop {
        let alive = gateway.workers.iter().zip(desks).filter(|(_, desk)| !desk.is_closed());
        let Some((worker, desk)) = alive.min_by_key(|(worker, _)| worker.connections()) else { return };
        match desk.send((stream, Place::take(worker))) {
            Ok(()) => return,
            Err(mpsc::error::SendError((refused, _))) => stream = refused,
        }
    }
}
