//! The reasons that come from objects alone, each in the smallest world that has it. The names of a case begin with
//! its own two letters; all are in one namespace, beside the gateway `main` and the account `mock`.

use weir_cluster::world::manifests::{GATEWAY, PROVIDER};
use weir_compile::Code;
use weir_crds::Kind;

/// Where a reason is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// In the condition that it is about.
    InCondition,
    /// With the first of a route's targets; the condition sums them up and quotes it.
    AtTarget,
}

pub(super) struct Case {
    pub(super) code: Code,
    pub(super) shown: Shown,
    pub(super) object: (Kind, &'static str),
    /// What brings it about, applied in this order.
    pub(super) given: &'static [&'static str],
    /// What mends it.
    pub(super) remedy: &'static [&'static str],
    /// What has to go, too: version, kind, plural and name.
    pub(super) removed: Option<(&'static str, &'static str, &'static str, &'static str)>,
}

/// What is there before.
pub(super) const SURROUNDINGS: &[&str] = &[GATEWAY, PROVIDER];

/// Mends what only the gateway can mend.
pub(super) fn gateway_that_admits(namespace: &str) -> String {
    let spec = format!(
        "{{replicas: 0, egress: {{allowPrivate: [127.0.0.0/8]}}, tenants: [{{name: research, namespaces: [{namespace}]}}]}}"
    );
    GATEWAY.replace("spec: {replicas: 0}", &format!("spec: {spec}"))
}

macro_rules! provider {
    ($name:literal, $spec:literal) => {
        concat!(
            "{apiVersion: weir.dev/v1alpha1, kind: LLMProvider, metadata: {name: ",
            $name,
            "}, spec: {",
            $spec,
            "}}"
        )
    };
}

macro_rules! route {
    ($name:literal, $model:literal, $targets:literal) => {
        concat!(
            "{apiVersion: weir.dev/v1alpha1, kind: LLMRoute, metadata: {name: ",
            $name,
            "}, spec: {gatewayRef: {name: main}, model: ",
            $model,
            ", targets: [",
            $targets,
            "]}}"
        )
    };
}

macro_rules! key {
    ($name:literal, $spec:literal) => {
        concat!(
            "{apiVersion: weir.dev/v1alpha1, kind: LLMKey, metadata: {name: ",
            $name,
            "}, spec: {gatewayRef: {name: main}, allowedModels: ['*'], ",
            $spec,
            "}}"
        )
    };
}

macro_rules! secret {
    ($name:literal, $labels:literal, $data:literal) => {
        concat!(
            "{apiVersion: v1, kind: Secret, metadata: {name: ",
            $name,
            ", labels: {",
            $labels,
            "}}, stringData: {",
            $data,
            "}}"
        )
    };
}

/// A case whose reason is in its condition.
const fn case(
    code: Code,
    object: (Kind, &'static str),
    given: &'static [&'static str],
    remedy: &'static [&'static str],
) -> Case {
    Case { code, shown: Shown::InCondition, object, given, remedy, removed: None }
}

const fn at_target(
    code: Code,
    route: &'static str,
    given: &'static [&'static str],
    remedy: &'static [&'static str],
) -> Case {
    Case { shown: Shown::AtTarget, ..case(code, (Kind::Route, route), given, remedy) }
}

