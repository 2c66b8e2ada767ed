//! Keys: made once, kept, shown.

use crate::process::{KEY, PROVIDER, ROUTE, Up, folder, request, shop, weir};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn s10_5_a_generated_key_is_the_same_after_a_restart() {
    let (shop, state) = (shop(), folder([]));
    let start = || Up::start_with(weir().arg("up").arg(shop.path()).arg("--state").arg(state.path()));
    let first = start().key().to_owned();
    let again = start();
    assert_eq!(again.key(), first);
    assert_eq!(again.chat("chat").0, 200);
    let file = state.path().join("keys/default/app.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(file).unwrap().trim_end(), first);
}

#[test]
fn the_state_folder_follows_the_environment() {
    let (shop, home) = (shop(), folder([]));
    let start = |name: &str| {
        Up::start_with(weir().arg("up").arg(shop.path()).env_remove("XDG_STATE_HOME").env(name, home.path()))
    };
    drop(start("XDG_STATE_HOME"));
    assert!(home.path().join("weir/keys/default/app.key").exists());
    drop(start("HOME"));
    assert!(home.path().join(".local/state/weir/keys/default/app.key").exists());
}

#[test]
fn a_key_in_a_secret_is_shown_and_one_of_digests_is_not() {
    let text = "team-key-0123456789abcdefghijklmnop";
    let brought = KEY.replace("generate: {secretName: app}", "secretRef: {name: mine, key: llm}");
    let secret =
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: mine}}\nstringData: {{llm: {text}}}\n");
    let elsewhere = KEY
        .replace("name: app\n", "name: elsewhere\n")
        .replace("generate: {secretName: app}", &format!("digests: [{{sha256: {}}}]", "ab".repeat(32)));
    let shop = folder([("all.yaml", &[PROVIDER, ROUTE, &brought, &secret, &elsewhere].join("---\n"))]);
    let up = Up::start(shop.path());
    assert_eq!(up.ready["keys"], serde_json::json!([{ "name": "default/app", "key": text }]));
    assert_eq!(up.chat("chat").0, 200);
}

#[test]
fn s8_7_a_key_that_is_removed_opens_nothing_any_more() {
    let shop = shop();
    let up = Up::start(shop.path());
    assert_eq!(up.chat("chat").0, 200);
    fs::remove_file(shop.path().join("key.yaml")).unwrap();
    up.hears("reloaded");
    assert_eq!(request(up.base_url(), "GET", "/models", Some(up.key()), "").finish().0, 401);
}
