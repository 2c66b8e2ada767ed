//! S10.5: which key a request has.

use crate::harness::{Config, KEY, World, key, unary};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use weir_config::{Digest, KeyDigest, UnixSeconds};
use weir_upstream::Upstream;

const OTHER: &str = "weir_other_key_0123456789abcdefghijklmn";
const GARBAGE: &str = "sk-ant-not-a-key-of-this-gateway-at-all";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn world() -> (Upstream, Config, World) {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.0.keys.push(Arc::new(key("other", OTHER)));
    let world = config.start();
    (upstream, config, world)
}

/// A chat with these headers; its status and body.
async fn ask(world: &World, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = world.client.post(world.url("/v1/chat/completions")).body(unary().to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn s10_5_a_key_is_taken_from_any_of_four_headers() {
    let (_upstream, _config, world) = world();
    let cases: &[&[(&str, &str)]] = &[
        &[("authorization", &format!("Bearer {KEY}"))],
        &[("authorization", &format!("bearer {KEY}"))],
        &[("authorization", &format!("BEARER   {KEY}"))],
        &[("x-api-key", KEY)],
        &[("X-API-Key", KEY)],
        &[("api-key", KEY)],
        &[("x-goog-api-key", KEY)],
        &[("x-api-key", KEY), ("authorization", &format!("Bearer {KEY}"))],
        &[("api-key", KEY), ("x-goog-api-key", KEY), ("x-api-key", KEY)],
        &[("x-api-key", KEY), ("authorization", &format!("Bearer {GARBAGE}"))],
        &[("x-api-key", GARBAGE), ("authorization", &format!("Bearer {KEY}"))],
        &[("x-api-key", GARBAGE), ("x-api-key", KEY), ("authorization", "Basic dTpw")],
    ];
    for headers in cases {
        assert_eq!(ask(&world, headers).await.0, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn s10_5_two_keys_that_are_both_valid_are_ambiguous() {
    let (upstream, _config, world) = world();
    for headers in [
        [("x-api-key", OTHER), ("authorization", &format!("Bearer {KEY}"))],
        [("x-api-key", KEY), ("api-key", OTHER)],
        [("x-api-key", KEY), ("x-api-key", OTHER)],
    ] {
        let (status, body) = ask(&world, &headers).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["error"]["code"]), (400, &"ambiguous_credentials".into()), "{body}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn s10_5_every_401_has_the_same_bytes() {
    let (upstream, mut config, world) = world();
    let texts: Vec<String> = (0..4).map(|n| format!("weir_refused_key_{n}_0123456789abcdefghij")).collect();
    let mut add = |n: usize, change: fn(&mut weir_config::Key)| {
        let mut refused = key(&format!("z{n}"), &texts[n]);
        change(&mut refused);
        config.0.keys.push(Arc::new(refused));
    };
    add(0, |key| key.suspended = true);
    add(1, |key| key.expires_at = Some(UnixSeconds(now() - 1)));
    add(2, |key| key.digests[0].not_after = Some(UnixSeconds(now())));
    add(3, |key| key.digests.clear());
    world.running().apply(config.0.clone());
    let bearer = |text: &str| ("authorization".to_owned(), format!("Bearer {text}"));
    let mut cases: Vec<Vec<(String, String)>> = vec![
        vec![],
        vec![("authorization".to_owned(), "Bearer".to_owned())],
        vec![("authorization".to_owned(), "Bearer ".to_owned())],
        vec![("authorization".to_owned(), KEY.to_owned())],
        vec![("authorization".to_owned(), format!("Basic {KEY}"))],
        vec![("authorization".to_owned(), format!("Bearer{KEY}"))],
        vec![("x-api-key".to_owned(), String::new())],
        vec![("x-api-key".to_owned(), format!("Bearer {KEY}"))],
        vec![("x-api-key".to_owned(), Digest::of(KEY.as_bytes()).to_string())],
        vec![("cookie".to_owned(), format!("key={KEY}"))],
        vec![bearer(&KEY.to_uppercase())],
        vec![bearer(&format!("{KEY}x"))],
        vec![bearer(&KEY[..KEY.len() - 1])],
        vec![bearer(GARBAGE), ("x-api-key".to_owned(), texts[0].clone())],
    ];
    cases.extend(texts.iter().map(|text| vec![bearer(text)]));
    let mut answers = std::collections::BTreeSet::new();
    for case in &cases {
        let mut request = world.client.post(world.url("/v1/chat/completions")).body(unary().to_string());
        for (name, value) in case {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{case:?}");
        let mut headers = response.headers().clone();
        assert!(headers.remove("x-request-id").is_some());
        headers.remove("date");
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        answers.insert((headers, response.text().await.unwrap()));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let (_, body) = answers.pop_first().unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"]["type"], "authentication_error");
    assert_eq!(body["error"]["code"], "invalid_api_key");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn s10_5_a_key_in_the_url_is_no_key() {
    let (_upstream, _config, world) = world();
    for query in ["key", "api_key", "api-key"] {
        let url = world.url(&format!("/v1/chat/completions?{query}={KEY}"));
        let status = world.client.post(url).body(unary().to_string()).send().await.unwrap().status();
        assert_eq!(status, 401, "{query}");
    }
}

#[tokio::test]
async fn s10_5_texts_end_at_their_own_time_and_the_key_at_its() {
    let (_upstream, mut config, world) = world();
    let old = "weir_rotated_key_old_0123456789abcdefgh";
    let new = "weir_rotated_key_new_0123456789abcdefgh";
    let digest = |text: &str, not_after| KeyDigest { sha256: Digest::of(text.as_bytes()), not_after };
    let mut rotated = key("rotated", old);
    rotated.digests = vec![digest(old, Some(UnixSeconds(now() + 3600))), digest(new, None)];
    config.0.keys.push(Arc::new(rotated.clone()));
    let statuses = async |config: &Config| {
        world.running().apply(config.0.clone());
        let status = async |text| ask(&world, &[("x-api-key", text)]).await.0;
        (status(old).await, status(new).await)
    };
    assert_eq!(statuses(&config).await, (200, 200), "both are valid in the overlap");
    let both = [("x-api-key", old), ("api-key", new)];
    assert_eq!(ask(&world, &both).await.0, 200, "two texts of one key are one key");
    let last = config.0.keys.len() - 1;
    Arc::make_mut(&mut config.0.keys[last]).digests[0].not_after = Some(UnixSeconds(now()));
    assert_eq!(statuses(&config).await, (401, 200));
    Arc::make_mut(&mut config.0.keys[last]).expires_at = Some(UnixSeconds(now() + 3600));
    assert_eq!(statuses(&config).await, (401, 200));
    Arc::make_mut(&mut config.0.keys[last]).expires_at = Some(UnixSeconds(now()));
    assert_eq!(statuses(&config).await, (401, 401));
    // A text that is refused does not make another ambiguous.
    assert_eq!(ask(&world, &[("x-api-key", new), ("api-key", KEY)]).await.0, 200);
}

#[tokio::test]
async fn s10_5_models_are_listed_with_the_same_keys() {
    let (_upstream, _config, world) = world();
    for (header, value, status) in [
        ("x-api-key", KEY, 200),
        ("x-goog-api-key", KEY, 200),
        ("x-api-key", GARBAGE, 401),
        ("accept", "*/*", 401),
    ] {
        let response = world.client.get(world.url("/v1/models")).header(header, value).send().await.unwrap();
        assert_eq!(response.status(), status, "{header}");
        assert!(response.headers().contains_key("x-request-id"));
    }
}
