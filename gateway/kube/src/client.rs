//! A client of the API server in which nothing waits for ever.
//!
//! kube's own has no bound on a call, retries for minutes, and notices a watch whose server has vanished only after
//! five minutes. Here the answer's head is due within `CALL`, a silent connection is probed by the kernel, and
//! whoever calls decides about trying again.

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use std::time::Duration;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, ServiceBuilder};

/// A call's answer must have begun by then.
pub(crate) const CALL: Duration = Duration::from_secs(4);
/// Connecting, without TLS.
const CONNECT: Duration = Duration::from_secs(3);
/// A connection is probed after so much silence, then this often, and given up after three probes: within 9 s.
const PROBE: Duration = Duration::from_secs(3);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What the configuration says cannot be used: a certificate, a token's file.
    #[error("the configuration of the API server's client cannot be used: {0}")]
    Config(#[from] kube::Error),
    /// The configuration wants a proxy.
    #[error("a proxy on the way to the API server is not supported")]
    Proxy,
}

/// A client for `config`, to be used on the current runtime.
pub(crate) fn client(config: &Config) -> Result<Client, ClientError> {
    if config.proxy_url.is_some() {
        return Err(ClientError::Proxy);
    }
    // One provider for the whole process; an error means that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(PROBE));
    tcp.set_keepalive_interval(Some(PROBE));
    tcp.set_keepalive_retries(Some(2));
    let http = HttpClient::builder(TokioExecutor::new())
        .build::<_, Body>(config.rustls_https_connector_with_connector(tcp)?);
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(CALL))
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}
