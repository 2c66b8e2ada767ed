//! Opens a connection to a provider's endpoint: resolve, check each address, connect to the first that answers, TLS.
//!
//! There is no proxy from the environment, no redirect, no fallback port: a connection goes to the configured
//! origin or nowhere (semantics S10.2).

use super::egress::{self, Closed, Refused};
use super::h1::Pool;
use super::names::Names;
use super::race::{interleave, race};
use super::stream::Stream;
use crate::descriptors;
use crate::sockets::{self, Network};
use ipnet::IpNet;
use rustix::io::Errno;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use weir_config::Endpoint;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("its name does not resolve")]
    Resolve(io::ErrorKind),
    #[error("its name resolves to no address")]
    NoAddress,
    #[error("its address is not allowed: {0}")]
    Refused(Refused),
    #[error("the connection failed: {}", .0.kind())]
    Connect(#[source] io::Error),
    #[error("no port is left to connect from")]
    NoPort,
    #[error("its certificate is not trusted: {0}")]
    Untrusted(&'static str),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("its host is no name that TLS can check")]
    ServerName,
}

impl ConnectError {
    /// Whether it is ours, and so for every target: this process or machine has no descriptor or memory left for a
    /// socket. The upstream was not even asked. Ports are short towards one address only, so that others are asked.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Connect(error) | Self::Tls(error) => descriptors::are_spent(error),
            // The resolver needs some too, and does not say which it lacked.
            Self::Resolve(_) => descriptors::are_spent_now(),
            _ => false,
        }
    }
}

/// What every connection needs to know besides where it goes, and what each worker has of its own for them.
#[derive(Debug)]
pub(crate) struct Dialer {
    tls: Arc<rustls::ClientConfig>,
    network: Network,
    /// Where no connection goes.
    closed: Closed,
    workers: Vec<(Arc<Pool>, Names)>,
}

impl Dialer {
    /// A dialer for so many workers, which keep at most `idle` connections all together. It trusts the public roots
    /// and speaks HTTP/1.1 over TLS 1.2 and 1.3.
    pub(crate) fn new(
        network: Network,
        closed: Closed,
        workers: usize,
        idle: usize,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let workers = (0..workers).map(|_| (Pool::new(workers, idle), Names::default())).collect();
        Ok(Self { tls: Arc::new(tls), network, closed, workers })
    }

    /// The idle connections of `worker`.
    pub(super) fn pool(&self, worker: usize) -> Option<&Arc<Pool>> {
        self.workers.get(worker).map(|(pool, _)| pool)
    }

    /// Closes idle connections of every worker, for their descriptors; whether there were any.
    pub(crate) fn make_room(&self) -> bool {
        self.workers.iter().filter(|(pool, _)| pool.make_room()).count() > 0
    }

    /// Whether a kept connection may go on to `peer`: what is allowed may have changed since it was made.
    pub(super) fn permits(&self, peer: SocketAddr, allow_private: &[IpNet]) -> bool {
        matches!(egress::permit(peer, allow_private, &self.closed, egress::is_local), Ok(Ok(())))
    }

    /// Connects `worker` to `endpoint`. No timer of its own.
    pub(super) async fn connect(
        &self,
        worker: usize,
        endpoint: &Endpoint,
        allow_private: &[IpNet],
    ) -> Result<Stream, ConnectError> {
        let (_, names) = self.workers.get(worker).ok_or(ConnectError::NoAddress)?;
        let addresses = names.resolve(&endpoint.host, endpoint.port).await.map_err(ConnectError::Resolve)?;
        let tcp = self.tcp(&addresses, allow_private).await?;
        if !endpoint.tls {
            return Ok(Stream::Plain(tcp));
        }
        let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| ConnectError::ServerName)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(tls_failure)?;
        Ok(Stream::Tls(Box::new(tls)))
    }

    /// A connection to the first of `addresses` that answers.
    async fn tcp(
        &self,
        addresses: &[SocketAddr],
        allow_private: &[IpNet],
    ) -> Result<sockets::Stream, ConnectError> {
        let attempts = interleave(addresses).into_iter().map(|address| self.open(address, allow_private));
        race(attempts).await.unwrap_or(Err(ConnectError::NoAddress))
    }

    async fn open(
        &self,
        address: SocketAddr,
        allow_private: &[IpNet],
    ) -> Result<sockets::Stream, ConnectError> {
        egress::permit(address, allow_private, &self.closed, egress::is_local)
            .map_err(ConnectError::Connect)?
            .map_err(ConnectError::Refused)?;
        let stream = self.network.connect(address).await.map_err(|error| tcp_failure(error, address))?;
        sockets::for_upstream(&stream).map_err(ConnectError::Connect)?;
        Ok(stream)
    }
}

