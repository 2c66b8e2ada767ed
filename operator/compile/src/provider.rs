//! `LLMProvider` -> an upstream account and its credential.
//!
//! A provider whose endpoint or credential cannot be had is left out whole: a request that goes to the wrong
//! place, or without its credential, is worse than one that another target answers. A broken entry of `models`
//! is left out alone.

use crate::admission::{Admission, Namespaces};
use crate::attempt::{SetTimeouts, TIMEOUTS};
use crate::codes::Code;
use crate::endpoint;
use crate::finding::Report;
use crate::models;
use crate::resolve::{Admits, CREDENTIAL_LABEL, Secrets, resolve_secret, text_of};
use crate::values::{duration, integer, is_visible_ascii, quoted};
use crate::world::Node;
use std::time::Duration;
use weir_config::{Backend, Endpoint, Mock, Provider, Secret, Vendor};
use weir_crds::Kind;
use weir_crds::{LLMProvider, LLMProviderSpec, MockSpec};

/// A provider and who may name it. Whether it is any good is a secret to those who may not.
pub(crate) struct Account {
    admission: Admission,
    /// How many models it lists.
    pub(crate) models: usize,
    /// `None`: it is left out.
    pub(crate) draft: Option<Draft>,
}

impl Admits for Account {
    fn admits(&self, kind: Kind, namespace: &str) -> bool {
        kind == Kind::Route && self.admission.admits(namespace)
    }
}

/// What providers are read beside.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) secrets: &'a Secrets,
    /// Whether only labelled Secrets may be sent to vendors.
    pub(crate) require_label: bool,
    pub(crate) namespaces: &'a Namespaces,
}

/// A provider, read; its gateway's defaults are still to come.
pub(crate) struct Draft {
    provider: Provider,
    timeouts: SetTimeouts,
    pub(crate) credential: Option<Secret>,
}

impl Draft {
    /// The provider as a gateway with these defaults serves it.
    pub(crate) fn effective(&self, defaults: &SetTimeouts) -> Provider {
        Provider { timeouts: self.timeouts.effective(defaults), ..self.provider.clone() }
    }

