//! Addresses where no server is: one that refuses connections, one that never completes them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tokio::net::TcpSocket;

/// A port that refuses connections for as long as this lives: bound, so that nobody else gets it, but deaf.
#[derive(Debug)]
pub struct Refused {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl Refused {
    /// Takes a free port.
    pub fn start() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// A port whose connections never come about: its backlog is full, so the kernel drops the first packet.
#[derive(Debug)]
pub struct Blackhole {
    address: SocketAddr,
    _listener: TcpListener,
    _fill: Vec<TcpStream>,
}

impl Blackhole {
    /// Takes a free port and fills its backlog; takes about a tenth of a second.
    pub fn start() -> io::Result<Self> {
        // On a thread of its own, since a runtime may neither be entered nor dropped inside another.
        let made = thread::spawn(deaf_listener).join();
        let listener = made.map_err(|_| io::Error::other("the thread that listens panicked"))??;
        let address = listener.local_addr()?;
        let mut fill = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            fill.push(stream);
        }
        Ok(Self { address, _listener: listener, _fill: fill })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// The standard library does not let one choose the backlog, tokio does.
fn deaf_listener() -> io::Result<TcpListener> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(1)?.into_std()
}
