//! An API server with two kinds of object, on a port that it keeps when it is stopped and started again.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use weir_config::published::{INDEX_KEY, Index, PART_KEY, Part, Published, Store, compress};

pub const NAMESPACE: &str = "llm";

/// What the server answers instead of what it should.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Status(u16),
    /// Nothing, for ever.
    Silence,
}

/// What is in the cluster.
#[derive(Default)]
pub struct Cluster {
    version: u64,
    objects: BTreeMap<(&'static str, String), Value>,
    /// Every change: version, kind, name, event.
    history: Vec<(u64, &'static str, String, Value)>,
    /// Changes up to this version are forgotten.
    compacted: u64,
    /// By what a call's line contains: what it gets, so many times more.
    faults: Vec<(String, Fault, usize)>,
    /// Every call's line.
    calls: Vec<String>,
}

/// The server.
pub struct Api {
    cluster: Arc<Mutex<Cluster>>,
    /// Wakes watches; the number says how often they were ended.
    changed: watch::Sender<u64>,
    pub address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Api {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut api =
            Self { cluster: Arc::default(), changed: watch::Sender::new(0), address, running: None };
        api.serve(listener);
        api
    }

    pub fn config(&self) -> kube::Config {
        kube::Config::new(format!("http://{}", self.address).parse().unwrap())
    }

    /// Goes away: nobody listens, every connection is closed. What is in the cluster stays.
    pub fn stop(&mut self) {
        let (stop, thread) = self.running.take().unwrap();
        stop.send(()).unwrap();
        thread.join().unwrap();
    }

    /// Comes back.
    pub fn restart(&mut self) {
        let domain = socket2::Domain::for_address(self.address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&self.address.into()).unwrap();
        socket.listen(128).unwrap();
        self.serve(socket.into());
    }

    fn serve(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (cluster, changed) = (Arc::clone(&self.cluster), self.changed.clone());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, cluster, changed) => {}
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
    }

    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }

    /// The next `times` calls whose line contains `call` fail so.
    pub fn fail(&self, call: &str, fault: Fault, times: usize) {
        self.cluster().faults.push((call.to_owned(), fault, times));
    }

    /// The calls since the last time this was asked.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.cluster().calls)
    }

    /// Forgets all changes until now: whoever watches from before is told that it is too late.
    pub fn compact(&self) {
        let mut cluster = self.cluster();
        cluster.version += 1;
        cluster.compacted = cluster.version;
        drop(cluster);
        self.changed.send_modify(|_| {});
    }

    /// Ends all watches, as API servers do every few minutes.
    pub fn end_watches(&self) {
        self.changed.send_modify(|ended| *ended += 1);
    }

    /// Writes what is published: parts first, the index last.
    pub fn publish(&self, published: &Published) {
        published.parts.iter().for_each(|part| self.put_part(part));
        self.put_index(&published.index);
    }

    pub fn put_part(&self, part: &Part) {
        self.put_stored(part.store, &part.name, compress(part).unwrap());
    }

    pub fn put_stored(&self, store: Store, name: &str, stored: Vec<u8>) {
        let (kind, field) = match store {
            Store::ConfigMap => ("configmaps", "binaryData"),
            Store::Secret => ("secrets", "data"),
        };
        self.put(kind, name, json!({ field: { PART_KEY: ByteString(stored) } }));
    }

    pub fn put_index(&self, index: &Index) {
        self.put_index_json(&index.to_json().unwrap());
    }

    pub fn put_index_json(&self, json: &str) {
        self.put("configmaps", "gw-config", json!({ "data": { INDEX_KEY: json } }));
    }

    pub fn put(&self, kind: &'static str, name: &str, mut object: Value) {
        let mut cluster = self.cluster();
        cluster.version += 1;
        let version = cluster.version;
        object["metadata"] =
            json!({ "name": name, "namespace": NAMESPACE, "resourceVersion": version.to_string() });
        let key = (kind, name.to_owned());
        let known = cluster.objects.insert(key, object.clone());
        let event = json!({ "type": if known.is_some() { "MODIFIED" } else { "ADDED" }, "object": object });
        cluster.history.push((version, kind, name.to_owned(), event));
        drop(cluster);
        self.changed.send_modify(|_| {});
    }

    pub fn delete(&self, kind: &'static str, name: &str) {
        let mut cluster = self.cluster();
        let mut object = cluster.objects.remove(&(kind, name.to_owned())).unwrap();
        cluster.version += 1;
        let version = cluster.version;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let event = json!({ "type": "DELETED", "object": object });
        cluster.history.push((version, kind, name.to_owned(), event));
        drop(cluster);
        self.changed.send_modify(|_| {});
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.stop();
        }
    }
}

