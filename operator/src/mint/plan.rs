//! Which keys are to be given a Secret, and which cannot be, because theirs is somebody else's (semantics S10.8).
//!
//! Pure: the same keys and Secrets give the same plan, in whatever order they come.

use crate::publish::Owner;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_compile::{DEFAULT_PORT, minted_addresses, minted_into};
use weir_config::ObjectName;
use weir_crds::{Kind, LLMKey};

/// A key and the Secret that is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToMint {
    /// The LLMKey.
    pub key: Owner,
    /// Where its text is to be.
    pub secret: ObjectName,
    /// The gateway whose addresses stand beside it, whether it is there or not: a key waits for nobody.
    pub gateway: ObjectName,
    /// The port of its Service.
    pub port: u16,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Secrets that are missing, by name.
    pub mint: Vec<ToMint>,
    /// Secrets of ours that name another gateway than the key does now, by name.
    pub refresh: Vec<ToMint>,
    /// Keys whose Secret is not theirs, and which one that is.
    pub taken: BTreeMap<ObjectName, ObjectName>,
}

/// What is known of a Secret that is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found<'a> {
    /// The uids of those that it was made for.
    pub owners: Vec<String>,
    /// What is in it, if that could be read.
    pub content: Option<&'a Secret>,
}

impl<'a> Found<'a> {
    /// A Secret with this metadata and content.
    pub fn new(meta: &ObjectMeta, content: Option<&'a Secret>) -> Self {
        let owners = meta.owner_references.iter().flatten().map(|owner| owner.uid.clone());
        Self { owners: owners.collect(), content }
    }

    /// Whether the addresses in it are those of `gateway` at `port`, or nobody knows what is in it.
    fn is_current(&self, gateway: &ObjectName, port: u16) -> bool {
        let Some(secret) = self.content else { return true };
        let value = |name: &str| secret.data.as_ref()?.get(name).map(|value| value.0.as_slice());
        minted_addresses(gateway, port).iter().all(|(name, address)| value(name) == Some(address.as_bytes()))
    }
}

/// One key that wants a Secret.
struct Claim {
    to: ToMint,
    created: Option<Timestamp>,
    is_leaving: bool,
}

/// The Secret that `key` is to be generated into.
pub(super) fn secret_of(key: &LLMKey) -> Option<ObjectName> {
    Some(ObjectName::new(key.metadata.namespace.as_deref()?, minted_into(&key.spec.source)?))
}

impl Claim {
    fn of(key: &LLMKey, ports: &Ports) -> Option<Self> {
        let (meta, gateway) = (&key.metadata, &key.spec.gateway_ref);
        let namespace = meta.namespace.as_deref()?;
        let gateway =
            ObjectName::new(gateway.namespace.as_deref().unwrap_or(namespace), gateway.name.as_str());
        let name = ObjectName::new(namespace, meta.name.as_deref()?);
        Some(Self {
            to: ToMint {
                key: Owner { kind: Kind::Key, name, uid: meta.uid.clone()? },
                secret: secret_of(key)?,
                port: ports.get(&gateway).copied().unwrap_or(DEFAULT_PORT),
                gateway,
            },
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            is_leaving: meta.deletion_timestamp.is_some(),
        })
    }

    /// The order in which a Secret is won: the oldest first, then by name, as all conflicts are.
    fn seniority(&self) -> (Option<Timestamp>, &ObjectName) {
        (self.created, &self.to.key.name)
    }
}

/// The ports of gateways' Services, by gateway; of one that is not there nobody knows.
pub type Ports = BTreeMap<ObjectName, u16>;

/// Plans for all `keys`; `secrets` has every Secret that they name and that is there.
pub fn plan(keys: &[Arc<LLMKey>], secrets: &BTreeMap<ObjectName, Found<'_>>, ports: &Ports) -> Plan {
    let mut claims: BTreeMap<ObjectName, Vec<Claim>> = BTreeMap::new();
    for claim in keys.iter().filter_map(|key| Claim::of(key, ports)) {
        claims.entry(claim.to.secret.clone()).or_default().push(claim);
    }
    let mut plan = Plan::default();
    for (secret, mut claims) in claims {
        claims.sort_by(|one, other| one.seniority().cmp(&other.seniority()));
        match secrets.get(&secret) {
            Some(found) => plan.leave(found, claims),
            None => plan.award(claims),
        }
    }
    plan
}

impl Plan {
    /// The Secret is there: it stays whose it is.
    fn leave(&mut self, found: &Found<'_>, claims: Vec<Claim>) {
        for Claim { to, is_leaving, .. } in claims {
            if !found.owners.contains(&to.key.uid) {
                self.take(to);
            } else if !is_leaving && !found.is_current(&to.gateway, to.port) {
                self.refresh.push(to);
            }
        }
    }

    /// The Secret is missing: the oldest key that stays has it made, the others come too late.
    fn award(&mut self, mut claims: Vec<Claim>) {
        let Some(first) = claims.iter().position(|claim| !claim.is_leaving) else { return };
        self.mint.push(claims.remove(first).to);
        claims.into_iter().for_each(|claim| self.take(claim.to));
    }

    fn take(&mut self, to: ToMint) {
        self.taken.insert(to.key.name, to.secret);
    }
}

#[cfg(test)]
mod tests;
