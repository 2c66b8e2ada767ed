//! What does not let itself be written.

use super::*;
use crate::fake_api::failure;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_refused_is_said_and_tried_again_at_growing_distance() {
    let mut world = World::new(&[key("app")]).await;
    world.api.refuse("create", "a", failure(403, "Forbidden", "exceeded quota:\nsecrets"));
    let kept = world.keep().await;
    let said = world.findings(&kept);
    assert_eq!(said.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::KeyPending; 2]);
    let first = &said[0].message;
    assert!(
        first.contains("403") && first.contains("exceeded quota: secrets"),
        "before what compile says: {first}"
    );
    assert_eq!(world.api.writes().len(), 1);
    let mut waits = Vec::new();
    for tries in 2..12 {
        let (before, again) = (Instant::now(), world.keep().await.again.unwrap());
        assert_eq!(world.api.writes().len(), tries - 1, "not before its time");
        tokio::time::sleep_until(again).await;
        waits.push((again - before).as_secs());
        let kept = world.keep().await;
        assert_eq!((world.api.writes().len(), kept.findings.len()), (tries, 1));
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    world.api.refuse_nothing();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let kept = world.keep().await;
    assert!(kept.findings.is_empty() && kept.again.is_none() && world.api.get("secrets", APP).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_names_another_secret_now_does_not_wait_for_the_one_before() {
    let mut world = World::new(&[key("app")]).await;
    world.api.refuse("create", "a", failure(422, "Invalid", "no such name"));
    assert!(world.keep().await.again.is_some());
    world.api.refuse_nothing();
    world.api.edit("llmkeys.weir.dev", APP, |key| {
        key["spec"]["source"]["generate"]["secretName"] = json!("better")
    });
    let named = |picture: &Picture| {
        let held = picture.keys.get(&ObjectName::new("a", "app")).unwrap();
        let key = held.0.as_ref().as_ref().unwrap();
        weir_compile::minted_into(&key.spec.source) == Some("better")
    };
    world.until("the key is changed", named).await;
    let kept = world.keep().await;
    assert!(kept.again.is_none() && world.api.get("secrets", ("a", "better")).is_some());
}

#[tokio::test]
async fn a_secret_that_changed_meanwhile_is_not_written_over() {
    let mut world = World::new(&[key("app")]).await;
    world.keep().await;
    world.until_told(&["app"]).await;
    let stale = world.api.get("secrets", APP).unwrap();
    world.api.edit("secrets", APP, |secret| secret["data"]["mine"] = world::base64("kept"));
    let to = ToMint {
        key: crate::publish::Owner {
            kind: weir_crds::Kind::Key,
            name: ObjectName::new("a", "app"),
            uid: stale["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap().to_owned(),
        },
        secret: ObjectName::new("a", "app"),
        gateway: ObjectName::new("a", "other"),
        port: 80,
    };
    let (client, metrics) = (world.api.client(), Metrics::default());
    let known: Secret = serde_json::from_value(stale).unwrap();
    let error = refresh(&client, &metrics, &to, &known).await.unwrap_err();
    assert!(matches!(error, Unminted::Stale), "{error}");
    assert_eq!(text(&world.api.get("secrets", APP).unwrap(), "mine"), "kept");
}

/// How every key begins in base64.
const BEGIN: &str = "d2Vpcl";
/// Set in the process of which the log is read. Several threads of tests and one that listens do not go together.
const LISTENED_TO: &str = "WEIR_TEST_LISTENED_TO";

/// With an API server that quotes what it refuses, and then takes it.
async fn refused_and_taken() {
    let asked_for = crate::log::filter("trace,kube_client::client=trace").unwrap();
    tracing_subscriber::fmt().with_env_filter(asked_for).with_writer(std::io::stderr).init();
    tokio::time::pause();
    let mut world = World::new(&[key("app")]).await;
    world.api.refuse("create", "a", failure(400, "BadRequest", "a webhook dislikes {body}"));
    let kept = world.keep().await;
    let said = &kept.findings[0].message;
    assert!(said.contains("status 400") && !said.contains("webhook"), "{said}");
    world.api.refuse_nothing();
    tokio::time::sleep_until(kept.again.unwrap()).await;
    world.keep().await;
    assert!(world.api.get("secrets", APP).is_some());
}

#[test]
fn s10_10_no_log_and_no_finding_holds_the_key_even_if_the_api_server_quotes_it() {
    if std::env::var_os(LISTENED_TO).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(refused_and_taken());
    }
    let me =
        "mint::tests::failing::s10_10_no_log_and_no_finding_holds_the_key_even_if_the_api_server_quotes_it";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let run = child.args(["--exact", me, "--nocapture"]).env(LISTENED_TO, "1").output().unwrap();
    let log = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(run.status.success(), "{log}");
    assert!(
        log.contains("a key's Secret is written") && log.contains("is not written"),
        "the log is there: {log}"
    );
    let mut words = log.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    assert!(!words.any(MintedKey::is_well_formed), "neither the key");
    assert!(!log.contains(BEGIN), "nor as the API server writes it");
}
