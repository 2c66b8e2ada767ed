//! Manifests that are wrong: what `up` and `lint` say of them.

use crate::process::{KEY, PROVIDER, ROUTE, Up, folder, run, weir};
use std::path::Path;

/// Exit code and all that is said.
fn up(manifests: &Path) -> (Option<i32>, String) {
    let state = folder([]);
    let (code, out, errors) = run(weir()
        .arg("up")
        .arg(manifests)
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state"])
        .arg(state.path()));
    (code, out + &errors)
}

fn lint(manifests: &Path) -> (Option<i32>, String) {
    let (code, out, errors) = run(weir().arg("lint").arg(manifests));
    (code, out + &errors)
}

/// Both refuse `text`, in the file x.yaml, and say each of `parts`.
fn refused(text: &str, parts: &[&str]) {
    let folder = folder([("x.yaml", text)]);
    for (code, said) in [up(folder.path()), lint(folder.path())] {
        assert_eq!(code, Some(1), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part} in:\n{said}");
        }
    }
}

#[test]
fn text_that_is_no_yaml() {
    refused("kind: LLMRoute\nspec: {a: [1, 2}\n", &["x.yaml:2:", "error: this is no YAML"]);
}

#[test]
fn a_field_that_does_not_exist() {
    refused(
        &PROVIDER.replace("  vendor: Mock", "  vendor: Mock\n  suspnd: true"),
        &[
            "x.yaml:7:3: error: LLMProvider default/mock spec.suspnd: unknown field",
            "did you mean \"suspend\"?",
        ],
    );
}

#[test]
fn a_value_that_is_not_allowed() {
    refused(&PROVIDER.replace("Mock", "Mok"), &["x.yaml:6:3: ", "did you mean \"Mock\"?"]);
}

#[test]
fn an_address_that_is_none() {
    let endpoint =
        "vendor: OpenAICompatible\n  credentials: {none: {}}\n  endpoint:\n    url: ftp://example.com/v1";
    refused(
        &PROVIDER.replace("vendor: Mock", endpoint),
        &["x.yaml:9:5: ", "spec.endpoint.url: must be an absolute URL"],
    );
}

#[test]
fn s8_15_a_number_that_is_no_whole_one_is_refused_at_its_place() {
    for (number, why) in [
        ("60.5", "must be of type integer: \"number\": write a whole number"),
        ("\"60\"", "must be of type integer: \"string\": write it without quotes"),
        ("0.0", "should be greater than or equal to 1"),
    ] {
        let key = format!("{KEY}  limits:\n    requestsPerMinute: {number}\n");
        let place = "x.yaml:10:5: error: LLMKey default/app spec.limits.requestsPerMinute: ";
        refused(&key, &[place, why]);
    }
}

#[test]
fn s8_15_base64_that_is_none_is_refused_at_its_place() {
    let secret =
        "apiVersion: v1\r\nkind: Secret\r\nmetadata: {name: s}\r\ndata:\r\n  a: aGVsbG8=\r\n  b: hello!\r\n";
    refused(secret, &["x.yaml:6:3: error: Secret default/s data.b: must be base64"]);
}

#[test]
fn a_bare_on_that_kubectl_reads_as_true() {
    refused(
        &ROUTE.replace("model: chat", "model: on"),
        &["x.yaml:6:3: ", "spec.model: must be of type string"],
    );
}

#[test]
fn a_kind_that_does_not_exist() {
    refused(&PROVIDER.replace("LLMProvider", "LLMProvder"), &["x.yaml:2:1: ", "did you mean LLMProvider?"]);
    refused(&PROVIDER.replace("v1alpha1", "v1"), &["x.yaml:1:1: ", "write weir.dev/v1alpha1"]);
}

#[test]
fn an_object_that_is_there_twice() {
    refused(&[PROVIDER, PROVIDER].join("---\n"), &["x.yaml:11:3: ", "x.yaml:4:3 already"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = [PROVIDER.replace("Mock", "Mok"), ROUTE.replace("model:", "modle:"), "a: 1\n".to_owned()]
        .join("---\n");
    refused(&text, &["x.yaml:6:3", "x.yaml:13:3", "x.yaml:18:1"]);
}

#[test]
fn a_path_that_leads_nowhere() {
    let folder = folder([]);
    for path in [folder.path().join("missing.yaml"), folder.path().to_owned()] {
        for (code, said) in [up(&path), lint(&path)] {
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains(path.to_str().unwrap()), "{said}");
        }
    }
}

/// What compile finds is no reason not to start: the rest serves (semantics S8.6).
fn served(text: &str, parts: &[&str]) -> Up {
    let folder = folder([("x.yaml", text)]);
    let (code, said) = lint(folder.path());
    assert_eq!(code, Some(1), "{said}");
    let up = Up::start(folder.path());
    let line = up.hears(parts[0]);
    for part in parts {
        assert!(line.contains(part) && said.contains(part), "{part} in:\n{line}\n{said}");
    }
    up
}

#[test]
fn a_secret_that_is_missing() {
    let credentials =
        "vendor: OpenAI\n  credentials:\n    apiKeySecretRef:\n      name: openai\n      key: api-key";
    let provider = PROVIDER.replace("vendor: Mock", credentials);
    let text = [&provider, ROUTE, KEY].join("---\n");
    let up = served(&text, &["SecretNotFound", "x.yaml:9:7: error WEIR0103", "LLMProvider default/mock"]);
    assert_eq!(up.chat("chat").0, 503);
}

#[test]
fn two_routes_with_one_model_name() {
    let text = [PROVIDER, ROUTE, &ROUTE.replace("name: chat", "name: talk"), KEY].join("---\n");
    let up = served(&text, &["ModelNameConflict", "x.yaml:23:3: error WEIR0301", "LLMRoute default/talk"]);
    assert_eq!(up.chat("chat").0, 200);
}
