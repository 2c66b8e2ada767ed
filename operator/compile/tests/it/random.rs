//! Strategies for manifests as JSON: what serde takes, and often enough more than the schema would.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const NAMESPACES: &[&str] = &["default", "b"];
const TEAMS: &[&str] = &["a", "b"];
const TENANTS: &[&str] = &["default", "b", "t"];
const NAMES: &[&str] = &["default", "x", "y"];
const MODELS: &[&str] = &["m", "n", "m/1", "o"];
const PUBLIC: &[&str] = &["m", "n", "m*", "m/1", "o", "o*"];
const DURATIONS: &[&str] = &["0s", "1s", "200ms", "1h30m", "99999h"];
const INSTANTS: &[&str] = &["2026-01-01T00:00:00Z", "2027-06-30T12:00:00.5+02:00"];
const PRICES: &[&str] = &["0", "2.50", "9000000"];
const DIGESTS: &[&str] = &[
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
];
const URLS: &[&str] = &[
    "https://a.example/v1",
    "http://a.example",
    "http://127.0.0.1:8000/v1",
    "https://10.1.2.3/v1",
    "https://169.254.169.254",
    "https://a.example/v1/chat",
    "https://u:p@a.example",
];
const SECRET_KEYS: &[&str] = &["k", "OPENAI_API_KEY", "digests.json"];
const SECRET_TEXTS: &[&str] = &[
    "sk-fake",
    "fake-key-of-at-least-32-characters-a",
    "fake-key-of-at-least-32-characters-b\n",
    r#"[{"id":"a","sha256":"1111111111111111111111111111111111111111111111111111111111111111"}]"#,
    r#"[{"id":"b","sha256":"22","notAfter":"never"}]"#,
];
const CLASSES: &[&str] = &["RateLimited", "Timeout", "ContentPolicy", "CallerFault"];

type Field = (&'static str, BoxedStrategy<Option<Value>>);

/// Mostly of the pool, now and then nonsense.
fn text(pool: &'static [&'static str]) -> BoxedStrategy<Value> {
    let nonsense = prop_oneof![any::<String>(), Just(String::new()), Just("*".to_owned()), "[ -~]{0,80}"];
    prop_oneof![24 => select(pool).prop_map(str::to_owned), 1 => nonsense].prop_map(Value::String).boxed()
}

fn must(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    value.prop_map(Some).boxed()
}

fn may(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    proptest::option::of(value).boxed()
}

fn rarely(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    proptest::option::weighted(0.15, value).boxed()
}

fn integer(pool: &'static [i64]) -> BoxedStrategy<Value> {
    prop_oneof![8 => select(pool), 1 => any::<i32>().prop_map(i64::from)].prop_map(Value::from).boxed()
}

fn boolean() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn list(item: BoxedStrategy<Value>, most: usize) -> BoxedStrategy<Value> {
    proptest::collection::vec(item, 0..=most).prop_map(Value::Array).boxed()
}

fn record(fields: Vec<Field>) -> BoxedStrategy<Value> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let with_names = move |values: Vec<Option<Value>>| {
        let pairs = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    values.prop_map(with_names).boxed()
}

fn reference() -> BoxedStrategy<Value> {
    record(vec![("name", must(text(NAMES))), ("namespace", rarely(text(NAMESPACES)))])
}

fn labels() -> BoxedStrategy<Value> {
    record(vec![("team", may(select(TEAMS).prop_map(Value::from))), ("llm", rarely(Just(json!("yes"))))])
}

fn allowed() -> BoxedStrategy<Value> {
    let select_from = select(&["Same", "All", "All", "Selector", "Selector"][..]).prop_map(Value::from);
    let selector = record(vec![("matchLabels", must(labels()))]);
    record(vec![("from", may(select_from)), ("selector", may(selector))])
}

fn secret_reference() -> BoxedStrategy<Value> {
    record(vec![("name", must(text(NAMES))), ("key", must(text(SECRET_KEYS)))])
}

