//! Least rights: by the API server's own record operator and gateways use every right that they are given, and ask
//! for none that they lack.

mod audit;

use crate::children;
use crate::stage::Stage;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use std::fmt::Write as _;
use weir_cluster::proxy::{Answer, Proxy};
use weir_cluster::wait;
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{Gateway, Objects, Operator, OperatorRules, SOON, Setting, condition, text};
use weir_crds::Kind;

pub(crate) use audit::{Audit, until_allowed, unused};

/// An account whose Secret comes and goes.
const FLAKY: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: flaky}
spec: {vendor: OpenAI, credentials: {apiKeySecretRef: {name: flaky, key: k}}}
";
const FLAKY_SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: flaky, labels: {weir.dev/credential: 'true'}}
stringData: {k: sk-fake}
";
/// Enough of them that one is in the second of two parts, whatever the namespace is called.
const ROUTES: usize = 24;

async fn live(objects: &Objects, operator: &mut Operator) {
    operator.ready().await.unwrap();
    for manifest in [PROVIDER, ROUTE, KEY] {
        objects.apply(manifest).await.unwrap();
    }
    for (kind, name) in
        [(Kind::Gateway, "main"), (Kind::Provider, "mock"), (Kind::Route, "chat"), (Kind::Key, "app")]
    {
        objects.until_ready(kind, name).await.unwrap();
    }
    objects.apply(&KEY.replace("allowedModels: ['*']", "allowedModels: [chat]")).await.unwrap();
    objects.until_ready(Kind::Key, "app").await.unwrap();
}

/// An account that breaks twice for the same reason: the second time its Event is counted on.
async fn break_twice(objects: &Objects) {
    let secrets: Api<Secret> = Api::namespaced(objects.client.clone(), &objects.namespace);
    objects.apply(FLAKY).await.unwrap();
    let flaky = (Kind::Provider, "flaky");
    let is_broken =
        |object: &serde_json::Value| crate::stage::says(object, "Ready", "False", "SecretNotFound");
    objects.until(flaky, "broken", is_broken).await.unwrap();
    objects.apply(FLAKY_SECRET).await.unwrap();
    objects.until_ready(flaky.0, flaky.1).await.unwrap();
    secrets.delete("flaky", &DeleteParams::default()).await.unwrap();
    objects.until(flaky, "broken again", is_broken).await.unwrap();
    let events = objects.any("events.k8s.io/v1", "Event", "events");
    wait::until("an Event is counted on", SOON, async || {
        let events = events.list(&ListParams::default()).await?;
        let mut counts = events.items.iter().map(|event| event.data.pointer("/series/count"));
        Ok(counts.any(|count| count.is_some()).then_some(()))
    })
    .await
    .unwrap();
}

/// More than one part holds, and then less again.
async fn grow_and_shrink(objects: &Objects) {
    let mut models = "{name: mock-large}, ".to_owned();
    for number in 1..256 {
        write!(models, "{{name: m-{number}-{}}}, ", "x".repeat(200)).unwrap();
    }
    objects
        .apply(&PROVIDER.replace("vendor: Mock", &format!("vendor: Mock\n  models: [{models}]")))
        .await
        .unwrap();
    for number in 0..ROUTES {
        let route = ROUTE.replace("name: chat", &format!("name: r-{number}"));
        objects.apply(&route.replace("model: chat", &format!("model: m-{number}"))).await.unwrap();
    }
    let maps: Api<ConfigMap> = Api::namespaced(objects.client.clone(), &objects.namespace);
    let secrets: Api<Secret> = Api::namespaced(objects.client.clone(), &objects.namespace);
    wait::until("there is a second part", SOON, async || Ok(maps.get_opt("main-config-public-01").await?))
        .await
        .unwrap();
    for number in 0..ROUTES {
        objects.delete(Kind::Route, &format!("r-{number}")).await.unwrap();
    }
    objects.apply(PROVIDER).await.unwrap();
    objects.delete(Kind::Key, "app").await.unwrap();
    wait::until("what is not needed is gone", SOON, async || {
        let left = maps.get_opt("main-config-public-01").await?.is_some();
        let secret = secrets.get_opt("main-config-secret-00").await?.is_some();
        Ok((!left && !secret).then_some(()))
    })
    .await
    .unwrap();
}

