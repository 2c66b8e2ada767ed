//! Models of which nobody said what they cost. Mock is free, so nobody needs to say it.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::provider::Draft;
use crate::targets::Providers;
use crate::values::listed;
use weir_config::{Provider, Vendor};
use weir_crds::Kind;

/// One finding per provider, with the models that it is about.
pub(crate) fn check(providers: &Providers, findings: &mut Vec<Finding>) {
    for provider in providers.values().flat_map(|account| &account.draft).map(Draft::provider) {
        if let Some(which) = unpriced(provider) {
            let mut report = Report::on(Kind::Provider, &provider.name);
            let message = format!(
                "no price is known of {which}, so their cost is reported as unknown; give their prices"
            );
            report.add(Code::Unpriced, "spec.models", message);
            findings.extend(report.into_findings());
        }
    }
}

fn unpriced(provider: &Provider) -> Option<String> {
    if provider.vendor == Vendor::Mock {
        return None;
    }
    if provider.models.is_empty() {
        return Some("any of its models, because none is listed".to_owned());
    }
    let models = provider.models.iter().filter(|model| model.prices.is_none());
    let names: Vec<&str> = models.map(|model| model.name.as_str()).collect();
    (!names.is_empty()).then(|| listed(&names))
}
