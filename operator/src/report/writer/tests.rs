//! Against an API server of a few lines, in time that passes at once.

use super::*;
use crate::report::Status;
use crate::tasks::Tasks;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;
use weir_compile::Kind;
use weir_config::ObjectName;
use weir_crds::LLMProviderStatus;

/// One call, once it was answered.
#[derive(Debug, Clone)]
struct Call {
    method: Method,
    uri: String,
    body: Value,
    code: u16,
}

#[derive(Debug, Clone)]
struct Stored {
    uid: String,
    generation: i64,
    version: u64,
}

#[derive(Default)]
struct Server {
    calls: Vec<Call>,
    objects: BTreeMap<String, Stored>,
    /// What it says to the next patches, instead of doing them.
    refuses: VecDeque<u16>,
    refuses_events: bool,
    takes: Duration,
    busy: usize,
    most_busy: usize,
}

impl Server {
    fn patch(&mut self, name: &str, body: &Value) -> (u16, Value) {
        if let Some(code) = self.refuses.pop_front() {
            return (code, refusal(code));
        }
        let Some(stored) = self.objects.get_mut(name) else { return (404, refusal(404)) };
        if body["metadata"]["resourceVersion"].as_str() != Some(&stored.version.to_string()) {
            return (409, refusal(409));
        }
        stored.version += 1;
        (200, meta(stored))
    }

    fn answer(&mut self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        if path.contains("/events") {
            return if self.refuses_events { (403, refusal(403)) } else { (201, body.clone()) };
        }
        let name = path.trim_end_matches("/status").rsplit('/').next().unwrap();
        match *method {
            Method::PATCH => self.patch(name, body),
            Method::GET => self.objects.get(name).map_or((404, refusal(404)), |stored| (200, meta(stored))),
            _ => (405, refusal(405)),
        }
    }
}

fn meta(stored: &Stored) -> Value {
    let Stored { uid, generation, version } = stored;
    json!({"metadata": {"uid": uid, "generation": generation, "resourceVersion": version.to_string()}})
}

fn refusal(code: u16) -> Value {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
           "message": "no", "details": {"retryAfterSeconds": 7}})
}

#[derive(Clone, Default)]
struct Api(Arc<Mutex<Server>>);

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let takes = api.with(|server| {
                server.busy += 1;
                server.most_busy = server.most_busy.max(server.busy);
                server.takes
            });
            tokio::time::sleep(takes).await;
            let (code, answer) = api.with(|server| {
                server.busy -= 1;
                let (code, answer) = server.answer(&head.method, head.uri.path(), &body);
                server.calls.push(Call { method: head.method, uri: head.uri.to_string(), body, code });
                (code, answer)
            });
            Ok(Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap())
        })
    }
}

impl Api {
    fn with<T>(&self, look: impl FnOnce(&mut Server) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn store(&self, name: &str, version: u64) {
        let stored = Stored { uid: format!("uid-{name}"), generation: 1, version };
        self.with(|server| server.objects.insert(name.to_owned(), stored));
    }

    fn codes(&self, method: &Method) -> Vec<u16> {
        self.with(|server| {
            server.calls.iter().filter(|it| it.method == *method).map(|call| call.code).collect()
        })
    }
}

/// A writer at work on an API.
struct Bench {
    api: Api,
    statuses: Arc<Statuses>,
    leading: watch::Sender<bool>,
    _tasks: Tasks,
}

fn bench(leads: bool) -> Bench {
    let (api, (leading, led)) = (Api::default(), watch::channel(leads));
    let statuses = Arc::new(Statuses::new(Arc::default()));
    let (writer, client) = (Arc::clone(&statuses), Client::new(api.clone(), "default"));
    let mut tasks = Tasks::default();
    tasks.spawn("statuses", async move { writer.run(client, "operator-1".to_owned(), led).await });
    Bench { api, statuses, leading, _tasks: tasks }
}

fn offer(name: &str) -> Offer {
    let status = LLMProviderStatus { model_count: Some(2), ..LLMProviderStatus::default() };
    Offer {
        object: (Kind::Provider, ObjectName::new("a", name)),
        uid: format!("uid-{name}"),
        version: "1".to_owned(),
        generation: 1,
        status: Arc::new(Status::Provider(status)),
        news: None,
        may_wait: false,
    }
}

impl Bench {
    fn take(&self, offers: Vec<Offer>) {
        self.statuses.take(Report { offers, ..Report::default() });
    }

