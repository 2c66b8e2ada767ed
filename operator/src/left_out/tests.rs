use super::*;
use serde_json::json;
use std::sync::Arc;
use weir_compile::{Input, compile};
use weir_config::published::{FORMATS, encode};

/// A field that format 1 has no word for.
fn field() -> LeftOut {
    lacking(1)
}

/// What `format` has no word for: a field, and from 2 on an account.
fn lacking(format: u32) -> LeftOut {
    fn read<T: serde::de::DeserializeOwned>(name: &str, spec: serde_json::Value) -> Arc<T> {
        let metadata = json!({"name": name, "namespace": "a"});
        let object =
            json!({"apiVersion": "weir.dev/v1alpha1", "kind": "", "metadata": metadata, "spec": spec});
        Arc::new(serde_json::from_value(object).unwrap())
    }
    let target = |name: &str| json!({"name": name, "providerRef": {"name": name}, "model": "m"});
    let anthropic = json!({"vendor": "Anthropic", "credentials": {"none": {}}});
    let input = Input {
        gateways: vec![read("default", json!({}))],
        providers: vec![
            read("a", anthropic),
            read("p", json!({"vendor": "Mock", "timeouts": {"firstToken": "30s"}})),
        ],
        routes: vec![read("r", json!({"model": "chat", "targets": [target("a"), target("p")]}))],
        ..Input::default()
    };
    let snapshot = compile(&input).gateways.into_values().next().unwrap();
    encode(&snapshot, None, format).unwrap().left_out.pop().unwrap()
}

/// What is said if these pods read what is published in format 1; `None` has not said what it reads.
fn said(left: &LeftOut, pods: &[(&str, bool, Option<&'static [u32]>)]) -> String {
    said_in(1, left, pods)
}

fn said_in(format: u32, left: &LeftOut, pods: &[(&str, bool, Option<&'static [u32]>)]) -> String {
    let pod = |(name, leaving, reads): &(&str, bool, Option<&'static [u32]>)| {
        let (uid, name, leaving) = ((*name).to_owned(), (*name).to_owned(), *leaving);
        (GatewayPod { uid, name, admin: None, ready: !leaving, leaving }, *reads)
    };
    let pods: Vec<_> = pods.iter().map(pod).collect();
    why(&ObjectName::new("a", "default"), left, format, pods.iter().map(|(pod, reads)| (pod, *reads)))
}

#[test]
fn s8_11_it_is_said_what_waits_and_for_which_pod() {
    let (field, all) = (field(), Some(FORMATS));
    let older =
        said(&field, &[("mute", false, None), ("old-b", false, Some(&[1])), ("old-a", false, Some(&[1]))]);
    assert!(older.starts_with("pod old-a of LLMGateway a/default is of an older version"), "{older}");
    assert!(older.contains("timeouts.firstToken") && older.contains("spec.image"), "{older}");
    assert!(older.contains("whatever else of the object they run"), "{older}");
    let leaving = said(&field, &[("old", true, Some(&[1])), ("new", false, all)]);
    assert!(leaving.starts_with("pod old ") && leaving.ends_with("wait until it is gone"), "{leaving}");
    let whole = said(&LeftOut { whole: true, ..field.clone() }, &[("old", false, Some(&[1]))]);
    assert!(whole.contains("none of its pods serves the object"), "{whole}");
}

/// To update it would help nothing.
#[test]
fn s8_11_a_pod_that_has_not_said_what_it_reads_is_not_called_older() {
    let field = field();
    let mute = said(&field, &[("new", false, Some(FORMATS)), ("mute", false, None)]);
    assert!(mute.starts_with("pod mute of LLMGateway a/default has not said"), "{mute}");
    assert!(mute.contains("admin port") && !mute.contains("update"), "{mute}");
    let nobody = said(&field, &[("new", false, Some(FORMATS))]);
    assert!(nobody.contains("published anew in a moment") && !nobody.contains("pod new"), "{nobody}");
}

/// Those of the version between are not waited for before those for whom its format is not written.
#[test]
fn s8_11_of_pods_of_three_versions_the_oldest_is_waited_for_first() {
    let between = ("between", false, Some(&[1, 2][..]));
    let newest = ("newest", false, Some(&[1, 2, 3][..]));
    let (field, account) = (field(), lacking(2));
    let first = said_in(1, &field, &[between, ("old", false, Some(&[1])), newest]);
    assert!(first.starts_with("pod old of LLMGateway a/default is of an older version"), "{first}");
    let then = said_in(2, &account, &[newest, between]);
    assert!(then.starts_with("pod between of LLMGateway a/default is of an older version"), "{then}");
    assert!(then.contains("cannot be told of vendor Anthropic"), "{then}");
    assert!(then.contains("none of its pods serves the object"), "{then}");
}
