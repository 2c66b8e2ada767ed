//! `weir lint`.

use crate::process::{KEY, PROVIDER, ROUTE, folder, run, shop, weir};
use serde_json::Value;

#[test]
fn the_quickstart_is_clean() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart");
    let (code, out, errors) = run(weir().args(["lint", "--fail-on", "warn", "-f", path]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(out.contains("3 files, 4 objects: 0 errors, 0 warnings"), "{out}");
}

#[test]
fn the_vendors_are_clean_once_their_secrets_are_there() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/vendors");
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: anthropic}\nstringData: {api-key: sk-fake}\n";
    let secrets = folder([("secrets.yaml", secret)]);
    let (code, out, errors) = run(weir().args(["lint", "--fail-on", "warn", path]).arg(secrets.path()));
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("0 errors, 0 warnings"), "{out}");
    // It has prices, those of cache writes too.
    assert!(!out.contains("Unpriced"), "{out}");
}

#[test]
fn the_level_decides_what_fails() {
    let shop = shop();
    let private = PROVIDER.replace(
        "vendor: Mock",
        "vendor: OpenAICompatible\n  endpoint: {url: 'https://10.1.2.3/v1'}\n  credentials: {none: {}}",
    );
    std::fs::write(shop.path().join("provider.yaml"), private).unwrap();
    for (level, code) in [("error", 0), ("warn", 1)] {
        let (found, out, _) = run(weir().arg("lint").arg(shop.path()).args(["--fail-on", level]));
        assert_eq!(found, Some(code), "{out}");
        assert!(out.contains("warning WEIR0204 EgressRefused"), "{out}");
    }
    assert_eq!(run(weir().args(["lint", "--fail-on", "sometimes", "x"])).0, Some(2));
    assert_eq!(run(weir().arg("lint")).0, Some(2));
}

#[test]
fn json_has_every_problem_with_its_place() {
    let text = [
        PROVIDER,
        &ROUTE.replace("name: mock}", "name: mok}"),
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n",
    ]
    .join("---\n");
    let folder = folder([("x.yaml", &text)]);
    let (code, out, _) = run(weir().arg("lint").arg(folder.path()).args(["-o", "json"]));
    assert_eq!(code, Some(1));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["passed_over"], serde_json::json!(["ConfigMap c"]));
    let problems = report["problems"].as_array().unwrap();
    let errors = problems.iter().filter(|problem| problem["severity"] == "error").count();
    assert_eq!((report["errors"].as_u64(), report["objects"].as_u64()), (Some(errors as u64), Some(2)));
    let missing = problems.iter().find(|problem| problem["reason"] == "ProviderNotFound").unwrap();
    assert_eq!((missing["line"].as_u64(), missing["column"].as_u64()), (Some(16), Some(21)));
    assert_eq!(missing["object"], "LLMRoute default/chat");
    assert_eq!(missing["field"], "spec.targets[0].providerRef.name");
    assert!(missing["file"].as_str().unwrap().ends_with("x.yaml"));
}

#[test]
fn s10_10_no_value_of_a_secret_is_ever_printed() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: 'hunter2-hunter2!'}\nstringData: {b: hunter2-hunter2, b: 1}\n";
    let short = "apiVersion: v1\nkind: Secret\nmetadata: {name: app}\nstringData: {llm: hunter2}\n";
    let key = KEY.replace("generate: {secretName: app}", "secretRef: {name: app, key: llm}");
    let folder = folder([("bad.yaml", secret), ("key.yaml", &[&key, short].join("---\n"))]);
    for format in ["text", "json"] {
        let (code, out, errors) = run(weir().arg("lint").arg(folder.path()).args(["-o", format]));
        assert_eq!(code, Some(1));
        assert!(out.contains("bad.yaml") && out.contains("InvalidKey"), "{out}");
        assert!(!out.contains("hunter2") && !errors.contains("hunter2"), "{out}{errors}");
    }
}

#[test]
fn every_namespace_has_its_implied_gateway_and_other_names_must_exist() {
    let in_team = |text: &str| text.replace("metadata:\n", "metadata:\n  namespace: team-a\n");
    let text = [in_team(PROVIDER), in_team(ROUTE), PROVIDER.to_owned(), ROUTE.to_owned()].join("---\n");
    let folder =
        folder([("x.yaml", &text), ("key.yaml", &KEY.replace("spec:", "spec:\n  gatewayRef: {name: prod}"))]);
    let (code, out, _) = run(weir().arg("lint").arg(folder.path()));
    assert_eq!(code, Some(1));
    assert_eq!(out.matches("NoMatchingGateway").count(), 1, "{out}");
    assert!(out.contains("key.yaml:6:16: error WEIR0101"), "{out}");
}

#[test]
fn s8_15_what_the_api_server_takes_is_clean() {
    let key = |name: &str, number: &str| {
        format!("\u{feff}{KEY}  limits: {{requestsPerMinute: {number}}}\n")
            .replace("name: app", &format!("name: {name}"))
    };
    let secret = |name: &str| {
        format!(
            r#"{{"apiVersion": "v1", "kind": "Secret", "metadata": {{"name": "{name}"}}, "data": {{"a": "aGVs\nbG8="}}}}"#
        )
    };
    let windows = [PROVIDER, ROUTE, KEY].join("---\n").replace('\n', "\r\n");
    let marked = format!("\u{feff}{}", secret("marked"));
    let folder = folder([
        ("float.yaml", &key("float", "60.0")),
        ("exponent.yaml", &key("exponent", "6e1")),
        ("windows.yaml", &windows),
        ("marked.json", &marked),
    ]);
    let powershell: Vec<u8> =
        format!("\u{feff}{}", secret("powershell")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("powershell.json"), powershell).unwrap();
    let (code, out, _) = run(weir().args(["lint", "--fail-on", "warn"]).arg(folder.path()));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("5 files, 7 objects: 0 errors, 0 warnings"), "{out}");
}

#[test]
fn s8_16_an_endpoint_with_a_calls_path_and_a_timer_that_outlasts_callers_are_hinted_at() {
    let provider = PROVIDER.replace(
        "vendor: Mock",
        "vendor: OpenAICompatible\n  endpoint: {url: 'https://llm.example.com/v1/chat/'}\n  credentials: {none: {}}\n  \
         timeouts: {total: 15m}",
    );
    let folder = folder([("x.yaml", &[&provider, ROUTE, KEY].join("---\n"))]);
    let (code, out, _) = run(weir().args(["lint", "--fail-on", "error"]).arg(folder.path()));
    assert_eq!(code, Some(0), "{out}");
    let url =
        "x.yaml:7:14: warning WEIR0205 EndpointBeyondBase: LLMProvider default/mock spec.endpoint.url: ";
    assert!(out.contains(url) && out.contains("leave /chat off"), "{out}");
    let total = "x.yaml:9:14: info WEIR0206 LongTotal: LLMProvider default/mock spec.timeouts.total: ";
    assert!(out.contains(total) && out.contains("3m for three"), "{out}");
    let modest = provider.replace("/v1/chat/", "/v1/").replace("15m", "3m");
    std::fs::write(folder.path().join("x.yaml"), [&modest, ROUTE, KEY].join("---\n")).unwrap();
    let (_, out, _) = run(weir().arg("lint").arg(folder.path()));
    assert!(!out.contains("WEIR0205") && !out.contains("WEIR0206"), "{out}");
}
