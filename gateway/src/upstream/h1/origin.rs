//! Where the requests to a site go and what opens it, as the constant part of their heads.

use super::super::lines::{InvalidHead, Lines};
use super::super::request::{Accept, Request, is_plain};
use bytes::Bytes;
use std::fmt;
use weir_config::{Auth, Endpoint, Secret};

/// What every head of a request to one site has in common: where it goes and the credential are one value, so that no
/// credential can go anywhere else (semantics S10.2).
pub(in crate::upstream) struct Origin {
    /// The method and the base path.
    begin: Vec<u8>,
    /// What stands between the path and what a request says itself: the host, the credential, and who we are.
    constant: Vec<u8>,
}

/// Room for what a request says itself, usually.
const MORE: usize = 128;

impl fmt::Debug for Origin {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}

impl Origin {
    /// The origin at `endpoint`, where `auth` says in which header `credential` goes.
    ///
    /// # Errors
    /// The endpoint or the credential cannot stand in a head.
    pub(in crate::upstream) fn new(
        endpoint: &Endpoint,
        auth: Auth,
        credential: Option<&Secret>,
    ) -> Result<Self, InvalidHead> {
        let base = &endpoint.base_path;
        if !is_plain(base) || !base.is_empty() && !base.starts_with('/') {
            return Err(InvalidHead);
        }
        let mut lines = Lines::default();
        lines.push_host(&host(endpoint))?;
        if let Some(secret) = credential {
            match auth {
                Auth::Bearer => lines.add("authorization", &["Bearer ", secret.expose()])?,
                Auth::Header(name) => lines.add(name, &[secret.expose()])?,
            }
        }
        lines.add("content-type", &["application/json"])?;
        // Compressed answers would have to be decompressed to be checked, a bomb's way in: none is accepted.
        lines.add("accept-encoding", &["identity"])?;
        lines.add("user-agent", &[concat!("weir/", env!("CARGO_PKG_VERSION"))])?;
        Ok(Self {
            begin: [b"POST ", base.as_bytes()].concat(),
            constant: [b" HTTP/1.1\r\n", lines.as_bytes()].concat(),
        })
    }

    /// Writes the whole head of `request` into `head`, instead of what is there: these lines and no others. It is done
    /// for every request: it puts together what is there and makes nothing new.
    pub(in crate::upstream) fn write_head(&self, request: &Request<'_>, head: &mut Vec<u8>) {
        let length: usize = request.body.iter().map(Bytes::len).sum();
        head.clear();
        head.reserve(self.begin.len() + self.constant.len() + MORE);
        head.extend_from_slice(&self.begin);
        head.extend_from_slice(request.path.as_bytes());
        head.extend_from_slice(&self.constant);
        head.extend_from_slice(request.lines.as_bytes());
        head.extend_from_slice(match request.accept {
            Accept::Json => b"accept: application/json\r\ncontent-length: ",
            Accept::Events => b"accept: text/event-stream\r\ncontent-length: ",
        });
        head.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
    }
}

/// The host as a head names it: its port, unless it is the default one, included.
fn host(endpoint: &Endpoint) -> String {
    let host =
        if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let default_port = if endpoint.tls { 443 } else { 80 };
    if endpoint.port == default_port { host } else { format!("{host}:{}", endpoint.port) }
}
