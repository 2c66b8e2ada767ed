//! The names that a configuration has, as far as metrics' labels hold them.

use crate::label::UNLISTED;
use std::collections::BTreeSet;
use weir_config::Snapshot;

/// Every name of a snapshot that can be a label.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    pub(super) routes: BTreeSet<String>,
    pub(super) tenants: BTreeSet<&'a str>,
    /// With their providers.
    pub(super) models: BTreeSet<(String, &'a str)>,
}

impl<'a> Names<'a> {
    /// Those of `snapshot`.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let mut names = Self::default();
        for provider in &snapshot.providers {
            let name = provider.name.to_string();
            let listed = provider.models.iter().map(|model| model.name.as_str());
            names.models.extend(listed.chain([UNLISTED]).map(|model| (name.clone(), model)));
        }
        for route in &snapshot.routes {
            names.routes.insert(route.name.to_string());
            for target in &route.targets {
                let model = target.model.as_deref().or(route.model.exact());
                names.models.extend(model.map(|model| (target.provider.to_string(), model)));
            }
        }
        names.tenants.extend(snapshot.keys.iter().map(|key| key.tenant.as_str()));
        names
    }

    /// Whether `route` is one, or unknown: what did not come to be known is empty.
    pub(super) fn has_route(&self, route: &str) -> bool {
        route.is_empty() || self.routes.contains(route)
    }

    /// The same for a tenant.
    pub(super) fn has_tenant(&self, tenant: &str) -> bool {
        tenant.is_empty() || self.tenants.contains(tenant)
    }

    /// The same for a provider's model.
    pub(super) fn has_model(&self, provider: &str, model: &str) -> bool {
        provider.is_empty() || self.models.contains(&(provider.to_owned(), model))
    }
}
