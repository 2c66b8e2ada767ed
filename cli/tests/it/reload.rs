//! Edits, while it runs.

use crate::process::{KEY, PROVIDER, ROUTE, Up, eventually, folder, shop, weir};
use std::fs;

#[test]
fn an_edit_applies_on_save() {
    let shop = shop();
    let up = Up::start(shop.path());
    assert_eq!((up.chat("chat").0, up.chat("other").0), (200, 404));
    fs::write(shop.path().join("route.yaml"), ROUTE.replace("model: chat", "model: other")).unwrap();
    let line = up.hears("reloaded");
    assert!(line.contains("generation 2") && line.contains("changed LLMRoute default/chat"), "{line}");
    assert_eq!((up.chat("chat").0, up.chat("other").0), (404, 200));
}

#[test]
fn an_editor_that_saves_by_renaming_is_seen_also_where_the_file_alone_is_named() {
    let shop = shop();
    let file = shop.path().join("all.yaml");
    fs::write(&file, [PROVIDER, ROUTE, KEY].join("---\n")).unwrap();
    let up = Up::start(&file);
    for (round, model) in ["second", "third"].into_iter().enumerate() {
        let new = shop.path().join("all.yaml~");
        fs::write(
            &new,
            [PROVIDER, &ROUTE.replace("model: chat", &format!("model: {model}")), KEY].join("---\n"),
        )
        .unwrap();
        fs::rename(new, &file).unwrap();
        let line = up.hears("reloaded");
        assert!(line.contains(&format!("generation {}", round + 2)), "{line}");
        assert_eq!(up.chat(model).0, 200);
    }
}

#[test]
fn new_files_in_new_folders_are_seen_and_removed_ones_are_gone() {
    let shop = shop();
    let up = Up::start(shop.path());
    let below = shop.path().join("more/of/them");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("route.yaml"), ROUTE.replace("chat", "more")).unwrap();
    assert!(up.hears("reloaded").contains("new LLMRoute default/more"));
    assert_eq!(up.chat("more").0, 200);
    fs::remove_dir_all(shop.path().join("more")).unwrap();
    assert!(up.hears("reloaded").contains("removed LLMRoute default/more"));
    assert_eq!((up.chat("more").0, up.chat("chat").0), (404, 200));
}

#[test]
fn an_edit_that_the_schema_refuses_changes_nothing_and_is_named_with_its_line() {
    let shop = shop();
    let up = Up::start(shop.path());
    fs::write(shop.path().join("route.yaml"), ROUTE.replace("  model: chat", "  modle: chat")).unwrap();
    let line = up.hears("unknown field");
    assert!(line.contains("route.yaml:6:3: error: LLMRoute default/chat spec.modle: "), "{line}");
    assert!(line.contains("did you mean \"model\"?"), "{line}");
    let place = "error: LLMRoute default/chat spec.modle: ";
    eventually("the status names it", || trouble(&up).contains(place));
    assert_eq!(up.chat("chat").0, 200);
    // Others' edits apply meanwhile, and the repaired one does, too.
    fs::write(shop.path().join("other.yaml"), ROUTE.replace("chat", "other")).unwrap();
    assert!(up.hears("reloaded").contains("generation 2"));
    assert_eq!((up.chat("chat").0, up.chat("other").0), (200, 200));
    fs::write(shop.path().join("route.yaml"), ROUTE.replace("model: chat", "model: repaired")).unwrap();
    assert!(up.hears("reloaded").contains("generation 3"));
    assert_eq!(up.chat("repaired").0, 200);
    eventually("nothing is wrong", || trouble(&up) == "null");
}

/// What `/status` says of the manifests.
fn trouble(up: &Up) -> String {
    let (status, text) = up.get("admin_url", "/status");
    assert_eq!(status, 200);
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    told["source"]["problem"].as_str().map_or_else(|| told["source"]["problem"].to_string(), str::to_owned)
}

#[test]
fn a_removed_key_closes_though_a_new_one_cannot_be_made_which_is_tried_again() {
    let (shop, state) = (shop(), folder([]));
    let up = Up::start_with(weir().arg("up").arg(shop.path()).arg("--state").arg(state.path()));
    // A folder is where the key would be kept.
    let kept = state.path().join("keys/default/other.key");
    fs::create_dir(&kept).unwrap();
    fs::remove_file(shop.path().join("key.yaml")).unwrap();
    let other = KEY.replace("app", "other");
    fs::write(shop.path().join("other.yaml"), other).unwrap();
    assert!(up.hears("other.key cannot be read").contains("other.yaml:7:16: error: LLMKey default/other"));
    assert!(up.hears("removed LLMKey default/app").contains("reloaded"));
    assert_eq!(up.chat("chat").0, 401);
    fs::remove_dir(&kept).unwrap();
    up.hears("reloaded");
    assert!(kept.is_file());
}

