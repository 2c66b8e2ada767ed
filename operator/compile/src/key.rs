//! `LLMKey` -> what recognises a tenant's key and what it may do.
//!
//! A key of which a bound cannot be read (rate, expiry) is refused: left out, never unbounded. So is one of
//! which no text is known, and one on somebody else's bill.

use crate::codes::Code;
use crate::finding::Report;
use crate::gateway;
use crate::resolve::Secrets;
use crate::source;
use crate::values::{in_range, is_allowed_pattern, is_label, parsed_or, quoted};
use crate::world::Node;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use weir_config::{AllowedModels, Key, KeyDigest, Limits, ModelPattern, ObjectName};
use weir_crds::Kind;
use weir_crds::LLMKey;

/// What follows from a bound that cannot be read.
const REFUSED: &str = "so the key is refused, never unbounded";

/// One text of a key and the field that gives it.
pub(crate) struct SourcedDigest {
    /// What a status calls it; no secret.
    pub(crate) id: String,
    pub(crate) digest: KeyDigest,
    pub(crate) field: String,
}

/// A key, read.
pub(crate) struct Draft<'a> {
    pub(crate) node: &'a Node<'a, LLMKey>,
    /// The gateway that takes it, if there is one.
    pub(crate) gateway: Option<ObjectName>,
    pub(crate) digests: Vec<SourcedDigest>,
    /// The key apart from its digests; `None`: it is refused.
    key: Option<Key>,
}

/// Reads a key; `taken` are those whose Secret is somebody else's.
pub(crate) fn read<'a>(
    node: &'a Node<'a, LLMKey>,
    gateway: Option<(&ObjectName, &gateway::Draft)>,
    (secrets, taken): (&Secrets, &BTreeSet<ObjectName>),
) -> (Draft<'a>, Report) {
    let mut report = Report::on(Kind::Key, &node.name);
    let spec = &node.object.spec;
    let is_taken = taken.contains(&node.name);
    let digests = source::read(&mut report, &node.name, &spec.source, secrets, is_taken);
    let limits = limits(&mut report, node);
    let expires_at = match &spec.expires_at {
        Some(text) => parsed_or(&mut report, "spec.expiresAt", text.parse(), REFUSED).map(Some),
        None => Some(None),
    };
    let allowed_models = allowed_models(&mut report, &spec.allowed_models);
    let tenant = tenant(&mut report, node, gateway);
    if spec.suspend {
        report.suspended("every request with it is refused");
    }
    let key = || {
        Some(Key {
            name: node.name.clone(),
            tenant: tenant?,
            digests: Vec::new(),
            allowed_models,
            limits: limits?,
            expires_at: expires_at?,
            suspended: spec.suspend,
        })
    };
    (Draft { node, gateway: gateway.map(|(name, _)| name.clone()), digests, key: key() }, report)
}

/// Whose bill it is; `None` refuses the key. That the gateway knows no such tenant, and that it knows it without
/// this namespace, are said in the same words.
fn tenant(
    report: &mut Report,
    node: &Node<'_, LLMKey>,
    gateway: Option<(&ObjectName, &gateway::Draft)>,
) -> Option<String> {
    let namespace = node.name.namespace.as_str();
    let tenant = node.object.spec.tenant.as_deref().unwrap_or(namespace);
    if !is_label(tenant) {
        let message = format!("{} is no DNS label, so the key is refused; correct it", quoted(tenant));
        report.add(Code::InvalidValue, "spec.tenant", message);
        return None;
    }
    if let Some((name, gateway)) = gateway
        && !gateway.admits_tenant(tenant, namespace)
    {
        let message = format!(
            "LLMGateway {name} admits no key of namespace {namespace} to tenant {}, so the key is refused; have its \
             spec.tenants admit it, or leave tenant out",
            quoted(tenant)
        );
        report.add(Code::TenantNotAllowed, "spec.tenant", message);
        return None;
    }
    Some(tenant.to_owned())
}

fn limits(report: &mut Report, node: &Node<'_, LLMKey>) -> Option<Limits> {
    let given = node.object.spec.limits.as_ref().and_then(|limits| limits.requests_per_minute);
    let Some(given) = given else { return Some(Limits::default()) };
    let field = "spec.limits.requestsPerMinute";
    let read: u32 = parsed_or(report, field, in_range(given.into(), &(1..=1_000_000_000)), REFUSED)?;
    Some(Limits { requests_per_minute: Some(NonZeroU32::new(read)?) })
}

fn allowed_models(report: &mut Report, texts: &[String]) -> AllowedModels {
    let mut allowed = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        if is_allowed_pattern(text) {
            allowed.push(ModelPattern::from(text.clone()));
        } else {
            let message = format!("{} is no model's name, so it allows nothing; correct it", quoted(text));
            report.add(Code::InvalidValue, format!("spec.allowedModels[{index}]"), message);
        }
    }
    if allowed.is_empty() {
        let message = "no model is allowed, so the key opens nothing; name the models, or \"*\" for all";
        report.add(Code::InvalidValue, "spec.allowedModels", message);
    }
    AllowedModels(allowed)
}

impl Draft<'_> {
    /// Whether a gateway takes it: it is not refused, and one of its texts is left.
    pub(crate) fn is_effective(&self) -> bool {
        self.key.is_some() && !self.digests.is_empty()
    }

    /// The key as a gateway takes it.
    pub(crate) fn effective(&self) -> Option<Key> {
        let key = self.key.as_ref().filter(|_| self.is_effective())?;
        let digests = self.digests.iter().map(|sourced| sourced.digest.clone()).collect();
        Some(Key { digests, ..key.clone() })
    }
}
