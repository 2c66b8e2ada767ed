//! The operator's health port: what it says while something is missing, and that it waits instead of ending.

use std::net::SocketAddr;
use weir_cluster::world::manifests::GATEWAY;
use weir_cluster::world::{Objects, Operator, SOON, Setting};
use weir_cluster::{Plane, wait};
use weir_crds::Kind;

async fn asked(health: SocketAddr, path: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://{health}{path}")).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

#[tokio::test]
async fn an_operator_waits_for_its_kinds_and_says_which_are_missing() {
    let plane = Plane::start().await.unwrap();
    let objects = Objects::new(&plane, "health").await.unwrap();
    let setting = Setting::new(&plane, &[&objects.namespace]).await.unwrap();
    let mut operator = Operator::start(&plane, &setting).unwrap();
    let missing: Vec<String> = Kind::ALL.iter().map(|kind| format!("{}.weir.dev", kind.plural())).collect();
    wait::until("only our kinds are missing", SOON, async || {
        let Some((status, text)) = asked(operator.health, "/readyz").await else { return Ok(None) };
        let only_ours = missing.iter().all(|kind| text.contains(kind)) && !text.contains("pods");
        Ok((status == 503 && only_ours).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(asked(operator.health, "/livez").await.unwrap().0, 200, "it is alive, only not ready");

    plane.install_crds().await.unwrap();
    operator.ready().await.unwrap();
    objects.apply(GATEWAY).await.unwrap();
    objects
        .until((Kind::Gateway, "main"), "a status", |object| object.pointer("/status/config").is_some())
        .await
        .unwrap();
    let (status, text) = asked(operator.health, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    let value = |series: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in\n{text}")).parse::<f64>().unwrap()
    };
    assert_eq!(value("weir_operator_leading"), 1.0);
    assert!(value("weir_operator_pass_seconds_count") >= 1.0);
    assert!(
        value("weir_operator_writes_total{what=\"configuration\",outcome=\"ok\"}") >= 2.0,
        "a part and the index"
    );
    assert!(!text.contains(&objects.namespace), "no object's name is in a label");
}