async fn accept(listener: TcpListener, cluster: Arc<Mutex<Cluster>>, changed: watch::Sender<u64>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (cluster, changed) = (Arc::clone(&cluster), changed.clone());
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let (cluster, changed) = (Arc::clone(&cluster), changed.subscribe());
                async move { Ok::<_, Infallible>(answer(&cluster, changed, &request).await) }
            });
            let serving = hyper::server::conn::http1::Builder::new();
            // A client that leaves is none of a test's business.
            drop(serving.serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn reply(status: u16, body: &Value) -> Answer {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body).unwrap()
}

fn failure(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
            "reason": "Test" })
}

async fn answer(
    cluster: &Arc<Mutex<Cluster>>,
    changed: watch::Receiver<u64>,
    request: &Request<Incoming>,
) -> Answer {
    let path = request.uri().path().strip_prefix(&format!("/api/v1/namespaces/{NAMESPACE}/")).unwrap_or("?");
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let selected = query.get("fieldSelector").and_then(|text| text.strip_prefix("metadata.name="));
    let verb = match (path.contains('/'), query.contains_key("watch")) {
        (true, _) => "get",
        (false, true) => "watch",
        (false, false) => "list",
    };
    let line = format!("{verb} {path} {}", selected.unwrap_or_default()).trim_end().to_owned();
    match note(cluster, &line) {
        Some(Fault::Status(status)) => return reply(status, &failure(status, "told to fail")),
        Some(Fault::Silence) => std::future::pending().await,
        None => {}
    }
    match verb {
        "get" => get(cluster, path),
        "list" => list(cluster, path, selected.unwrap_or_default()),
        _ => {
            let from = query.get("resourceVersion").and_then(|text| text.parse().ok()).unwrap();
            follow(cluster, changed, path, selected.unwrap_or_default(), from)
        }
    }
}

/// Writes the call down; what it is to fail with.
fn note(cluster: &Mutex<Cluster>, line: &str) -> Option<Fault> {
    let mut cluster = cluster.lock().unwrap();
    cluster.calls.push(line.to_owned());
    let (_, fault, left) =
        cluster.faults.iter_mut().find(|(call, _, left)| line.contains(call.as_str()) && *left > 0)?;
    *left -= 1;
    Some(*fault)
}

fn get(cluster: &Mutex<Cluster>, path: &str) -> Answer {
    let cluster = cluster.lock().unwrap();
    let found =
        cluster.objects.iter().find(|((kind, name), _)| path.split_once('/') == Some((*kind, name.as_str())));
    match found {
        Some((_, object)) => reply(200, object),
        None => reply(404, &failure(404, "not found")),
    }
}

fn list(cluster: &Mutex<Cluster>, kind: &str, selected: &str) -> Answer {
    let cluster = cluster.lock().unwrap();
    let items: Vec<&Value> = cluster
        .objects
        .iter()
        .filter(|((of, name), _)| *of == kind && name == selected)
        .map(|(_, object)| object)
        .collect();
    let version = cluster.version.to_string();
    reply(200, &json!({ "kind": "List", "metadata": { "resourceVersion": version }, "items": items }))
}

/// A stream of changes after version `from`, in lines.
fn follow(
    cluster: &Arc<Mutex<Cluster>>,
    changed: watch::Receiver<u64>,
    kind: &str,
    selected: &str,
    from: u64,
) -> Answer {
    let ended = *changed.borrow();
    let state = (Arc::clone(cluster), changed, kind.to_owned(), selected.to_owned(), from, false);
    let lines = futures_util::stream::unfold(state, move |state| async move {
        let (cluster, mut changed, kind, selected, from, over) = state;
        while !over && *changed.borrow_and_update() == ended {
            let (text, upto, over) = pending(&cluster.lock().unwrap(), &kind, &selected, from);
            if !text.is_empty() {
                let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
                return Some((frame, (cluster, changed, kind, selected, upto, over)));
            }
            changed.changed().await.ok()?;
        }
        None
    });
    Response::new(BodyExt::boxed_unsync(StreamBody::new(lines)))
}

/// The lines that a watch from version `from` has not sent, up to which version, and whether it ends with them.
fn pending(cluster: &Cluster, kind: &str, selected: &str, from: u64) -> (String, u64, bool) {
    if from < cluster.compacted {
        let gone = json!({ "type": "ERROR", "object": failure(410, "too old resource version") });
        return (format!("{gone}\n"), from, true);
    }
    let new = cluster.history.iter().filter(|(version, of, name, _)| {
        *version > from && *of == kind && (selected.is_empty() || name == selected)
    });
    let text = new.map(|(_, _, _, event)| format!("{event}\n")).collect();
    (text, cluster.version, false)
}

/// Only a failing test ever waits that long.
pub const PATIENCE: Duration = Duration::from_secs(30);
