use super::*;

fn contents(text: &str) -> Contents {
    read(&"x.yaml".into(), text)
}

fn problems(text: &str) -> Vec<String> {
    contents(text).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn lists_are_taken_apart_and_their_items_keep_their_places() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: weir.dev/v1alpha1\n  kind: LLMRoute\n  metadata:\n    name: chat\n    namespace: team-a\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Secret, metadata: {name: s}}\n";
    let Contents { objects, .. } = contents(text);
    let shown: Vec<String> = objects.iter().map(|object| object.id.to_string()).collect();
    assert_eq!(shown, ["LLMRoute team-a/chat", "Secret default/s"]);
    assert_eq!(objects[0].origin.spot("/metadata/name").to_string(), "x.yaml:7:5");
    assert_eq!(objects[1].origin.spot("/metadata/name").place.line, 12);
}

#[test]
fn what_is_not_ours_is_named_and_passed_over() {
    let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: b, namespace: a}}\n";
    let Contents { foreign, objects, problems, incomplete } = contents(text);
    assert_eq!(foreign, ["ConfigMap a", "Deployment a/b"]);
    assert!(objects.is_empty() && problems.is_empty() && !incomplete);
}

#[test]
fn a_kind_or_version_of_ours_that_does_not_exist_is_an_error_with_a_hint() {
    let text = "kind: LLMRouter\napiVersion: weir.dev/v1alpha1\n---\nkind: LLMRoute\napiVersion: weir.dev/v1\n---\nkind: LLMRoute\napiVersion: weir.dev/v1alpha1\n---\nspec: {}\n";
    let problems = problems(text);
    assert_eq!(
        problems[0],
        "x.yaml:1:1: error: weir.dev/v1alpha1 has no kind \"LLMRouter\": did you mean LLMRoute?"
    );
    assert!(
        problems[1].starts_with("x.yaml:5:1: error: there is no version")
            && problems[1].ends_with("write weir.dev/v1alpha1")
    );
    assert!(problems[2].contains("metadata.name is missing"));
    assert!(problems[3].contains("no Kubernetes object"));
}

#[test]
fn a_secrets_values_are_decoded_and_never_quoted() {
    let read = |text: &str| secret(&contents(text).objects[0].value);
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    let data = read(&format!("{head}data: {{a: aGVsbG8=, b: eA==}}\nstringData: {{b: plain}}\n")).unwrap();
    assert_eq!(
        data,
        BTreeMap::from([("a".to_owned(), b"hello".to_vec()), ("b".to_owned(), b"plain".to_vec())])
    );
    let wrong = read(&format!("{head}data: {{a: 'hunter2!'}}\nstringData: {{b: 31337}}\n")).unwrap_err();
    assert_eq!(wrong.len(), 2);
    assert!(!format!("{wrong:?}").contains("hunter2") && !format!("{wrong:?}").contains("31337"));
}

#[test]
fn s8_15_a_secrets_base64_is_read_as_the_api_server_reads_it() {
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    let read = |text: &str| secret(&contents(&format!("{head}{text}")).objects[0].value);
    let data = read(
        "data:\n  a: |\n    aGVs\n    bG8=\n  b: \"aGVs\\r\\nbG8=\"\n  c: eB==\n  d:\nstringData: {e: }\n",
    )
    .unwrap();
    let wanted = [("a", "hello"), ("b", "hello"), ("c", "x"), ("d", ""), ("e", "")];
    assert_eq!(data, wanted.map(|(key, text)| (key.to_owned(), text.as_bytes().to_vec())).into());
    // A folded text has blanks where its lines met, which the server refuses.
    for wrong in ["aGVs\n    bG8=", "aGVsbG8", "aGVsbG8=x", "a-_=", "1"] {
        let wrong = read(&format!("data:\n  k: {wrong}\n")).unwrap_err();
        assert_eq!(wrong, [("/data/k".to_owned(), "must be base64: plain text goes under stringData")]);
    }
}

#[test]
fn s8_15_json_that_is_indented_by_tabs_keeps_its_places() {
    let text =
        "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Secret\",\n\t\"metadata\": {\t\"name\": \"s\"}\n}";
    let spot = read(&"x.json".into(), text).objects[0].origin.spot("/metadata/name");
    assert_eq!(spot.to_string(), "x.json:4:16");
    let twice = text.replace("\"kind\"", "\"apiVersion\"");
    assert_eq!(
        problems(&twice),
        ["x.yaml:3:2: error: \"apiVersion\" is here for the second time, first in line 2: remove one"]
    );
}

#[test]
fn s8_15_a_file_called_json_may_hold_yaml() {
    let file = "x.json".into();
    let text = "# as kubectl takes it\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n";
    let contents = read(&file, text);
    assert_eq!(contents.objects[0].origin.spot("/metadata/name").to_string(), "x.json:5:3");
    let flow = read(&file, "{apiVersion: v1, kind: Secret, metadata: {name: s}}");
    assert!(flow.objects.is_empty() && flow.problems[0].message.contains("no JSON"), "{flow:?}");
}

#[test]
fn json_that_yaml_cannot_read_is_read_as_json() {
    let text = "{\n\t\"apiVersion\": \"v1\", \"kind\": \"Secret\",\n\t\"metadata\": {\"name\": \"s\"}, \"stringData\": {\"x\": \"\\ud83d\\ude00\"}\n}";
    let contents = read(&"x.json".into(), text);
    assert_eq!(secret(&contents.objects[0].value).unwrap()["x"], "😀".as_bytes());
    let broken = read(&"x.json".into(), "{\n  \"a\": 1,\n  oops\"\n}");
    assert_eq!(broken.problems[0].spot.as_ref().unwrap().place.line, 3, "{:?}", broken.problems);
}

#[test]
fn a_namespace_is_in_no_namespace_and_its_labels_are_texts() {
    let text =
        |labels: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: a, labels: {labels}}}\n");
    let object = |labels| contents(&text(labels)).objects.remove(0);
    assert_eq!(object("{}").id.to_string(), "Namespace a");
    let read = labels(&object("{team: a, llm: \"true\"}").value).unwrap();
    assert_eq!(
        read,
        BTreeMap::from([("team", "a"), ("llm", "true")].map(|(a, b)| (a.to_owned(), b.to_owned())))
    );
    assert_eq!(labels(&object("null").value), Ok(BTreeMap::new()));
    let wrong = labels(&object("{x/llm: true}").value).unwrap_err();
    assert_eq!(wrong, [("/metadata/labels/x~1llm".to_owned(), "must be text: put it in quotes")]);
}