/// The kernel says the same where no port is left to connect from, which is our matter, and where this machine has no
/// address to reach the upstream's with, as without IPv6: only then a datagram could not be sent either.
fn tcp_failure(error: io::Error, to: SocketAddr) -> ConnectError {
    let unavailable = error.raw_os_error() == Some(Errno::ADDRNOTAVAIL.raw_os_error());
    if unavailable && egress::source(to.ip()).is_ok() {
        return ConnectError::NoPort;
    }
    ConnectError::Connect(error)
}

/// In our own words: rustls's may quote the names inside a certificate, and with them where the upstream is.
fn tls_failure(error: io::Error) -> ConnectError {
    use rustls::CertificateError as Flaw;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(flaw)) = inner else { return ConnectError::Tls(error) };
    ConnectError::Untrusted(match flaw {
        Flaw::UnknownIssuer => "nobody whom we trust has issued it",
        Flaw::Expired | Flaw::ExpiredContext { .. } => "it has expired",
        Flaw::NotValidYet | Flaw::NotValidYetContext { .. } => "it is not valid yet",
        Flaw::NotValidForName | Flaw::NotValidForNameContext { .. } => "it is for another name",
        Flaw::Revoked => "it was revoked",
        _ => "it does not verify",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    fn dialer() -> Dialer {
        let closed = Closed { ours: Vec::new(), withheld: Vec::new() };
        Dialer::new(Network::kernel(), closed, 1, 9).unwrap()
    }

    /// A listener whose backlog is full, so that the kernel drops the first packet of any further connection; and what
    /// fills it.
    async fn silent() -> (TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut fill = Vec::new();
        let brief = Duration::from_millis(200);
        while let Ok(stream) = tokio::time::timeout(brief, TcpStream::connect(address)).await {
            fill.push(stream.unwrap());
        }
        (listener, fill)
    }

    #[test]
    fn s9_12_a_want_of_memory_is_ours_and_where_ports_or_addresses_are_short_others_are_asked() {
        let failure = |code: Errno, to: &str| tcp_failure(code.into(), to.parse().unwrap());
        let no_port = failure(Errno::ADDRNOTAVAIL, "127.0.0.1:80");
        assert!(
            matches!(no_port, ConnectError::NoPort) && !no_port.is_ours(),
            "towards others there may be some"
        );
        let no_way = failure(Errno::ADDRNOTAVAIL, "[fe80::1]:80");
        assert!(matches!(no_way, ConnectError::Connect(_)) && !no_way.is_ours(), "nothing leads there");
        for code in [Errno::NOBUFS, Errno::NOMEM, Errno::MFILE] {
            assert!(failure(code, "127.0.0.1:80").is_ours(), "{code}");
            assert!(ConnectError::Tls(code.into()).is_ours(), "{code}");
        }
        assert!(!failure(Errno::CONNREFUSED, "127.0.0.1:80").is_ours());
    }

    #[tokio::test]
    async fn s1_13_an_address_that_swallows_packets_does_not_keep_others_from_answering() {
        let (silent, _fill) = silent().await;
        let good = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let [silent, good] = [&silent, &good].map(|listener| listener.local_addr().unwrap());
        let loopback = ["127.0.0.0/8".parse().unwrap()];
        let began = Instant::now();
        let stream = dialer().tcp(&[silent, silent, good], &loopback).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(
            began.elapsed() >= Duration::from_millis(500),
            "two were tried before: {:?}",
            began.elapsed()
        );
    }

    #[tokio::test]
    async fn s10_4_each_address_of_a_name_is_checked_before_it_is_tried() {
        let [forbidden, allowed] =
            ["127.0.0.2:0", "127.0.0.3:0"].map(|at| std::net::TcpListener::bind(at).unwrap());
        forbidden.set_nonblocking(true).unwrap();
        let addresses = [&forbidden, &allowed].map(|listener| listener.local_addr().unwrap());
        let (dialer, range) = (dialer(), ["127.0.0.3/32".parse().unwrap()]);
        let stream = dialer.tcp(&addresses, &range).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        let refused = dialer.tcp(&addresses[..1], &range).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Refused(Refused::Private)), "{refused}");
        assert_eq!(forbidden.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody came");
    }
}
