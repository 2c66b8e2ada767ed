//! An API server for tests: remembers objects, and answers what the operator asks as a real one does. It lets through
//! what the chart's rules allow and nothing else, so that a call without its rule fails the test that makes it.
//!
//! It knows no schema, no selectors and no garbage collection: those are for the tests with a real one.

mod call;
mod managed;
mod objects;
mod rules;

pub use call::Call;
pub use rules::{OWN, Rules, covers};

use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::{self, BoxStream, StreamExt};
use http::{Request, Response};
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use objects::Objects;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

/// One of them; clones are the same one.
#[derive(Clone)]
pub struct FakeApi(Arc<Mutex<State>>);

struct State {
    rules: Rules,
    objects: Objects,
    watches: Vec<(Call, UnboundedSender<Value>)>,
    /// Watches tell of nothing while this is set.
    muted: bool,
    calls: Vec<Call>,
    refusals: Vec<(&'static str, String, Value)>,
}

/// A failure in the API server's words.
pub fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
           "code": code, "reason": reason, "message": message})
}

impl FakeApi {
    /// An empty one, for an operator in `weir-system` that watches these namespaces; "*" is all.
    pub fn watched(namespaces: &[&str]) -> Self {
        let rules = Rules::of_chart(namespaces);
        let (objects, watches) = (Objects::default(), Vec::new());
        let state = State { rules, objects, watches, muted: false, calls: Vec::new(), refusals: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn client(&self) -> Client {
        Client::new(self.clone(), "default")
    }

    /// Somebody else creates an object of `resource`, such as `llmkeys.weir.dev`.
    pub fn create(&self, resource: &str, object: Value) -> Value {
        let (object, event) = self.state().objects.create(resource, object, "").unwrap();
        self.tell(event);
        object
    }

    /// Somebody else changes an object in place.
    pub fn edit(&self, resource: &str, (namespace, name): (&str, &str), edit: impl FnOnce(&mut Value)) {
        let event = self.state().objects.edit(resource, namespace, name, edit).unwrap();
        self.tell(event);
    }

    /// Somebody else deletes an object.
    pub fn delete(&self, resource: &str, (namespace, name): (&str, &str)) {
        let event = self.state().objects.delete(resource, namespace, name, None).unwrap();
        self.tell(event);
    }

    pub fn get(&self, resource: &str, (namespace, name): (&str, &str)) -> Option<Value> {
        self.state().objects.get(resource, namespace, name).cloned()
    }

    /// From now on every call of `verb` on `resource` in `namespace` is answered with `status`.
    pub fn refuse(&self, verb: &'static str, namespace: &str, status: Value) {
        self.state().refusals.push((verb, namespace.to_owned(), status));
    }

    pub fn refuse_nothing(&self) {
        self.state().refusals.clear();
    }

    /// Whether watches keep silent; what happens meanwhile they never tell.
    pub fn mute(&self, muted: bool) {
        self.state().muted = muted;
    }

    /// Every call so far, refused ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The calls that would change something.
    pub fn writes(&self) -> Vec<Call> {
        let calls = self.calls().into_iter();
        calls.filter(|call| !matches!(call.verb, "get" | "list" | "watch")).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn tell(&self, (resource, event): (String, Value)) {
        let mut state = self.state();
        let muted = state.muted;
        state.watches.retain(|(call, watch)| {
            let concerned = !muted && call.resource() == resource && call.is_about(&event["object"]);
            !watch.is_closed() && (!concerned || watch.unbounded_send(call.seen(event.clone())).is_ok())
        });
    }

    fn answer(&self, call: &Call, body: &[u8]) -> Result<Value, Value> {
        let mut state = self.state();
        state.calls.push(call.clone());
        if !state.rules.allow(call) {
            return Err(failure(403, "Forbidden", &format!("no rule allows {call}")));
        }
        let scripted = |(verb, namespace, _): &&(&str, String, Value)| {
            *verb == call.verb && Some(namespace.as_str()) == call.namespace.as_deref()
        };
        if let Some((_, _, status)) = state.refusals.iter().find(scripted) {
            let body = String::from_utf8_lossy(body);
            let quoted = status["message"].as_str().unwrap().replace("{body}", &body);
            return Err(json!({"message": quoted, "code": status["code"], "reason": status["reason"],
                              "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}}));
        }
        let done = state.objects.perform(call, body)?;
        drop(state);
        if let Some(event) = done.event {
            self.tell(event);
        }
        Ok(call.shown(done.answer))
    }

    fn watch(&self, call: &Call) -> Result<BoxStream<'static, Value>, Value> {
        let mut state = self.state();
        state.calls.push(call.clone());
        if !state.rules.allow(call) {
            return Err(failure(403, "Forbidden", &format!("no rule allows {call}")));
        }
        let missed = state.objects.since(call).into_iter().map(|event| call.seen(event)).collect::<Vec<_>>();
        let (tell, told) = unbounded();
        state.watches.push((call.clone(), tell));
        Ok(stream::iter(missed).chain(told).boxed())
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn respond(code: u16, lines: BoxStream<'static, Value>) -> Answer {
    let frames = lines.map(|line| Ok(Frame::data(Bytes::from(format!("{line}\n")))));
    let body = UnsyncBoxBody::new(StreamBody::new(frames));
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

impl tower_service::Service<Request<Body>> for FakeApi {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let call = Call::read(&request);
            let body = request.into_body().collect_bytes().await.unwrap();
            let answer = match call.verb {
                "watch" => api.watch(&call),
                _ => api.answer(&call, &body).map(|answer| stream::iter([answer]).boxed()),
            };
            Ok(match answer {
                Ok(lines) => respond(200, lines),
                Err(status) => {
                    respond(status["code"].as_u64().unwrap() as u16, stream::iter([status]).boxed())
                }
            })
        })
    }
}
