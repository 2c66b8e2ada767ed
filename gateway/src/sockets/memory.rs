//! A network in memory, for tests: its connections are two pipes with room for so many bytes, its listeners a queue. No
//! thread, no clock and no kernel is behind it, so that a runtime whose time is paused knows when nobody has anything to
//! do.
//!
//! It behaves as the kernel's does where a gateway can tell: a side may be closed for writing alone, what is unread when
//! a connection is dropped resets it, a full pipe is not writable. It has no latency and loses nothing.

mod pipe;

use pipe::Pipe;
use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// So many connections wait until somebody accepts them; more wait to be made.
const BACKLOG: usize = 4096;
/// Ports from here on are given to who asks for any.
const FREE_PORTS: u16 = 32_768;
/// Where connections come from.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A network. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Network(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    listening: HashMap<SocketAddr, Place>,
    /// How many free ports were given out.
    given: u16,
}

#[derive(Debug)]
enum Place {
    Listens(mpsc::Sender<Stream>),
    Swallows,
}

impl Network {
    /// A listener on `address`: port 0 takes a free one.
    ///
    /// # Errors
    /// Somebody has it already.
    pub fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let (sender, arrivals) = mpsc::channel(BACKLOG);
        let address = self.lock().put(address, Place::Listens(sender))?;
        Ok(Listener { network: self.clone(), address, arrivals: Mutex::new(arrivals) })
    }

    /// From now on no connection to `address` comes about, and none is refused.
    ///
    /// # Errors
    /// Somebody has it already.
    pub fn swallow(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.lock().put(address, Place::Swallows)
    }

    /// A connection to `address`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        let (queue, from) = {
            let mut places = self.lock();
            let queue = match places.listening.get(&address) {
                Some(Place::Listens(queue)) => Some(queue.clone()),
                Some(Place::Swallows) => None,
                None => return Err(ErrorKind::ConnectionRefused.into()),
            };
            (queue, places.free(HERE))
        };
        let Some(queue) = queue else { return pending().await };
        let (near, far) = Stream::pair(from, address);
        queue.send(far).await.map_err(|_| io::Error::from(ErrorKind::ConnectionRefused))?;
        Ok(near)
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn put(&mut self, address: SocketAddr, place: Place) -> io::Result<SocketAddr> {
        let address = if address.port() == 0 { self.free(address.ip()) } else { address };
        if self.listening.contains_key(&address) {
            return Err(ErrorKind::AddrInUse.into());
        }
        self.listening.insert(address, place);
        Ok(address)
    }

    /// An address that nobody listens on.
    fn free(&mut self, ip: IpAddr) -> SocketAddr {
        loop {
            let address = SocketAddr::new(ip, FREE_PORTS + self.given % (u16::MAX - FREE_PORTS));
            self.given = self.given.wrapping_add(1);
            if !self.listening.contains_key(&address) {
                return address;
            }
        }
    }
}

/// A listener; its address is free again when it is dropped.
#[derive(Debug)]
pub struct Listener {
    network: Network,
    address: SocketAddr,
    arrivals: Mutex<mpsc::Receiver<Stream>>,
}

impl Listener {
    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    ///
    /// # Errors
    /// None comes any more.
    pub async fn accept(&self) -> io::Result<Stream> {
        let arrived = poll_fn(|cx| self.lock().poll_recv(cx)).await;
        arrived.ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// What has connected already.
    pub(super) fn rest(self) -> impl Iterator<Item = Stream> {
        self.leave();
        std::iter::from_fn(move || self.lock().try_recv().ok())
    }

    fn leave(&self) {
        self.lock().close();
        self.network.lock().listening.remove(&self.address);
    }

    fn lock(&self) -> MutexGuard<'_, mpsc::Receiver<Stream>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.leave();
    }
}

/// One side of a connection.
#[derive(Debug)]
pub struct Stream {
    reads: Arc<Pipe>,
    writes: Arc<Pipe>,
    peer: SocketAddr,
}

impl Stream {
    /// Both sides of a connection from `near` to `far`.
    fn pair(near: SocketAddr, far: SocketAddr) -> (Self, Self) {
        let [there, back] = [(); 2].map(|()| Arc::new(Pipe::default()));
        let side = |reads: &Arc<Pipe>, writes: &Arc<Pipe>, peer| Self {
            reads: Arc::clone(reads),
            writes: Arc::clone(writes),
            peer,
        };
        (side(&back, &there, far), side(&there, &back, near))
    }

    /// Where it goes.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Waits until there is something to read, or the end.
    pub async fn readable(&self) {
        poll_fn(|cx| self.reads.poll_readable(cx)).await;
    }

    /// Waits until there is room to write, or nobody who reads.
    pub async fn writable(&self) {
        poll_fn(|cx| self.writes.poll_writable(cx)).await;
    }

    /// Reads what is there; 0 at the end.
    ///
    /// # Errors
    /// Nothing is there, or it was reset.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.reads.try_read(&mut buf)?;
        Ok(buf.filled().len())
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// There is none, or nobody reads.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.try_write(&[IoSlice::new(bytes)])
    }

    /// Ends it with a reset.
    pub fn reset(self) {
        self.reads.reset();
        self.writes.reset();
    }

    /// Reads what is there and leaves it there.
    pub(super) fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        self.reads.poll_peek(cx, buf)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.reads.leave() {
            self.reads.reset();
            self.writes.reset();
        }
        self.writes.end();
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reads.poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.end();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