    /// Until nothing waits and nothing is under way, for at most ten minutes; and for an Event after that.
    async fn rest(&self) {
        let rests = async {
            while self.statuses.waiting() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(600), rests).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_is_applied_to_the_version_that_it_speaks_about() {
    let bench = bench(true);
    bench.api.store("x", 1);
    bench.take(vec![offer("x")]);
    bench.rest().await;
    let calls = bench.api.with(|server| server.calls.clone());
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    let (path, query) = call.uri.split_once('?').unwrap();
    assert_eq!(path, "/apis/weir.dev/v1alpha1/namespaces/a/llmproviders/x/status");
    assert!(query.contains("force=true") && query.contains("fieldManager=weir%2Fstatus"), "{query}");
    assert_eq!(
        call.body,
        json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMProvider", "status": {"modelCount": 2},
               "metadata": {"name": "x", "namespace": "a", "resourceVersion": "1"}})
    );
    // Until the watch has told of it, the same is no call.
    assert!(bench.statuses.known().beyond("uid-x", "1").is_some());
    bench.take(vec![offer("x")]);
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [200]);
}

#[tokio::test(start_paused = true)]
async fn few_calls_are_made_at_once_and_each_object_gets_its_own() {
    let bench = bench(true);
    let names: Vec<String> = (0..100).map(|n| format!("x{n}")).collect();
    names.iter().for_each(|name| bench.api.store(name, 1));
    bench.api.with(|server| server.takes = Duration::from_millis(100));
    bench.take(names.iter().map(|name| offer(name)).collect());
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [200; 100]);
    assert_eq!(bench.api.with(|server| server.most_busy), AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn what_was_offered_again_and_again_is_written_once() {
    let bench = bench(false);
    bench.api.store("x", 1);
    for _ in 0..50 {
        bench.take(vec![offer("x")]);
    }
    bench.leading.send_replace(true);
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [200]);
}

#[tokio::test(start_paused = true)]
async fn only_who_leads_writes() {
    let bench = bench(false);
    bench.api.store("x", 1);
    bench.take(vec![offer("x")]);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bench.api.codes(&Method::PATCH), [0; 0]);
    bench.leading.send_replace(true);
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [200]);
    bench.leading.send_replace(false);
    bench.api.store("y", 1);
    bench.take(vec![offer("y")]);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bench.api.codes(&Method::PATCH), [200]);
    assert_eq!(bench.statuses.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_api_server_is_asked_again_when_it_said() {
    let bench = bench(true);
    bench.api.store("x", 1);
    bench.api.with(|server| server.refuses = [429, 500].into());
    let began = Instant::now();
    bench.take(vec![offer("x")]);
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [429, 500, 200]);
    let took = began.elapsed().as_secs();
    assert!((14..30).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_not_waited_for_for_ever() {
    let bench = bench(true);
    bench.api.store("x", 1);
    bench.api.with(|server| server.takes = Duration::from_secs(3600));
    bench.take(vec![offer("x")]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.api.with(|server| server.takes = Duration::ZERO);
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [200], "the first was given up");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changed_beside_its_spec_is_written_to_all_the_same() {
    let bench = bench(true);
    bench.api.store("x", 5);
    bench.take(vec![offer("x")]);
    bench.rest().await;
    assert_eq!(bench.api.codes(&Method::PATCH), [409, 200]);
}

#[tokio::test(start_paused = true)]
async fn what_another_object_or_another_spec_has_overtaken_is_dropped() {
    let bench = bench(true);
    bench.api.store("again", 5);
    bench.api.with(|server| server.objects.get_mut("again").unwrap().uid = "another".to_owned());
    bench.api.store("edited", 5);
    bench.api.with(|server| server.objects.get_mut("edited").unwrap().generation = 2);
    bench.take(vec![offer("again"), offer("edited"), offer("gone")]);
    bench.rest().await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let mut codes = bench.api.codes(&Method::PATCH);
    codes.sort_unstable();
    assert_eq!(codes, [404, 409, 409]);
    assert_eq!(bench.api.codes(&Method::GET).len(), 3);
    assert_eq!(bench.statuses.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_follows_its_status_and_is_lost_alone() {
    let bench = bench(true);
    bench.api.store("x", 1);
    bench.api.with(|server| server.refuses = [500].into());
    let news = News {
        is_warning: true,
        reason: "NoTargets".to_owned(),
        action: "NotReady",
        note: "no target".to_owned(),
    };
    bench.take(vec![Offer { news: Some(news.clone()), ..offer("x") }]);
    bench.rest().await;
    let calls = bench.api.with(|server| server.calls.clone());
    let [refused, written, told] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((refused.code, written.code, told.code), (500, 200, 201));
    assert!(told.uri.starts_with("/apis/events.k8s.io/v1/namespaces/a/events"), "{}", told.uri);
    assert_eq!(told.body["type"], "Warning");
    assert_eq!(told.body["reason"], "NoTargets");
    assert_eq!(told.body["action"], "NotReady");
    assert_eq!(told.body["regarding"]["uid"], "uid-x");

    bench.api.with(|server| server.refuses_events = true);
    bench.api.store("y", 1);
    bench.take(vec![Offer { news: Some(news), ..offer("y") }]);
    bench.rest().await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bench.api.codes(&Method::POST), [201, 403]);
    assert_eq!(bench.statuses.waiting(), 0);
}