/// Of every child of a gateway the name is somebody else's at first, and later a hand spoils it; and one goes.
async fn take_and_spoil(objects: &Objects) {
    let gateway = |replicas: u8| {
        let named = GATEWAY.replace("name: main", "name: spare");
        named.replace("replicas: 0", &format!("replicas: {replicas}"))
    };
    let name = "spare-gateway";
    for foreign in children::FOREIGN {
        objects.apply(&foreign.replace("NAME", name)).await.unwrap();
    }
    objects.apply(&gateway(2)).await.unwrap();
    let names = |kind: &'static str| {
        move |object: &serde_json::Value| {
            condition(object, "Programmed")
                .and_then(|it| text(it, "/message"))
                .is_some_and(|it| it.contains(kind))
        }
    };
    let spare = (Kind::Gateway, "spare");
    let apis = children::apis(objects);
    // A RoleBinding waits until the Role is the gateway's own, the Deployment for all of them.
    for (said, given_back) in [
        ("PodDisruptionBudget spare-gateway", &[0, 1, 3, 4][..]),
        (": RoleBinding spare-gateway", &[2]),
        (": Deployment spare-gateway", &[5]),
    ] {
        objects.until(spare, said, names(said)).await.unwrap();
        for at in given_back {
            apis[*at].delete(name, &DeleteParams::default()).await.unwrap();
        }
    }
    for api in &apis {
        let spoil =
            Patch::Merge(json!({ "metadata": { "labels": { "app.kubernetes.io/instance": "spoilt" } } }));
        let instance = |object: &kube::core::DynamicObject| {
            object
                .metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get("app.kubernetes.io/instance").cloned())
        };
        let is_ours = async || {
            let found = api.get_opt(name).await?;
            Ok(found.filter(|object| instance(object).as_deref() == Some("spare")))
        };
        wait::until("it is made", SOON, is_ours).await.unwrap();
        api.patch(name, &PatchParams::default(), &spoil).await.unwrap();
        wait::until("it is put right", SOON, is_ours).await.unwrap();
    }
    objects.apply(&gateway(0)).await.unwrap();
    let gone = async || Ok(apis[4].get_opt(name).await?.is_none().then_some(()));
    wait::until("the budget goes", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn s10_9_operator_and_gateways_use_every_right_they_have_and_ask_for_no_other() {
    let plane = crate::shared::plane().await;
    let objects = Objects::new(plane, "rights").await.unwrap();
    let mut setting = Setting::new(plane, &[&objects.namespace]).await.unwrap();
    let account = format!("system:serviceaccount:{}:weir-operator", setting.home);
    audit::until_allowed(plane, &account, &setting.home, "leases").await;
    audit::until_allowed(plane, &account, &objects.namespace, "secrets").await;
    let proxy = Proxy::start(plane).unwrap();
    setting.kubeconfig =
        proxy.kubeconfig_for(&plane.token(&setting.home, "weir-operator").await.unwrap()).unwrap();
    // Of every kind one status meets another's write, or finds nothing: then the operator looks what is there.
    let gone = Answer::status(http::StatusCode::NOT_FOUND, "NotFound", "there is no such object");
    for (kind, answer) in Kind::ALL.into_iter().zip([Answer::conflict(), gone].iter().cycle()) {
        let part = format!("/{}/", kind.plural());
        let is_status =
            move |path: &str| path.contains(&part) && path.split('?').next().unwrap().ends_with("/status");
        proxy.answer_next(1, move |call| call.is_write() && is_status(&call.path), answer.clone());
    }
    let mut operator = Operator::start(plane, &setting).unwrap();
    objects.apply(GATEWAY).await.unwrap();
    let mut gateway = Gateway::start(plane, &objects.namespace, "main", "127.0.0.2").await.unwrap();
    gateway.ready(plane).await.unwrap();
    live(&objects, &mut operator).await;
    break_twice(&objects).await;
    grow_and_shrink(&objects).await;
    take_and_spoil(&objects).await;

    let leases: Api<Lease> = Api::namespaced(objects.client.clone(), &setting.home);
    let renewed = async || {
        let lease = leases.get("weir-operator").await?;
        let spec = lease.spec.unwrap_or_default();
        Ok((spec.renew_time > spec.acquire_time).then_some(()))
    };
    wait::until("the Lease is renewed", SOON, renewed).await.unwrap();
    operator.process.signal("TERM").unwrap();
    wait::until("the operator ends", SOON, async || operator.process.ended()).await.unwrap();
    let holder = leases.get("weir-operator").await.unwrap().spec.unwrap().holder_identity;
    assert!(holder.is_none_or(|holder| holder.is_empty()), "the Lease is given back");

    let rules = OperatorRules::read().unwrap();
    let given = [rules.watched.as_slice(), &rules.own].concat();
    assert_least(&Audit::of(plane, &account), &given);
    let account = format!("system:serviceaccount:{}:{}", objects.namespace, Gateway::account("main"));
    assert_least(&Audit::of(plane, &account), &weir_operator::rbac::gateway_rules("main"));
}

fn assert_least(audit: &Audit, given: &[PolicyRule]) {
    assert_eq!(audit.refused(), [""; 0], "these were asked for and refused");
    assert_eq!(unused(audit, given), [""; 0], "nothing uses these");
}

fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> u16 {
    match answer {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s10_9_a_gateways_token_reads_its_own_configuration_and_nothing_else() {
    let stage = Stage::with("token", &[GATEWAY, PROVIDER, ROUTE, KEY]).await;
    stage.apply(&[&GATEWAY.replace("name: main", "name: other")]).await;
    let other = ROUTE
        .replace("name: chat", "name: other")
        .replace("gatewayRef: {name: main}", "gatewayRef: {name: other}");
    let key = KEY.replace("name: app", "name: other").replace("{name: main}", "{name: other}");
    stage.apply(&[&other, &key.replace("app-llm", "other-llm")]).await;
    let namespace = &stage.objects.namespace;
    let admin: Api<Secret> = Api::namespaced(stage.objects.client.clone(), namespace);
    for name in ["main-config-secret-00", "other-config-secret-00", "app-llm"] {
        wait::until(name, SOON, async || Ok(admin.get_opt(name).await?)).await.unwrap();
    }
    // The one that the operator makes for the gateway's pods.
    let accounts: Api<ServiceAccount> = Api::namespaced(stage.objects.client.clone(), namespace);
    wait::until("the account", SOON, async || Ok(accounts.get_opt("main-gateway").await?)).await.unwrap();
    let token = stage.plane.token(namespace, "main-gateway").await.unwrap();
    let client = stage.plane.client_with_token(&token).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let only = ListParams::default().fields("metadata.name=main-config");
    assert_eq!(maps.list(&only).await.unwrap().items.len(), 1);
    maps.get("main-config-public-00").await.unwrap();
    secrets.get("main-config-secret-00").await.unwrap();

    for foreign in ["app-llm", "other-llm", "other-config-secret-00", "main-config-secret-64"] {
        assert_eq!(code(secrets.get(foreign).await), 403, "{foreign}");
    }
    for foreign in ["other-config", "other-config-public-00", "kube-root-ca.crt"] {
        assert_eq!(code(maps.get(foreign).await), 403, "{foreign}");
    }
    assert_eq!(code(secrets.list(&ListParams::default()).await), 403);
    assert_eq!(
        code(secrets.list(&ListParams::default().fields("metadata.name=main-config-secret-00")).await),
        403
    );
    assert_eq!(code(maps.list(&ListParams::default()).await), 403);
    let change = Patch::Merge(json!({ "data": { "index.json": "{}" } }));
    assert_eq!(code(maps.patch("main-config", &PatchParams::default(), &change).await), 403);
    assert_eq!(code(maps.delete("main-config", &DeleteParams::default()).await), 403);
    let elsewhere: Api<ConfigMap> = Api::namespaced(client, "default");
    assert_eq!(code(elsewhere.get("main-config-public-00").await), 403);
}
