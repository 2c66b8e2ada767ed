//! `LLMGateway` -> its settings, the defaults that it gives to providers and routes, and whom it serves.

use crate::admission::{Admission, Namespaces};
use crate::attempt::{SetFallback, SetRetry, SetTimeouts};
use crate::codes::Code;
use crate::finding::Report;
use crate::resolve::Admits;
use crate::values::{duration, is_label, parsed, quoted};
use crate::world::Node;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;
use weir_config::{Egress, Gateway, Listener};
use weir_crds::Kind;
use weir_crds::{ByteSize, GatewayEgress, GatewayListener, GatewayTenant, LLMGateway};

const MAX_BODY_BYTES: u64 = 32 << 20;
/// What the schema allows.
const BODY_BYTES: RangeInclusive<u64> = 1 << 10..=1 << 30;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(300);
const REMOVAL_DELAY: Duration = Duration::from_secs(10);

/// A gateway, read.
pub(crate) struct Draft {
    pub(crate) gateway: Gateway,
    pub(crate) timeouts: SetTimeouts,
    pub(crate) fallback: SetFallback,
    pub(crate) retry: SetRetry,
    routes: Admission,
    keys: Admission,
    /// The namespaces of each tenant.
    tenants: BTreeMap<String, BTreeSet<String>>,
}

impl Draft {
    /// Whether keys of `namespace` may be of `tenant` (semantics S10.7): their own namespace they always may.
    pub(crate) fn admits_tenant(&self, tenant: &str, namespace: &str) -> bool {
        tenant == namespace || self.tenants.get(tenant).is_some_and(|members| members.contains(namespace))
    }
}

impl Admits for Draft {
    fn admits(&self, kind: Kind, namespace: &str) -> bool {
        match kind {
            Kind::Route => self.routes.admits(namespace),
            Kind::Key => self.keys.admits(namespace),
            Kind::Gateway | Kind::Provider => false,
        }
    }
}

/// Always gives a gateway: a setting that cannot be read has its default, a range is not allowed.
pub(crate) fn read(node: &Node<'_, LLMGateway>, namespaces: &Namespaces) -> (Draft, Report) {
    let mut report = Report::on(Kind::Gateway, &node.name);
    let spec = &node.object.spec;
    let defaults = spec.defaults.as_ref();
    let allowed = &spec.allowed_namespaces;
    let draft = Draft {
        gateway: Gateway {
            name: node.name.clone(),
            listener: listener(&mut report, &spec.listener),
            egress: egress(&mut report, spec.egress.as_ref()),
        },
        timeouts: SetTimeouts::read(
            &mut report,
            "spec.defaults.timeouts",
            defaults.and_then(|defaults| defaults.timeouts.as_ref()),
        ),
        fallback: SetFallback::read(
            &mut report,
            "spec.defaults.fallback",
            defaults.and_then(|defaults| defaults.fallback.as_ref()),
        ),
        retry: SetRetry::read(
            &mut report,
            "spec.defaults.retry",
            defaults.and_then(|defaults| defaults.retry.as_ref()),
        ),
        routes: Admission::read(&mut report, "spec.allowedNamespaces.routes", &allowed.routes, namespaces),
        keys: Admission::read(&mut report, "spec.allowedNamespaces.keys", &allowed.keys, namespaces),
        tenants: tenants(&mut report, &spec.tenants),
    };
    (draft, report)
}

fn listener(report: &mut Report, spec: &GatewayListener) -> Listener {
    let at = "spec.listener";
    Listener {
        max_body_bytes: parsed(report, &format!("{at}.maxBodyBytes"), body_bytes(&spec.max_body_bytes))
            .unwrap_or(MAX_BODY_BYTES),
        drain_timeout: duration(report, &format!("{at}.drainTimeout"), Some(&spec.drain_timeout))
            .unwrap_or(DRAIN_TIMEOUT),
        removal_delay: duration(report, &format!("{at}.removalDelay"), Some(&spec.removal_delay))
            .unwrap_or(REMOVAL_DELAY),
        disclosure: spec.disclosure,
    }
}

fn body_bytes(text: &ByteSize) -> Result<u64, String> {
    let bytes = text.parse().map_err(|error| error.to_string())?;
    BODY_BYTES.contains(&bytes).then_some(bytes).ok_or_else(|| "it is not from 1Ki to 1Gi".to_owned())
}

fn egress(report: &mut Report, spec: Option<&GatewayEgress>) -> Egress {
    let mut allow_private = Vec::new();
    for (index, text) in
        spec.map(|egress| egress.allow_private.as_slice()).unwrap_or_default().iter().enumerate()
    {
        match text.parse::<IpNet>() {
            Ok(range) => allow_private.push(range.trunc()),
            Err(_) => report.add(
                Code::InvalidValue,
                format!("spec.egress.allowPrivate[{index}]"),
                format!(
                    "{} is no CIDR range, so nothing is allowed by it; write one such as 10.1.0.0/16",
                    quoted(text)
                ),
            ),
        }
    }
    Egress { allow_private }
}

fn tenants(report: &mut Report, specs: &[GatewayTenant]) -> BTreeMap<String, BTreeSet<String>> {
    let mut tenants = BTreeMap::new();
    for (index, spec) in specs.iter().enumerate() {
        let field = format!("spec.tenants[{index}].name");
        let name = quoted(&spec.name);
        if !is_label(&spec.name) {
            let message = format!("{name} is no DNS label, so nobody is of this tenant; rename it");
            report.add(Code::InvalidValue, field, message);
        } else if tenants.contains_key(&spec.name) {
            let message = format!("{name} is listed before, and that entry applies; remove one of the two");
            report.add(Code::InvalidValue, field, message);
        } else {
            tenants.insert(spec.name.clone(), spec.namespaces.iter().cloned().collect());
        }
    }
    tenants
}
