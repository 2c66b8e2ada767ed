//! The fault proxy: it passes everything through, and does exactly the harm it is told to do.

use crate::shared;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::json;
use std::sync::mpsc;
use std::time::Duration;
use tokio::time::timeout;
use weir_cluster::proxy::{Answer, Call, Proxy, Then};
use weir_cluster::{Plane, wait};

const LIMIT: Duration = Duration::from_secs(60);
/// Long enough for an answer that comes, short enough to wait for one that must not come.
const A_WHILE: Duration = Duration::from_millis(500);

/// A namespace whose service account `default` may edit it, seen through a proxy and without.
struct Scene<'plane> {
    proxy: Proxy<'plane>,
    token: String,
    /// Through the proxy.
    maps: Api<ConfigMap>,
    /// Past it.
    truth: Api<ConfigMap>,
}

impl<'plane> Scene<'plane> {
    async fn new(plane: &'plane Plane) -> Self {
        let namespace = plane.namespace("proxy").await.unwrap();
        let admin = plane.admin().unwrap();
        let editor: RoleBinding = serde_json::from_value(json!({
            "metadata": { "name": "editor" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
            "subjects": [{ "kind": "ServiceAccount", "name": "default" }],
        }))
        .unwrap();
        Api::namespaced(admin.clone(), &namespace).create(&PostParams::default(), &editor).await.unwrap();
        let token = plane.token(&namespace, "default").await.unwrap();
        let proxy = Proxy::start(plane).unwrap();
        let maps = Api::namespaced(proxy.client_with_token(&token).unwrap(), &namespace);
        let truth = Api::namespaced(admin, &namespace);
        let bound: Api<ConfigMap> = Api::namespaced(plane.client_with_token(&token).unwrap(), &namespace);
        let counts = async || Ok(bound.list(&Default::default()).await.ok());
        wait::until("the role counts", LIMIT, counts).await.unwrap();
        Self { proxy, token, maps, truth }
    }

    async fn create(&self, name: &str) -> kube::Result<ConfigMap> {
        let map = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        self.maps.create(&PostParams::default(), &map).await
    }

    async fn exists(&self, name: &str) -> bool {
        self.truth.get_opt(name).await.unwrap().is_some()
    }
}

fn status<T: std::fmt::Debug>(answer: kube::Result<T>) -> u16 {
    match answer.unwrap_err() {
        kube::Error::Api(status) => status.code,
        other => panic!("no answer: {other}"),
    }
}

fn has_no_answer<T>(answer: &kube::Result<T>) -> bool {
    matches!(answer, Err(error) if !matches!(error, kube::Error::Api(_)))
}

#[tokio::test]
async fn everything_passes_and_is_noted() {
    let scene = Scene::new(shared::plane().await).await;
    scene.create("a").await.unwrap();
    assert!(scene.exists("a").await);
    assert_eq!(status(scene.create("a").await), 409);
    let wrong = Client::try_from(scene.proxy.config_with_token("nobody's").unwrap()).unwrap();
    assert_eq!(status(Api::<ConfigMap>::namespaced(wrong, "default").get("a").await), 401);

    let calls = scene.proxy.calls();
    let writes: Vec<&Call> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(writes.len() == 2 && writes.iter().all(|call| call.path.ends_with("/configmaps")), "{calls:?}");
    assert_eq!(scene.proxy.count(), calls.len());
}

#[tokio::test]
async fn kubectl_goes_through_it_too() {
    let plane = shared::plane().await;
    let scene = Scene::new(plane).await;
    let kubeconfig = scene.proxy.kubeconfig_for(&scene.token).unwrap();
    let output =
        plane.kubectl().env("KUBECONFIG", kubeconfig).args(["get", "--raw", "/version"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(scene.proxy.calls().iter().any(|call| call.path == "/version"));
}

#[tokio::test]
async fn a_watch_streams_through_it() {
    let scene = Scene::new(shared::plane().await).await;
    let events = scene.maps.watch(&WatchParams::default(), "0").await.unwrap();
    scene.create("seen").await.unwrap();
    let seen = events.try_filter(|event| {
        let seen = matches!(event, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("seen"));
        std::future::ready(seen)
    });
    timeout(LIMIT, Box::pin(seen).next()).await.unwrap().unwrap().unwrap();
    assert!(scene.proxy.calls().iter().any(Call::is_watch));
}

#[tokio::test]
async fn a_call_can_be_lost_after_the_server_has_answered_and_before() {
    let scene = Scene::new(shared::plane().await).await;
    let (said, heard) = mpsc::channel();
    scene.proxy.after_response(2, Call::is_write, move |call| {
        said.send(call.to_string()).unwrap();
        Then::Break
    });
    scene.create("first").await.unwrap();
    assert!(has_no_answer(&scene.create("second").await));
    assert!(scene.exists("second").await, "the server has done it");
    assert!(heard.try_recv().unwrap().starts_with("POST /api/v1/namespaces/"));

    scene.proxy.before_request(1, Call::is_write, |_| Then::Break);
    assert!(has_no_answer(&scene.create("third").await));
    assert!(!scene.exists("third").await, "the server never heard of it");
    scene.create("third").await.unwrap();
}

#[tokio::test]
async fn an_answer_can_be_kept_back_for_good() {
    let scene = Scene::new(shared::plane().await).await;
    scene.proxy.after_response(1, Call::is_write, |_| Then::Hang);
    assert!(timeout(A_WHILE, scene.create("a")).await.is_err());
    assert!(scene.exists("a").await);
    scene.create("b").await.unwrap();
}

#[tokio::test]
async fn calls_can_be_answered_in_the_servers_stead() {
    let scene = Scene::new(shared::plane().await).await;
    scene.proxy.answer_next(1, Call::is_write, Answer::conflict());
    scene.proxy.answer_next(1, Call::is_write, Answer::too_many_requests(7));
    scene.proxy.answer_next(1, Call::is_write, Answer::internal_error());
    let refused = [scene.create("a").await, scene.create("a").await, scene.create("a").await].map(status);
    assert_eq!(refused, [409, 429, 500]);
    assert!(!scene.exists("a").await);
    scene.create("a").await.unwrap();

    scene.proxy.on_request(|call| call.path.ends_with("/configmaps").then(Answer::gone));
    assert_eq!(status(scene.maps.list(&Default::default()).await), 410);
    scene.proxy.forget();
    let listed = scene.maps.list(&Default::default()).await.unwrap();
    assert!(listed.iter().any(|map| map.metadata.name.as_deref() == Some("a")));

    scene.proxy.on_request(|call| call.is_watch().then(Answer::watch_gone));
    let mut events = Box::pin(scene.maps.watch(&WatchParams::default(), "0").await.unwrap());
    let event = timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Error(status) if status.code == StatusCode::GONE.as_u16()));
}

#[tokio::test]
async fn nothing_flows_while_it_stalls_and_all_goes_on_afterwards() {
    let scene = Scene::new(shared::plane().await).await;
    let mut events =
        Box::pin(scene.maps.watch(&WatchParams::default().disable_bookmarks(), "0").await.unwrap());
    let root = timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    assert!(
        matches!(root, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("kube-root-ca.crt"))
    );
    scene.proxy.stall();
    let map: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": "unseen" } })).unwrap();
    scene.truth.create(&PostParams::default(), &map).await.unwrap();
    assert!(timeout(A_WHILE, events.next()).await.is_err(), "an event came through");
    assert!(timeout(A_WHILE, scene.create("a")).await.is_err(), "a call came through");
    scene.proxy.mend();
    let event = timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("unseen")));
}

#[tokio::test]
async fn connections_break_and_none_is_taken_until_it_is_mended() {
    let scene = Scene::new(shared::plane().await).await;
    let watch =
        async || Box::pin(scene.maps.watch(&WatchParams::default().disable_bookmarks(), "0").await.unwrap());
    let mut events = watch().await;
    timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    scene.proxy.break_connections();
    let end = timeout(LIMIT, events.next()).await.unwrap();
    assert!(matches!(end, None | Some(Err(_))), "{end:?}");
    assert!(has_no_answer(&scene.create("a").await));
    scene.proxy.mend();
    scene.create("a").await.unwrap();

    let mut events = watch().await;
    timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    scene.proxy.cut_connections();
    let ended = async { while let Some(Ok(_)) = events.next().await {} };
    timeout(LIMIT, ended).await.unwrap();
    scene.create("b").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_looks_like_one() {
    let plane = Plane::start().await.unwrap();
    let scene = Scene::new(&plane).await;
    plane.stop_api_server();
    assert!(has_no_answer(&scene.create("a").await));
    plane.start_api_server().await.unwrap();
    scene.create("a").await.unwrap();
}