pub(super) const CASES: &[Case] = &[
    case(
        Code::NoMatchingGateway,
        (Kind::Key, "nm"),
        &[
            "{apiVersion: weir.dev/v1alpha1, kind: LLMKey, metadata: {name: nm}, spec: {gatewayRef: {name: later}, \
           allowedModels: ['*'], source: {generate: {secretName: nm-llm}}}}",
        ],
        &["{apiVersion: weir.dev/v1alpha1, kind: LLMGateway, metadata: {name: later}, spec: {replicas: 0}}"],
    ),
    case(
        Code::NotReferenced,
        (Kind::Provider, "nr"),
        &[provider!("nr", "vendor: Mock")],
        &[route!("nr", "nr", "{name: t, providerRef: {name: nr}}")],
    ),
    case(
        Code::SecretNotFound,
        (Kind::Provider, "sf"),
        &[
            provider!("sf", "vendor: OpenAI, credentials: {apiKeySecretRef: {name: sf, key: k}}"),
            route!("sf", "sf", "{name: t, providerRef: {name: sf}}"),
        ],
        &[secret!("sf", "weir.dev/credential: 'true'", "k: sk-fake")],
    ),
    case(
        Code::SecretKeyMissing,
        (Kind::Provider, "sk"),
        &[
            secret!("sk", "weir.dev/credential: 'true'", "other: sk-fake"),
            provider!("sk", "vendor: OpenAI, credentials: {apiKeySecretRef: {name: sk, key: k}}"),
            route!("sk", "sk", "{name: t, providerRef: {name: sk}}"),
        ],
        &[secret!("sk", "weir.dev/credential: 'true'", "other: sk-fake, k: sk-fake")],
    ),
    case(
        Code::SecretNotLabelled,
        (Kind::Provider, "sl"),
        &[
            secret!("sl", "app: database", "k: sk-fake"),
            provider!("sl", "vendor: OpenAI, credentials: {apiKeySecretRef: {name: sl, key: k}}"),
            route!("sl", "sl", "{name: t, providerRef: {name: sl}}"),
        ],
        &[secret!("sl", "app: database, weir.dev/credential: 'true'", "k: sk-fake")],
    ),
    case(
        Code::InvalidCredential,
        (Kind::Provider, "ic"),
        &[
            secret!("ic", "weir.dev/credential: 'true'", "k: 'two words'"),
            provider!("ic", "vendor: OpenAI, credentials: {apiKeySecretRef: {name: ic, key: k}}"),
            route!("ic", "ic", "{name: t, providerRef: {name: ic}}"),
        ],
        &[secret!("ic", "weir.dev/credential: 'true'", "k: sk-fake")],
    ),
    case(
        Code::InvalidEndpoint,
        (Kind::Provider, "ie"),
        &[
            provider!(
                "ie",
                "vendor: OpenAICompatible, credentials: {none: {}}, \
                 endpoint: {url: 'http://0xa9fea9fe/v1', allowInsecure: true}"
            ),
            route!("ie", "ie", "{name: t, providerRef: {name: ie}}"),
        ],
        &[provider!(
            "ie",
            "vendor: OpenAICompatible, credentials: {none: {}}, endpoint: {url: 'https://llm.example.com/v1'}"
        )],
    ),
    // The gateway mends it: see `gateway_that_admits`.
    case(
        Code::EgressRefused,
        (Kind::Provider, "er"),
        &[
            provider!(
                "er",
                "vendor: OpenAICompatible, credentials: {none: {}}, \
                 endpoint: {url: 'http://127.0.0.1:8000/v1', allowInsecure: true}"
            ),
            route!("er", "er", "{name: t, providerRef: {name: er}}"),
        ],
        &[],
    ),
    case(
        Code::ModelNameConflict,
        (Kind::Route, "mc-second"),
        &[
            route!("mc-first", "mc", "{name: t, providerRef: {name: mock}}"),
            route!("mc-second", "mc", "{name: t, providerRef: {name: mock}}"),
        ],
        &[route!("mc-second", "mc-other", "{name: t, providerRef: {name: mock}}")],
    ),
    case(
        Code::NoTargets,
        (Kind::Route, "nt"),
        &[
            provider!("nt", "vendor: OpenAI, credentials: {apiKeySecretRef: {name: nt, key: k}}"),
            route!("nt", "nt", "{name: t, providerRef: {name: nt}}"),
        ],
        &[secret!("nt", "weir.dev/credential: 'true'", "k: sk-fake")],
    ),
    at_target(
        Code::ProviderNotFound,
        "pn",
        &[route!("pn", "pn", "{name: t, providerRef: {name: pn}}")],
        &[provider!("pn", "vendor: Mock")],
    ),
    at_target(
        Code::ModelNotOffered,
        "mo",
        &[
            provider!("mo", "vendor: Mock, models: [{name: a}]"),
            route!("mo", "mo", "{name: t, providerRef: {name: mo}, model: b}"),
        ],
        &[provider!("mo", "vendor: Mock, models: [{name: a}, {name: b}]")],
    ),
    case(
        Code::PartiallyResolved,
        (Kind::Route, "pr"),
        &[route!("pr", "pr", "{name: t, providerRef: {name: pr}}, {name: u, providerRef: {name: mock}}")],
        &[provider!("pr", "vendor: Mock")],
    ),
    at_target(
        Code::ProviderUnusable,
        "pu",
        &[
            provider!("pu", "vendor: OpenAI, credentials: {apiKeySecretRef: {name: pu, key: k}}"),
            route!("pu", "pu", "{name: t, providerRef: {name: pu}}"),
        ],
        &[secret!("pu", "weir.dev/credential: 'true'", "k: sk-fake")],
    ),
    at_target(
        Code::ProviderSuspended,
        "ps",
        &[
            provider!("ps", "vendor: Mock, suspend: true"),
            route!("ps", "ps", "{name: t, providerRef: {name: ps}}"),
        ],
        &[provider!("ps", "vendor: Mock, suspend: false")],
    ),
    case(
        Code::InvalidKey,
        (Kind::Key, "ik"),
        &[secret!("ik", "", "k: too-short"), key!("ik", "source: {secretRef: {name: ik, key: k}}")],
        &[secret!("ik", "", "k: fake-key-of-enough-characters-0123456789")],
    ),
    case(
        Code::DuplicateKey,
        (Kind::Key, "dk-second"),
        &[
            secret!("dk", "", "k: fake-key-that-two-have-0123456789abcdef"),
            key!("dk-first", "source: {secretRef: {name: dk, key: k}}"),
            key!("dk-second", "source: {secretRef: {name: dk, key: k}}"),
        ],
        &[
            secret!("dk-other", "", "k: fake-key-that-one-has-0123456789abcdefg"),
            key!("dk-second", "source: {secretRef: {name: dk-other, key: k}}"),
        ],
    ),
    case(
        Code::Suspended,
        (Kind::Key, "su"),
        &[key!("su", "source: {generate: {secretName: su-llm}}, suspend: true")],
        &[key!("su", "source: {generate: {secretName: su-llm}}, suspend: false")],
    ),
    case(
        Code::Expired,
        (Kind::Key, "ex"),
        &[key!("ex", "source: {generate: {secretName: ex-llm}}, expiresAt: '2020-01-01T00:00:00Z'")],
        &[key!("ex", "source: {generate: {secretName: ex-llm}}")],
    ),
    // The gateway mends it: see `gateway_that_admits`.
    case(
        Code::TenantNotAllowed,
        (Kind::Key, "tn"),
        &[key!("tn", "tenant: research, source: {generate: {secretName: tn-llm}}")],
        &[],
    ),
    Case {
        removed: Some(("v1", "Secret", "secrets", "na-llm")),
        ..case(
            Code::NameTaken,
            (Kind::Key, "na"),
            &[
                secret!("na-llm", "", "mine: yes-mine"),
                key!("na", "source: {generate: {secretName: na-llm}}"),
            ],
            &[],
        )
    },
];