fn timeouts() -> BoxedStrategy<Value> {
    let fields = ["connect", "firstByte", "firstToken", "idle", "total"];
    record(fields.map(|field| (field, rarely(text(DURATIONS)))).into())
}

fn fallback() -> BoxedStrategy<Value> {
    record(vec![
        ("onFailure", may(list(select(CLASSES).prop_map(Value::from).boxed(), 3))),
        ("maxAttempts", may(integer(&[1, 2, 32, 33]))),
        ("deadline", may(text(DURATIONS))),
    ])
}

fn retry() -> BoxedStrategy<Value> {
    let backoff = record(vec![("base", may(text(DURATIONS))), ("max", may(text(DURATIONS)))]);
    record(vec![("backoff", may(backoff)), ("budgetPercent", may(integer(&[0, 20, 101])))])
}

fn gateway() -> BoxedStrategy<Value> {
    let listener = record(vec![
        ("maxBodyBytes", may(text(&["32Mi", "1", "9999999999Gi", "1Gi"]))),
        ("drainTimeout", may(text(DURATIONS))),
        ("disclosure", may(select(&["Names", "None", "Full"][..]).prop_map(Value::from))),
    ]);
    let defaults =
        record(vec![("timeouts", may(timeouts())), ("fallback", may(fallback())), ("retry", may(retry()))]);
    let egress = record(vec![("allowPrivate", may(list(text(&["127.0.0.0/8", "10.0.0.0/8"]), 2)))]);
    let members = list(text(NAMESPACES), 2);
    let tenant = record(vec![("name", must(text(TENANTS))), ("namespaces", must(members))]);
    record(vec![
        ("listener", may(listener)),
        ("defaults", may(defaults)),
        ("egress", may(egress)),
        ("allowedNamespaces", may(record(vec![("routes", may(allowed())), ("keys", may(allowed()))]))),
        ("tenants", may(list(tenant, 2))),
    ])
}

fn provider() -> BoxedStrategy<Value> {
    let prices = record(vec![
        ("input", must(text(PRICES))),
        ("output", must(text(PRICES))),
        ("cacheRead", may(text(PRICES))),
        ("cacheWrite", rarely(text(PRICES))),
        ("cacheWrite1h", rarely(text(PRICES))),
    ]);
    let model = record(vec![
        ("name", must(text(MODELS))),
        ("upstreamName", rarely(text(MODELS))),
        ("contextWindow", may(integer(&[0, 128_000]))),
        ("maxOutputTokens", rarely(integer(&[0, 64_000]))),
        ("prices", may(prices)),
    ]);
    let credentials = prop_oneof![
        3 => Just(json!({"none": {}})),
        3 => secret_reference().prop_map(|reference| json!({"apiKeySecretRef": reference})),
        1 => secret_reference().prop_map(|reference| json!({"apiKeySecretRef": reference, "none": {}})),
    ];
    let mock = record(vec![
        ("latency", may(text(DURATIONS))),
        ("tokensPerSecond", may(integer(&[0, 50]))),
        ("errorRate", may(integer(&[0, 100]))),
        ("errorStatus", may(integer(&[429, 200]))),
    ]);
    record(vec![
        (
            "vendor",
            must(select(&["OpenAI", "Anthropic", "OpenAICompatible", "Mock"][..]).prop_map(Value::from)),
        ),
        ("endpoint", may(record(vec![("url", may(text(URLS))), ("allowInsecure", may(boolean()))]))),
        ("credentials", must(credentials)),
        ("models", may(list(model, 3))),
        ("timeouts", may(timeouts())),
        ("onAbort", rarely(select(&["Unknown", "Stops", "Continues"][..]).prop_map(Value::from))),
        ("suspend", rarely(boolean())),
        ("mock", may(mock)),
        ("allowedNamespaces", may(allowed())),
    ])
}