#[test]
fn its_own_usage_log_is_no_manifest() {
    let (shop, state) = (shop(), folder([]));
    let log = shop.path().join("usage.json");
    let mut command = weir();
    command.arg("up").arg(shop.path()).arg("--state").arg(state.path()).arg("--usage-log").arg(&log);
    let up = Up::start_with(&mut command);
    assert_eq!(up.chat("chat").0, 200);
    eventually("the request is logged", || fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n')));
    // A manifest that is wrong would be named no later than a removal after it.
    fs::remove_file(shop.path().join("route.yaml")).unwrap();
    let said = up.hears_after("removed");
    assert!(said.iter().all(|line| !line.contains("usage.json")), "{said:?}");
}

#[test]
fn what_is_wrong_is_said_once_for_as_long_as_it_holds() {
    let shop = shop();
    let up = Up::start(shop.path());
    let wrong = ROUTE.replace("  model: chat", "  modle: chat");
    fs::write(shop.path().join("route.yaml"), &wrong).unwrap();
    up.hears("unknown field");
    fs::write(shop.path().join("other.yaml"), ROUTE.replace("chat", "other")).unwrap();
    let others = up.hears_after("reloaded");
    assert!(others.iter().all(|line| !line.contains("unknown field")), "{others:?}");
    fs::write(shop.path().join("route.yaml"), ROUTE.replace("model: chat", "model: mended")).unwrap();
    up.hears("changed LLMRoute default/chat");
    fs::write(shop.path().join("route.yaml"), &wrong).unwrap();
    up.hears("unknown field");
}

#[test]
fn a_file_that_does_not_parse_keeps_its_objects() {
    let shop = shop();
    let up = Up::start(shop.path());
    fs::write(shop.path().join("route.yaml"), format!("{ROUTE}\n  bad: [\n")).unwrap();
    let line = up.hears("no YAML");
    assert!(line.contains("route.yaml:1"), "{line}");
    assert_eq!(up.chat("chat").0, 200);
}

#[test]
fn s8_6_a_route_whose_provider_is_gone_answers_503_and_the_finding_has_its_line() {
    let shop = shop();
    let up = Up::start(shop.path());
    fs::remove_file(shop.path().join("provider.yaml")).unwrap();
    let line = up.hears("ProviderNotFound");
    assert!(line.contains("route.yaml:9:21: error WEIR0303"), "{line}");
    up.hears("reloaded");
    assert_eq!(up.chat("chat").0, 503);
    fs::write(shop.path().join("provider.yaml"), PROVIDER).unwrap();
    up.hears("reloaded");
    assert_eq!(up.chat("chat").0, 200);
}

#[test]
fn s8_3_a_running_stream_does_not_notice_an_edit() {
    let shop = shop();
    let slow = format!("{PROVIDER}  mock: {{reply: Lorem, tokensPerSecond: 100}}\n");
    fs::write(shop.path().join("provider.yaml"), slow).unwrap();
    let up = Up::start(shop.path());
    let mut answer = up.begin(r#"{"model":"chat","stream":true,"messages":[{"role":"user","content":"x"}]}"#);
    let first = answer.first();
    assert!(first.contains("200 OK"), "{first}");
    fs::remove_file(shop.path().join("route.yaml")).unwrap();
    up.hears("reloaded");
    assert_eq!(up.chat("chat").0, 404);
    assert!(answer.rest().contains("[DONE]"));
}

#[test]
fn a_named_file_that_is_gone_keeps_its_objects_and_one_of_a_folder_does_not() {
    let shop = shop();
    let named = ["provider.yaml", "route.yaml", "key.yaml"].map(|name| shop.path().join(name));
    let state = folder([]);
    let by_name = Up::start_with(weir().arg("up").args(&named).arg("--state").arg(state.path()));
    let by_folder = Up::start(shop.path());
    fs::remove_file(shop.path().join("route.yaml")).unwrap();
    assert!(by_name.hears("route.yaml cannot be read").contains("error"));
    assert!(by_folder.hears("reloaded").contains("removed LLMRoute default/chat"));
    assert_eq!((by_name.chat("chat").0, by_folder.chat("chat").0), (200, 404));
}
