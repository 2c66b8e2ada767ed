//! `LLMProvider` -> an upstream account and its credential.
//!
//! A provider whose endpoint or credential cannot be had is left out whole: a request that goes to the wrong
//! place, or without its credential, is worse than one that another target answers. A broken entry of `models`
//! is left out alone.

use crate::attempt::{SetTimeouts, TIMEOUTS};
use crate::codes::Code;
use crate::endpoint;
use crate::finding::Report;
use crate::models;
use crate::resolve::{Secrets, resolve_secret};
use crate::values::{duration, integer, is_visible_ascii};
use crate::world::Node;
use std::time::Duration;
use weir_config::{Backend, Endpoint, Mock, Provider, Secret, Vendor};
use weir_crds::Kind;
use weir_crds::{LLMProvider, LLMProviderSpec, MockSpec};

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

/// Reads a provider; `None` leaves it out.
pub(crate) fn read(node: &Node<'_, LLMProvider>, secrets: &Secrets) -> (Option<Draft>, Report) {
    let mut report = Report::on(Kind::Provider, &node.name);
    let spec = &node.object.spec;
    // Each is read whatever became of the others, so that all findings come at once.
    let timeouts = SetTimeouts::read(&mut report, "spec.timeouts", spec.timeouts.as_ref());
    let backend = backend(&mut report, spec);
    let credential = credential(&mut report, node, secrets);
    let models = models::read(&mut report, &spec.models);
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
    (draft(), report)
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
    endpoint::read(url, allow_insecure)
        .map_err(|why| {
            report.add(
                Code::InvalidEndpoint,
                field,
                format!("the endpoint {why}; until then the provider is left out"),
            )
        })
        .ok()
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
    secrets: &Secrets,
) -> Option<Option<Secret>> {
    let spec = &node.object.spec;
    let given = spec.credentials.as_ref();
    let api_key = given.and_then(|credentials| credentials.api_key_secret_ref.as_ref());
    let none = given.is_some_and(|credentials| credentials.none.is_some());
    match (api_key, none) {
        (Some(reference), false) => {
            let field = "spec.credentials.apiKeySecretRef";
            let names = (reference.name.as_str(), reference.key.as_str());
            let text = resolve_secret(secrets, &node.name, names, field, report)?;
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
