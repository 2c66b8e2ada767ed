//! Sockets of the kernel or of a network in memory: what the rest of the gateway has in tests.

use super::{kernel, memory};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A network.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    Kernel(kernel::Network),
    Memory(memory::Network),
}

impl Network {
    pub(crate) fn kernel() -> Self {
        Self::Kernel(kernel::Network::kernel())
    }

    pub(crate) fn listen(&self, address: SocketAddr) -> io::Result<(Bound, SocketAddr)> {
        match self {
            Self::Kernel(network) => network.listen(address).map(|(bound, at)| (Bound::Kernel(bound), at)),
            Self::Memory(network) => {
                let listener = network.listen(address)?;
                let address = listener.address();
                Ok((Bound::Memory(listener), address))
            }
        }
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        match self {
            Self::Kernel(network) => network.connect(address).await.map(Stream::Kernel),
            Self::Memory(network) => network.connect(address).await.map(Stream::Memory),
        }
    }
}

/// A listener that nobody waits on yet.
#[derive(Debug)]
pub(crate) enum Bound {
    Kernel(kernel::Bound),
    Memory(memory::Listener),
}

impl Bound {
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Kernel(bound) => bound.address(),
            Self::Memory(listener) => Ok(listener.address()),
        }
    }

    pub(crate) fn awaited(self) -> io::Result<Listener> {
        match self {
            Self::Kernel(bound) => bound.awaited().map(Listener::Kernel),
            Self::Memory(listener) => Ok(Listener::Memory(listener)),
        }
    }
}

#[cfg(test)]
impl From<std::net::TcpListener> for Bound {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::Kernel(listener.into())
    }
}

/// A listener.
#[derive(Debug)]
pub(crate) enum Listener {
    Kernel(kernel::Listener),
    Memory(memory::Listener),
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<Arrival> {
        match self {
            Self::Kernel(listener) => listener.accept().await.map(Arrival::Kernel),
            Self::Memory(listener) => listener.accept().await.map(Arrival::Memory),
        }
    }

    pub(crate) fn rest(self) -> Box<dyn Iterator<Item = Arrival>> {
        match self {
            Self::Kernel(listener) => Box::new(listener.rest().map(Arrival::Kernel)),
            Self::Memory(listener) => Box::new(listener.rest().map(Arrival::Memory)),
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Arrival {
    Kernel(kernel::Arrival),
    Memory(memory::Stream),
}

impl Arrival {
    pub(crate) fn stream(self) -> io::Result<Stream> {
        match self {
            Self::Kernel(arrival) => arrival.stream().map(Stream::Kernel),
            Self::Memory(stream) => Ok(Stream::Memory(stream)),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Kernel(kernel::Stream),
    Memory(memory::Stream),
}

impl Stream {
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Kernel(stream) => stream.peer_addr(),
            Self::Memory(stream) => Ok(stream.peer()),
        }
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Kernel(stream) => stream.readable().await,
            Self::Memory(stream) => {
                stream.readable().await;
                Ok(())
            }
        }
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Kernel(stream) => stream.try_read(buf),
            Self::Memory(stream) => stream.try_read(buf),
        }
    }

    pub(crate) fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Kernel(stream) => stream.poll_peek(cx, buf),
            Self::Memory(stream) => stream.poll_peek(cx, buf),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Kernel(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Kernel(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Kernel(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Kernel(stream) => Pin::new(stream).poll_flush(cx),
            Self::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Kernel(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Memory delays nothing, and has nobody to probe.
pub(crate) fn for_caller(stream: &Stream) -> io::Result<()> {
    match stream {
        Stream::Kernel(stream) => kernel::for_caller(stream),
        Stream::Memory(_) => Ok(()),
    }
}

pub(crate) fn for_upstream(stream: &Stream) -> io::Result<()> {
    match stream {
        Stream::Kernel(stream) => kernel::for_upstream(stream),
        Stream::Memory(_) => Ok(()),
    }
}

pub(crate) fn reset(stream: Stream) {
    match stream {
        Stream::Kernel(stream) => kernel::reset(stream),
        Stream::Memory(stream) => stream.reset(),
    }
}
