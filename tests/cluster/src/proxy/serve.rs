//! The proxy's connections: HTTP/1.1 in, a TLS connection per call out. A pool would save 3 ms and keep connections
//! to a server that a test has stopped.

use super::gate::Gate;
use super::hooks::{Hooks, Then};
use super::{Answer, Call};
use crate::plane::Plane;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// After a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(20);

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

#[derive(Clone)]
pub(super) struct Server {
    /// The API server's scheme and authority.
    base: Uri,
    client: Client<HttpsConnector<HttpConnector>, Incoming>,
    hooks: Arc<Hooks>,
    gate: Gate,
}

impl Server {
    pub(super) fn new(plane: &Plane, hooks: Arc<Hooks>, gate: Gate) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(plane.pki.ca_der.clone().into())?;
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { base: plane.url().parse()?, client, hooks, gate })
    }

    /// Serves until `ended` is.
    pub(super) async fn run(self, listener: TcpListener, mut ended: oneshot::Receiver<()>) {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = &mut ended => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(self.clone().connection(stream))),
                    // Too many open files, say: some will be closed.
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        let closed = self.gate.closed();
        let service = service_fn(|request| self.call(request));
        let serving =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // How it ended is the client's to notice.
            _ = serving => {}
            () = closed => {}
        }
    }

    /// An error closes the connection: what a client sees of a server that isn't there.
    async fn call(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        self.gate.open().await;
        let call = Call::of(&request);
        follow(self.hooks.arrived(&call)).await?;
        if let Some(answer) = self.hooks.answer_to(&call) {
            return Ok(given(answer));
        }
        let response = self.client.request(self.forwarded(request)?).await.context("call the API server")?;
        follow(self.hooks.answered(&call)).await?;
        self.gate.open().await;
        Ok(self.passed_on(response))
    }

    fn forwarded(&self, request: Request<Incoming>) -> Result<Request<Incoming>> {
        let (mut head, body) = request.into_parts();
        let mut target = self.base.clone().into_parts();
        target.path_and_query = head.uri.path_and_query().cloned();
        head.uri = Uri::from_parts(target)?;
        head.headers.remove(header::HOST);
        without_hops(&mut head.headers);
        Ok(Request::from_parts(head, body))
    }

    /// Piece by piece, as it comes and while the gate lets it.
    fn passed_on(&self, response: Response<Incoming>) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        without_hops(&mut head.headers);
        let frames = futures_util::stream::unfold((body, self.gate.clone()), async |(mut body, gate)| {
            let frame = body.frame().await?;
            gate.open().await;
            Some((frame, (body, gate)))
        });
        Response::from_parts(head, StreamBody::new(frames).boxed_unsync())
    }
}

async fn follow(then: Then) -> Result<()> {
    match then {
        Then::PassOn => Ok(()),
        Then::Break => bail!("a hook broke the connection"),
        Then::Hang => std::future::pending().await,
    }
}

fn given(answer: Answer) -> Response<Body> {
    answer.response().map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// These hold for one connection, not for a call.
fn without_hops(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE] {
        headers.remove(name);
    }
}