fn route() -> BoxedStrategy<Value> {
    let alias = record(vec![("name", must(text(MODELS))), ("hidden", rarely(boolean()))]);
    let target = record(vec![
        ("name", must(text(&["a", "b", "c"]))),
        ("providerRef", must(reference())),
        ("model", may(text(MODELS))),
        ("priority", may(integer(&[0, 1, -1, 1001]))),
    ]);
    record(vec![
        ("gatewayRef", rarely(reference())),
        ("model", must(text(PUBLIC))),
        ("aliases", may(list(alias, 2))),
        ("targets", must(list(target, 3))),
        ("fallback", may(fallback())),
        ("retry", may(retry())),
    ])
}

fn key() -> BoxedStrategy<Value> {
    let digest = record(vec![("sha256", must(text(DIGESTS))), ("notAfter", rarely(text(INSTANTS)))]);
    let generate = record(vec![("secretName", must(text(NAMES)))]);
    let source = prop_oneof![
        3 => record(vec![("digests", must(list(digest.clone(), 2)))]),
        3 => record(vec![("secretRef", must(secret_reference()))]),
        3 => record(vec![("generate", must(generate.clone()))]),
        1 => record(vec![("digests", may(list(digest, 2))), ("generate", may(generate))]),
    ];
    record(vec![
        ("gatewayRef", rarely(reference())),
        ("tenant", rarely(text(TENANTS))),
        ("source", must(source)),
        ("allowedModels", must(list(text(&["m", "m*", "*", "p"]), 2))),
        ("limits", may(record(vec![("requestsPerMinute", may(integer(&[0, 1, 60])))]))),
        ("expiresAt", rarely(text(INSTANTS))),
        ("suspend", rarely(boolean())),
    ])
}

fn metadata() -> BoxedStrategy<Value> {
    let created = select(&["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"][..]).prop_map(Value::from);
    record(vec![
        ("namespace", may(text(NAMESPACES))),
        ("name", must(text(NAMES))),
        ("creationTimestamp", may(created)),
    ])
}

fn manifest(kind: &'static str, spec: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    (metadata(), spec)
        .prop_map(move |(metadata, spec)| {
            json!({"apiVersion": "weir.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
        })
        .boxed()
}

fn secret() -> BoxedStrategy<Value> {
    let data = record(SECRET_KEYS.iter().map(|key| (*key, may(text(SECRET_TEXTS)))).collect());
    let label = proptest::option::of(select(&["true", "true", "false"][..]));
    (metadata(), label, data)
        .prop_map(|(mut metadata, label, data)| {
            if let Some(label) = label {
                metadata["labels"] = json!({"weir.dev/credential": label});
            }
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
        })
        .boxed()
}

fn namespace() -> BoxedStrategy<Value> {
    (text(NAMESPACES), labels())
        .prop_map(|(name, labels)| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        })
        .boxed()
}

/// What the operator is told beside the objects.
fn flags() -> BoxedStrategy<Value> {
    boolean().prop_map(|label| json!({"kind": "Flags", "requireCredentialLabel": label})).boxed()
}

/// Some objects of every kind; two may have one name.
pub fn world() -> impl Strategy<Value = Vec<Value>> {
    let some = |object: BoxedStrategy<Value>, most: usize| proptest::collection::vec(object, 0..=most);
    let default = json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMGateway",
                         "metadata": {"name": "default"}, "spec": {}});
    (
        proptest::option::weighted(0.8, Just(default)),
        some(manifest("LLMGateway", gateway()), 2),
        some(manifest("LLMProvider", provider()), 4),
        some(manifest("LLMRoute", route()), 4),
        some(manifest("LLMKey", key()), 4),
        some(secret(), 3),
        some(namespace(), 2),
        some(flags(), 1),
    )
        .prop_map(|(default, gateways, providers, routes, keys, secrets, namespaces, flags)| {
            let default = default.into_iter().collect();
            [default, gateways, providers, routes, keys, secrets, namespaces, flags].concat()
        })
}

/// One object of each kind.
pub fn object() -> impl Strategy<Value = Vec<Value>> {
    vec![
        manifest("LLMGateway", gateway()),
        manifest("LLMProvider", provider()),
        manifest("LLMRoute", route()),
        manifest("LLMKey", key()),
        secret(),
        namespace(),
        flags(),
    ]
}
