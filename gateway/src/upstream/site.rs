//! Where a provider is and what opens it: what its connections depend on, and nothing else (semantics S10.2, S10.12).

use super::h1::{Origin, Owner};
use super::lines::InvalidHead;
use weir_config::{Auth, Backend, Endpoint, Mock, Provider, Secret};
use weir_wire::Withheld;

/// Where requests go, ready to be called: the place and what opens it are one value, so that no credential can go
/// anywhere else.
#[derive(Debug)]
pub(crate) struct Site {
    backend: Backend,
    auth: Auth,
    credential: Option<Secret>,
    pub(super) ready: Ready,
    /// The credential, as no caller may read it.
    pub(crate) withheld: Withheld,
}

#[derive(Debug)]
pub(super) enum Ready {
    Server(Server),
    Mock(Mock),
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    pub(super) origin: Origin,
    /// Its idle connections are kept while this is.
    pub(super) owner: Owner,
}

/// The provider's endpoint or credential cannot stand in an HTTP request.
#[derive(Debug, thiserror::Error)]
#[error("provider {0}: its endpoint or credential cannot stand in an HTTP request")]
pub(crate) struct InvalidSite(String);

impl Site {
    /// That of `provider`.
    ///
    /// # Errors
    /// Its endpoint or `credential` cannot stand in an HTTP request.
    pub(crate) fn new(provider: &Provider, credential: Option<&Secret>) -> Result<Self, InvalidSite> {
        let auth = provider.vendor.row().auth;
        let ready = match &provider.backend {
            Backend::Mock(mock) => Ready::Mock(mock.clone()),
            Backend::Http(endpoint) => {
                let server = Server::new(auth, endpoint, credential);
                Ready::Server(server.map_err(|_| InvalidSite(provider.name.to_string()))?)
            }
        };
        let (backend, withheld) = (provider.backend.clone(), Withheld::new(credential));
        Ok(Self { backend, auth, credential: credential.cloned(), ready, withheld })
    }

    /// Whether it is that of `provider`, too, if this is its `credential`.
    pub(crate) fn is_of(&self, provider: &Provider, credential: Option<&Secret>) -> bool {
        self.backend == provider.backend
            && self.auth == provider.vendor.row().auth
            && self.credential.as_ref() == credential
    }

    /// The host that is called; empty where none is.
    pub(crate) fn host(&self) -> &str {
        match &self.ready {
            Ready::Server(server) => &server.endpoint.host,
            Ready::Mock(_) => "",
        }
    }
}

impl Server {
    fn new(auth: Auth, endpoint: &Endpoint, credential: Option<&Secret>) -> Result<Self, InvalidHead> {
        let origin = Origin::new(endpoint, auth, credential)?;
        Ok(Self { endpoint: endpoint.clone(), origin, owner: Owner::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::super::request::{Accept, Path, Request};
    use super::*;
    use bytes::Bytes;

    fn endpoint() -> Endpoint {
        let (host, base_path) = ("api.vendor.test".to_owned(), "/v1".to_owned());
        Endpoint { tls: true, host, port: 443, base_path }
    }

    /// The head of `request` to a site of a vendor that takes credentials as `auth` says.
    fn head(auth: Auth, credential: Option<&str>, request: &Request<'_>) -> String {
        let server = Server::new(auth, &endpoint(), credential.map(Secret::new).as_ref()).unwrap();
        let mut head = b"of the request before".to_vec();
        server.origin.write_head(request, &mut head);
        String::from_utf8(head).unwrap()
    }

    #[test]
    fn s10_2_the_credential_goes_where_the_vendors_row_says_and_nowhere_else() {
        let body = [Bytes::from_static(b"{}")];
        let request = Request::post("/chat/completions", &body, Accept::Json).unwrap();
        let bearer = head(Auth::Bearer, Some("sk-1"), &request);
        let own = head(Auth::Header("api-key"), Some("sk-1"), &request);
        assert!(bearer.contains("\r\nauthorization: Bearer sk-1\r\n"), "{bearer}");
        assert_eq!(own, bearer.replace("authorization: Bearer sk-1", "api-key: sk-1"));
        let none = head(Auth::Bearer, None, &request);
        assert_eq!(none, bearer.replace("authorization: Bearer sk-1\r\n", ""));
        for broken in ["sk-1\r\nhost: elsewhere", "sk\n"] {
            let server = Server::new(Auth::Bearer, &endpoint(), Some(&Secret::new(broken)));
            assert_eq!(server.err(), Some(InvalidHead), "{broken:?}");
        }
    }

    #[test]
    fn s10_3_a_head_has_the_lines_of_its_account_and_of_its_request() {
        let body = [Bytes::from_static(b"{\"a\":"), Bytes::from_static(b"1}")];
        let mut lines = Lines::default();
        lines.add("x-version", &["2"]).unwrap();
        let path = Path::new("/models/m:generate?alt=sse").unwrap();
        let request = Request {
            path,
            lines: &lines,
            ..Request::post("/chat/completions", &body, Accept::Events).unwrap()
        };
        let agent = concat!("weir/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            head(Auth::Bearer, Some("sk-1"), &request),
            format!(
                "POST /v1/models/m:generate?alt=sse HTTP/1.1\r\nhost: api.vendor.test\r\n\
                 authorization: Bearer sk-1\r\ncontent-type: application/json\r\naccept-encoding: identity\r\n\
                 user-agent: {agent}\r\nx-version: 2\r\naccept: text/event-stream\r\ncontent-length: 7\r\n\r\n"
            )
        );
    }

    #[test]
    fn s10_2_an_endpoint_that_would_break_the_head_is_none() {
        let good = endpoint();
        for broken in [
            Endpoint { host: "a\r\nb: c".to_owned(), ..good.clone() },
            Endpoint { base_path: "/v1 HTTP/1.1\r\nhost: b\r\n".to_owned(), ..good.clone() },
            Endpoint { base_path: "v1".to_owned(), ..good.clone() },
            Endpoint { base_path: "/v1#".to_owned(), ..good.clone() },
        ] {
            let server = Server::new(Auth::Bearer, &broken, None);
            assert_eq!(server.err(), Some(InvalidHead), "{broken:?}");
        }
        for (host, port, tls, line) in [
            ("::1", 8080, false, "host: [::1]:8080\r\n"),
            ("a.test", 80, false, "host: a.test\r\n"),
            ("a.test", 80, true, "host: a.test:80\r\n"),
        ] {
            let endpoint = Endpoint { host: host.to_owned(), port, tls, ..good.clone() };
            let server = Server::new(Auth::Bearer, &endpoint, None).unwrap();
            let mut head = Vec::new();
            server
                .origin
                .write_head(&Request::post("/chat/completions", &[], Accept::Json).unwrap(), &mut head);
            assert!(String::from_utf8(head).unwrap().contains(line), "{line}");
        }
    }
}
