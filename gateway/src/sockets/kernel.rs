//! The kernel's sockets. A listener is opened before there are threads, and a connection is accepted on one thread and
//! served on another: so there are two types of each, one that belongs to a runtime and one that belongs to none.

use super::keepalive;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::net::SocketAddr;
use std::time::Duration;
use std::{io, iter};

/// So many connections wait in the kernel until somebody accepts them.
const BACKLOG: i32 = 4096;
/// So many bytes of an answer the kernel takes beyond what it can send.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 << 10;

/// A connection.
pub(crate) type Stream = tokio::net::TcpStream;

/// The network that the kernel has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network;

impl Network {
    pub(crate) fn kernel() -> Self {
        Self
    }

    /// A listener on `address`, and where it is: port 0 takes a free one.
    pub(crate) fn listen(&self, address: SocketAddr) -> io::Result<(Bound, SocketAddr)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?; // a restart need not wait for old connections to time out
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let bound = Bound(socket.into());
        let address = bound.address()?;
        Ok((bound, address))
    }

    /// A connection to `address`.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        Stream::connect(address).await
    }
}

/// A listener that nobody waits on yet.
#[derive(Debug)]
pub(crate) struct Bound(std::net::TcpListener);

impl Bound {
    /// Where it is.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// As the runtime that was entered waits on it.
    pub(crate) fn awaited(self) -> io::Result<Listener> {
        tokio::net::TcpListener::from_std(self.0).map(Listener)
    }
}

#[cfg(test)]
impl From<std::net::TcpListener> for Bound {
    fn from(listener: std::net::TcpListener) -> Self {
        Self(listener)
    }
}

/// A listener.
#[derive(Debug)]
pub(crate) struct Listener(tokio::net::TcpListener);

impl Listener {
    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Arrival> {
        let (stream, _) = self.0.accept().await?;
        stream.into_std().map(Arrival)
    }

    /// What has connected already: closing the listener would reset it.
    pub(crate) fn rest(self) -> impl Iterator<Item = Arrival> {
        let listener = self.0.into_std().ok();
        let rest = iter::from_fn(move || Some(listener.as_ref()?.accept().ok()?.0));
        rest.filter(|stream| stream.set_nonblocking(true).is_ok()).map(Arrival)
    }
}

/// A connection that was accepted, on its way to the thread that serves it.
#[derive(Debug)]
pub(crate) struct Arrival(std::net::TcpStream);

impl Arrival {
    /// As the runtime that this is called in serves it.
    pub(crate) fn stream(self) -> io::Result<Stream> {
        Stream::from_std(self.0)
    }
}

/// Makes `stream` fit for a caller.
pub(crate) fn for_caller(stream: &Stream) -> io::Result<()> {
    for_upstream(stream)?;
    // The kernel calls a socket writable once a third of its buffer is free, and lets the buffer grow to megabytes: a
    // slow reader's progress would stay unseen for minutes, and its answer would be kept where nobody counts it.
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Makes `stream` fit for an upstream.
pub(crate) fn for_upstream(stream: &Stream) -> io::Result<()> {
    // Without it Nagle's algorithm and delayed acknowledgements cost 40 ms a request.
    stream.set_nodelay(true)?;
    keepalive::turn_on(stream)
}

/// Ends `stream` with a reset, which nobody takes for an end. An error is no matter: it has ended already.
pub(crate) fn reset(stream: Stream) {
    drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
}