    /// The provider apart from its timers.
    pub(crate) fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// Reads a provider.
pub(crate) fn read(node: &Node<'_, LLMProvider>, around: Surroundings<'_>) -> (Account, Report) {
    let mut report = Report::on(Kind::Provider, &node.name);
    let spec = &node.object.spec;
    // Each is read whatever became of the others, so that all findings come at once.
    let timeouts = SetTimeouts::read(&mut report, "spec.timeouts", spec.timeouts.as_ref());
    let backend = backend(&mut report, spec);
    let credential = credential(&mut report, node, around);
    let models = models::read(&mut report, &spec.models);
    let allowed = &spec.allowed_namespaces;
    let admission = Admission::read(&mut report, "spec.allowedNamespaces", allowed, around.namespaces);
    if spec.suspend {
        report.suspended("it takes no new requests");
    }
    let draft = || {
        let provider = Provider {
            name: node.name.clone(),
            vendor: spec.vendor,
            backend: backend?,
            models: models?,
            timeouts: TIMEOUTS,
            on_abort: spec.on_abort.unwrap_or(spec.vendor.row().on_abort),
            suspended: spec.suspend,
        };
        Some(Draft { provider, timeouts, credential: credential? })
    };
    (Account { admission, models: spec.models.len(), draft: draft() }, report)
}

fn backend(report: &mut Report, spec: &LLMProviderSpec) -> Option<Backend> {
    let mocked = spec.vendor == Vendor::Mock;
    let misplaced = if mocked {
        spec.endpoint.as_ref().map(|_| "spec.endpoint")
    } else {
        spec.mock.as_ref().map(|_| "spec.mock")
    };
    if let Some(field) = misplaced {
        let vendor = spec.vendor.row().name;
        let message = format!("vendor {vendor} has no such field, so it is ignored; remove it");
        report.add(Code::InvalidValue, field, message);
    }
    if mocked {
        return Some(Backend::Mock(mock(report, &spec.mock.clone().unwrap_or_default())));
    }
    http(report, spec).map(Backend::Http)
}

fn http(report: &mut Report, spec: &LLMProviderSpec) -> Option<Endpoint> {
    let field = "spec.endpoint.url";
    let row = spec.vendor.row();
    let given = spec.endpoint.as_ref().and_then(|endpoint| endpoint.url.as_deref());
    let Some(url) = given.or(row.base_url) else {
        let message = format!("vendor {} has no address of its own; give the endpoint's URL", row.name);
        report.add(Code::InvalidEndpoint, field, message);
        return None;
    };
    let allow_insecure = spec.endpoint.as_ref().is_some_and(|endpoint| endpoint.allow_insecure);
    let call = row.speaks.path();
    match endpoint::read(url, call, allow_insecure) {
        Ok(endpoint) => {
            if let Some(end) = endpoint::superfluous(&endpoint.base_path) {
                let message = format!(
                    "the endpoint ends with {end}, and gateways append {call} to it; leave {end} off, unless \
                     the vendor really is below it"
                );
                report.add(Code::EndpointBeyondBase, field, message);
            }
            Some(endpoint)
        }
        Err(why) => {
            let message = format!("the endpoint {why}; until then the provider is left out");
            report.add(Code::InvalidEndpoint, field, message);
            None
        }
    }
}

fn mock(report: &mut Report, spec: &MockSpec) -> Mock {
    let at = "spec.mock";
    let mut read = |field: &str, text| duration(report, &format!("{at}.{field}"), Some(text));
    let latency = read("latency", &spec.latency).unwrap_or(Duration::ZERO);
    let first_byte = read("firstByte", &spec.first_byte).unwrap_or(Duration::ZERO);
    Mock {
        latency,
        first_byte,
        tokens_per_second: integer(
            report,
            &format!("{at}.tokensPerSecond"),
            spec.tokens_per_second,
            1..=1_000_000,
        ),
        error_percent: integer(report, &format!("{at}.errorRate"), Some(spec.error_rate), 0..=100)
            .unwrap_or(0),
        error_status: integer(report, &format!("{at}.errorStatus"), Some(spec.error_status), 400..=599)
            .unwrap_or(500),
        reply: spec.reply,
    }
}

/// The API key; `Some(None)` where none is wanted, `None` where one is wanted and cannot be had.
fn credential(
    report: &mut Report,
    node: &Node<'_, LLMProvider>,
    around: Surroundings<'_>,
) -> Option<Option<Secret>> {
    let spec = &node.object.spec;
    let given = spec.credentials.as_ref();
    let api_key = given.and_then(|credentials| credentials.api_key_secret_ref.as_ref());
    let none = given.is_some_and(|credentials| credentials.none.is_some());
    match (api_key, none) {
        (Some(reference), false) => {
            let field = "spec.credentials.apiKeySecretRef";
            let names = (reference.name.as_str(), reference.key.as_str());
            let from = (Kind::Provider, &node.name);
            let secret = resolve_secret(around.secrets, from, names.0, field, report)?;
            if around.require_label && !secret.labelled {
                return unlabelled(report, field, names.0);
            }
            let text = text_of(secret, names, field, report)?;
            sendable(report, field, text).map(Some)
        }
        (None, true) => Some(None),
        (None, false) if spec.vendor == Vendor::Mock => Some(None),
        (None, false) | (Some(_), true) => {
            report.add(
                Code::InvalidCredential,
                "spec.credentials",
                "exactly one kind of credentials must be given, and `none: {}` where none is wanted; \
                 the provider is left out",
            );
            None
        }
    }
}

/// Said before anything else of the Secret: what is in one that isn't labelled is none of the provider's business.
fn unlabelled<T>(report: &mut Report, field: &str, name: &str) -> Option<T> {
    let (label, value) = CREDENTIAL_LABEL;
    let message = format!(
        "Secret {} is not labelled {label}={value}, so it is sent to no vendor and the provider is left out; label \
         it, if it is meant for that",
        quoted(name)
    );
    report.add(Code::SecretNotLabelled, format!("{field}.name"), message);
    None
}

fn sendable(report: &mut Report, field: &str, text: &[u8]) -> Option<Secret> {
    match str::from_utf8(text) {
        Ok(text) if is_visible_ascii(text.as_bytes()) => Some(Secret::new(text)),
        _ => {
            report.add(
                Code::InvalidCredential,
                field,
                "the Secret's text holds spaces, line breaks or other characters that no API key has; \
                 store the key alone",
            );
            None
        }
    }
}
