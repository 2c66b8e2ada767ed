//! `LLMProvider.models`: what it offers, with prices as integers.

use crate::codes::Code;
use crate::finding::Report;
use crate::values::{integer, is_model_name, is_visible_ascii, parsed_or, quoted};
use std::collections::BTreeSet;
use weir_config::{Model, Prices};
use weir_crds::{ModelPrices, ProviderModel, Usd};

/// Reads the list. `None`: something is listed and nothing of it is usable; an empty list in its place would
/// offer every model.
pub(crate) fn read(report: &mut Report, specs: &[ProviderModel]) -> Option<Vec<Model>> {
    let mut names = BTreeSet::new();
    let mut models = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = format!("spec.models[{index}]");
        let model = model(report, &at, spec);
        if !names.insert(spec.name.as_str()) {
            let message = format!("{} is listed before; remove one of the two", quoted(&spec.name));
            report.add(Code::InvalidValue, format!("{at}.name"), message);
        } else {
            models.extend(model);
        }
    }
    if models.is_empty() && !specs.is_empty() {
        report.add(
            Code::InvalidValue,
            "spec.models",
            "no entry is usable, so the provider is left out: an empty list would offer every model; \
             correct the entries",
        );
        return None;
    }
    Some(models)
}

fn model(report: &mut Report, at: &str, spec: &ProviderModel) -> Option<Model> {
    let context_window =
        integer(report, &format!("{at}.contextWindow"), spec.context_window, 1..=1_000_000_000);
    let prices = spec.prices.as_ref().and_then(|spec| prices(report, &format!("{at}.prices"), spec));
    let mut usable = |field: &str, text: &str, fits: bool| {
        if !fits {
            let message =
                format!("{} is no model's name, so the model is left out; correct it", quoted(text));
            report.add(Code::InvalidValue, format!("{at}.{field}"), message);
        }
        fits
    };
    let mut fits = usable("name", &spec.name, is_model_name(&spec.name));
    if let Some(name) = &spec.upstream_name {
        fits &= usable("upstreamName", name, name.len() <= 256 && is_visible_ascii(name.as_bytes()));
    }
    fits.then(|| Model {
        name: spec.name.clone(),
        upstream_name: spec.upstream_name.as_ref().unwrap_or(&spec.name).clone(),
        context_window,
        prices,
    })
}

/// All prices or none: a charge with one of them missing would be wrong rather than unknown.
fn prices(report: &mut Report, at: &str, spec: &ModelPrices) -> Option<Prices> {
    let mut read = |field: &str, text: &Usd| {
        parsed_or(report, &format!("{at}.{field}"), text.parse(), "so all prices of the model are unknown")
    };
    let input = read("input", &spec.input);
    let output = read("output", &spec.output);
    let cache_read = match &spec.cache_read {
        Some(text) => Some(read("cacheRead", text)?),
        None => None,
    };
    Some(Prices { input: input?, output: output?, cache_read })
}
