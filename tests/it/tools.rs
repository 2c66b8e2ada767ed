//! What several tests need beside a world: waiting for a condition, many requests at once, HTTP/2.

use crate::harness::{Config, KEY, World};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use weir_gateway::Options;
use weir_upstream::Upstream;

/// Only a failing test ever waits that long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a gateway with `config` in force and other options than usual.
pub fn start(config: &Config, change: impl FnOnce(&mut Options)) -> World {
    let world = World::start_with(change);
    world.running().apply(config.0.clone());
    world
}

/// A bound that is short for a test, and long enough for a busy machine.
pub const SHORT: Duration = Duration::from_millis(300);

/// A gateway over one upstream, with other options than usual.
pub fn over(upstream: &Upstream, change: impl FnOnce(&mut Options)) -> World {
    start(&Config::over(&[upstream]), change)
}

/// A chat request's body of about `bytes`.
pub fn body_of(bytes: usize) -> String {
    json!({"model": "chat", "messages": [{"role": "user", "content": "x".repeat(bytes)}]}).to_string()
}

/// Returns when `holds` does.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < until, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Does `each` for 0, 1, 2 … `count`, `at_once` at a time, and gives the results in the order of their end.
pub async fn many<T, F>(
    count: usize,
    at_once: usize,
    each: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let (next, each) = (Arc::new(AtomicUsize::new(0)), Arc::new(each));
    let mut tasks = JoinSet::new();
    for _ in 0..at_once.min(count) {
        let (next, each) = (Arc::clone(&next), Arc::clone(&each));
        tasks.spawn(async move {
            let mut results = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return results;
                }
                results.push(each(n).await);
            }
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// How many connections and requests the gateway serves now, as `/status` says.
pub async fn load(world: &World) -> (u64, i64) {
    let status = world.admin("/status").await.json();
    (status["connections"].as_u64().unwrap(), status["inFlight"].as_i64().unwrap())
}

/// One HTTP/2 connection with prior knowledge.
pub struct H2 {
    pub send: http2::SendRequest<Full<Bytes>>,
    driver: JoinSet<()>,
}

impl H2 {
    pub async fn to(world: &World) -> Self {
        Self::with(world.data, |_| {}).await
    }

    /// One whose streams may be sent so many bytes of an answer that is not read.
    pub async fn narrow(gateway: SocketAddr, window: u32) -> Self {
        Self::with(gateway, |builder| {
            builder.initial_stream_window_size(window);
        })
        .await
    }

    async fn with(gateway: SocketAddr, change: impl FnOnce(&mut http2::Builder<TokioExecutor>)) -> Self {
        let stream = TcpStream::connect(gateway).await.unwrap();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        change(&mut builder);
        let (send, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        Self { send, driver }
    }

    /// A chat request whose answer's head has come.
    pub async fn open(&mut self, body: &serde_json::Value) -> http::Response<hyper::body::Incoming> {
        self.send.ready().await.unwrap();
        self.send.send_request(h2_chat(body)).await.unwrap()
    }

    /// Returns when the connection has ended.
    pub async fn ended(&mut self) {
        tokio::time::timeout(PATIENCE, self.driver.join_next()).await.expect("the connection goes on");
    }
}

/// A chat request of HTTP/2 with the world's key.
pub fn h2_chat(body: &serde_json::Value) -> http::Request<Full<Bytes>> {
    http::Request::post("http://weir/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

/// The whole body as text, and whether it broke off.
pub async fn read_h2(body: hyper::body::Incoming) -> (String, bool) {
    let mut body = body;
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (String::from_utf8_lossy(&text).into_owned(), true) };
        text.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
    }
    (String::from_utf8_lossy(&text).into_owned(), false)
}
