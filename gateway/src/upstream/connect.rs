//! Opens a connection to a provider's endpoint: resolve, check, connect, TLS.
//!
//! There is no proxy from the environment, no redirect, no fallback port: a connection goes to the configured
//! origin or nowhere (semantics S10.2).

use super::egress::{self, Closed, Refused};
use crate::descriptors;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use weir_config::Endpoint;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("its name does not resolve")]
    Resolve(#[source] io::Error),
    #[error("its name resolves to no address")]
    NoAddress,
    #[error("its address is not allowed: {0}")]
    Refused(Refused),
    #[error("the connection failed: {}", .0.kind())]
    Connect(#[source] io::Error),
    #[error("its certificate is not trusted: {0}")]
    Untrusted(&'static str),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("its host is no name that TLS can check")]
    ServerName,
}

impl ConnectError {
    /// Whether it is ours: this process has no descriptor left. The upstream was not even asked.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Connect(error) => descriptors::are_spent(error),
            // The resolver needs some too, and does not say which it lacked.
            Self::Resolve(error) => descriptors::are_spent(error) || descriptors::are_spent_now(),
            _ => false,
        }
    }
}

/// What every connection needs to know besides where it goes.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// Where no connection goes.
    pub(crate) closed: Closed,
}

impl Dialer {
    /// A dialer that trusts the public roots, over TLS 1.2 and 1.3, speaking HTTP/1.1.
    pub(crate) fn new(closed: Closed) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Arc::new(tls), closed })
    }

    /// Connects to `endpoint`; the first address that answers wins. No timer of its own.
    pub(crate) async fn connect(
        &self,
        endpoint: &Endpoint,
        allow_private: &[IpNet],
    ) -> Result<Stream, ConnectError> {
        let tcp = self.tcp(endpoint, allow_private).await?;
        if !endpoint.tls {
            return Ok(Stream::Plain(tcp));
        }
        let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| ConnectError::ServerName)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(tls_failure)?;
        Ok(Stream::Tls(Box::new(tls)))
    }

    async fn tcp(&self, endpoint: &Endpoint, allow_private: &[IpNet]) -> Result<TcpStream, ConnectError> {
        let mut last = ConnectError::NoAddress;
        let found = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await;
        for address in found.map_err(ConnectError::Resolve)? {
            if let Err(refused) = egress::permit(address, allow_private, &self.closed, egress::is_local) {
                last = ConnectError::Refused(refused);
                continue;
            }
            match TcpStream::connect(address).await {
                // Without it Nagle's algorithm and delayed acknowledgements cost 40 ms a request.
                Ok(stream) => {
                    return stream.set_nodelay(true).map(|()| stream).map_err(ConnectError::Connect);
                }
                Err(error) => last = ConnectError::Connect(error),
            }
        }
        Err(last)
    }
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

/// A connection, over TLS or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
