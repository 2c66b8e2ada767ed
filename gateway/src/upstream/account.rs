//! An account as it is called: where it is, and the constant head of its requests, in which its credential is
//! (semantics S10.2).

use super::idle::Owner;
use crate::lesson::Lesson;
use http::{HeaderValue, Uri};
use std::fmt;
use std::sync::Arc;
use weir_config::{Backend, Endpoint, Mock, Provider, Secret, UnixSeconds};
use weir_wire::{Api, Withheld};

/// What accounts speak.
pub(crate) const SPEAKS: Api = Api::Chat;

/// An account, ready to be called: where it is and what opens it are one value, so that no credential can go
/// anywhere else.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) backend: Ready,
    pub(crate) provider: Arc<Provider>,
    /// Learned: the upstream refuses the usage option (semantics S2.6).
    pub(crate) refuses_usage_option: Lesson,
    /// The credential, as no caller may read it.
    pub(crate) withheld: Withheld,
}

#[derive(Debug)]
pub(super) enum Ready {
    Server(Server),
    Mock(Mock),
}

pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    /// The head of a unary request and of a stream's, up to the value of content-length. The credential is in them.
    pub(super) unary: Vec<u8>,
    pub(super) stream: Vec<u8>,
    /// Its idle connections are kept while this is.
    pub(super) owner: Owner,
}

impl fmt::Debug for Server {
    /// Without the heads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The provider's endpoint or credential cannot stand in an HTTP request.
#[derive(Debug, thiserror::Error)]
#[error("provider {0}: its endpoint or credential cannot stand in an HTTP request")]
pub(crate) struct InvalidAccount(String);

impl Account {
    /// Prepares `provider`.
    pub(crate) fn new(provider: Arc<Provider>, credential: Option<&Secret>) -> Result<Self, InvalidAccount> {
        let invalid = || InvalidAccount(provider.name.to_string());
        let backend = match &provider.backend {
            Backend::Mock(mock) => Ready::Mock(mock.clone()),
            Backend::Http(endpoint) => Ready::Server(Server::new(endpoint, credential).ok_or_else(invalid)?),
        };
        let withheld = Withheld::new(credential);
        Ok(Self { backend, provider, refuses_usage_option: Lesson::default(), withheld })
    }

    /// Whether the usage of a stream of `tenant` should be asked for.
    pub(crate) fn wants_usage_option(&self, tenant: &str, now: UnixSeconds) -> bool {
        self.provider.vendor.row().usage == weir_config::UsageOption::Ask
            && !self.refuses_usage_option.holds(tenant, now)
    }

    /// The host that is called; empty where none is.
    pub(crate) fn host(&self) -> &str {
        match &self.backend {
            Ready::Server(server) => &server.endpoint.host,
            Ready::Mock(_) => "",
        }
    }
}

impl Server {
    fn new(endpoint: &Endpoint, credential: Option<&Secret>) -> Option<Self> {
        let head = |accept| head(endpoint, credential, accept);
        Some(Self {
            endpoint: endpoint.clone(),
            unary: head("application/json")?,
            stream: head("text/event-stream")?,
            owner: Owner::default(),
        })
    }
}

/// The constant part of a request's head: these headers and no others. `None` if the endpoint or credential cannot
/// stand in one.
///
/// Compressed answers would have to be decompressed to be checked, a bomb's way in: none is accepted.
fn head(endpoint: &Endpoint, credential: Option<&Secret>, accept: &str) -> Option<Vec<u8>> {
    let path = Uri::try_from(format!("{}{}", endpoint.base_path, SPEAKS.path())).ok()?;
    let host =
        if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let default_port = if endpoint.tls { 443 } else { 80 };
    let host = if endpoint.port == default_port { host } else { format!("{host}:{}", endpoint.port) };
    HeaderValue::from_str(&host).ok()?;
    let authorization = match credential {
        Some(secret) => {
            HeaderValue::from_str(secret.expose()).ok()?;
            format!("authorization: Bearer {}\r\n", secret.expose())
        }
        None => String::new(),
    };
    let agent = concat!("weir/", env!("CARGO_PKG_VERSION"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\n{authorization}content-type: application/json\r\n\
         accept: {accept}\r\naccept-encoding: identity\r\nuser-agent: {agent}\r\ncontent-length: "
    );
    Some(head.into_bytes())
}
