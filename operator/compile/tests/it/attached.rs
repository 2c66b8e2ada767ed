//! What the operator's report is made from: one world in which every kind of thing is attached, skipped or neither.

use crate::load;
use weir_compile::{Attachments, Code, KeyText, Kind, Skipped, TargetState, compile};
use weir_config::{ObjectName, UnixSeconds};

const WORLD: &str = r#"
{apiVersion: weir.dev/v1alpha1, kind: LLMGateway, metadata: {name: default}, spec: {}}
---
{apiVersion: weir.dev/v1alpha1, kind: LLMGateway, metadata: {name: idle}, spec: {}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: good}
spec: {vendor: Mock, models: [{name: a}, {name: b}]}
---
{apiVersion: weir.dev/v1alpha1, kind: LLMProvider, metadata: {name: resting}, spec: {vendor: Mock, suspend: true}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: broken}
spec: {vendor: OpenAI, credentials: {apiKeySecretRef: {name: gone, key: k}}, models: [{name: a}]}
---
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  model: chat
  targets:
    - {name: good, providerRef: {name: good}, model: a}
    - {name: resting, providerRef: {name: resting}}
    - {name: broken, providerRef: {name: broken}, model: a}
    - {name: gone, providerRef: {name: gone}}
    - {name: unknown, providerRef: {name: good}, model: z}
---
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: late, creationTimestamp: "2026-01-02T00:00:00Z"}
spec: {model: chat, targets: [{name: main, providerRef: {name: good}, model: a}]}
---
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: lost}
spec: {gatewayRef: {name: nowhere}, model: lost, targets: [{name: main, providerRef: {name: good}, model: b}]}
---
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: app}
spec: {source: {generate: {secretName: app}}, allowedModels: ["*"]}
---
apiVersion: v1
kind: Secret
metadata: {name: app}
stringData:
  digests.json: >-
    [{"id": "k7f3a", "sha256": "1111111111111111111111111111111111111111111111111111111111111111",
      "notAfter": "2027-01-01T00:00:00Z"},
     {"id": "q81bc", "sha256": "2222222222222222222222222222222222222222222222222222222222222222"},
     {"id": "not a label", "sha256": "3333333333333333333333333333333333333333333333333333333333333333"}]
---
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: waiting}
spec: {source: {generate: {secretName: waiting}}, allowedModels: ["*"]}
---
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: foreign}
spec: {tenant: other, source: {digests: [{sha256: "4444444444444444444444444444444444444444444444444444444444444444"}]}, allowedModels: ["*"]}
"#;

fn name(name: &str) -> ObjectName {
    ObjectName::new("default", name)
}

fn attachments() -> Attachments {
    compile(&load::input(&load::documents("attached.rs", WORLD))).attachments
}

#[test]
fn a_route_shows_each_target_and_why_it_is_not_available() {
    let chat = &attachments().routes[&name("chat")];
    assert_eq!(chat.gateway, Some(name("default")));
    let expected = [
        ("good", None),
        ("resting", Some(Code::ProviderSuspended)),
        ("broken", Some(Code::ProviderUnusable)),
        ("gone", Some(Code::ProviderNotFound)),
        ("unknown", Some(Code::ModelNotOffered)),
    ];
    let expected = expected.map(|(name, unavailable)| TargetState { name: name.to_owned(), unavailable });
    assert_eq!(chat.targets, expected);
}

#[test]
fn a_provider_counts_its_models_and_the_routes_that_name_it() {
    let attachments = attachments();
    let good = &attachments.providers[&name("good")];
    assert_eq!((good.models, good.routes), (2, 3), "served or not");
    assert_eq!(good.gateways, [name("default")].into());
    let broken = &attachments.providers[&name("broken")];
    assert_eq!((broken.models, broken.routes, broken.gateways.len()), (1, 1, 0));
}

#[test]
fn a_gateway_counts_what_it_serves_and_names_what_it_skips() {
    let attachments = attachments();
    let gateway = &attachments.gateways[&name("default")];
    assert_eq!((gateway.providers, gateway.routes, gateway.keys), (2, 1, 1));
    let skipped = [
        (Kind::Provider, "broken", Code::SecretNotFound),
        (Kind::Route, "late", Code::ModelNameConflict),
        (Kind::Key, "foreign", Code::TenantNotAllowed),
        (Kind::Key, "waiting", Code::KeyPending),
    ];
    let skipped = skipped.map(|(kind, it, code)| Skipped { object: (kind, name(it)), code });
    assert_eq!(gateway.skipped, skipped);
    let idle = &attachments.gateways[&name("idle")];
    assert!(gateway.is_referenced && !idle.is_referenced && idle.skipped.is_empty());
}

#[test]
fn a_key_shows_its_texts_by_labels_that_are_no_secret() {
    let attachments = attachments();
    let texts = &attachments.keys[&name("app")].texts;
    let expected = [("k7f3a", Some(UnixSeconds(1_798_761_600))), ("q81bc", None), ("333333333333", None)];
    let expected = expected.map(|(id, not_after)| KeyText { id: id.to_owned(), not_after });
    assert_eq!(texts.as_slice(), expected);
    assert_eq!(attachments.keys[&name("foreign")].gateway, None);
    assert_eq!(attachments.keys[&name("foreign")].texts.len(), 1);
}

#[test]
fn an_object_knows_its_gateways() {
    let attachments = attachments();
    let of = |kind, it: &str| attachments.gateways_of(kind, &name(it)).len();
    assert_eq!([of(Kind::Gateway, "default"), of(Kind::Gateway, "nowhere")], [1, 0]);
    assert_eq!([of(Kind::Provider, "good"), of(Kind::Provider, "broken")], [1, 0]);
    assert_eq!([of(Kind::Route, "chat"), of(Kind::Route, "late"), of(Kind::Route, "lost")], [1, 0, 0]);
    assert_eq!([of(Kind::Key, "app"), of(Kind::Key, "waiting"), of(Kind::Key, "unheard-of")], [1, 0, 0]);
}
