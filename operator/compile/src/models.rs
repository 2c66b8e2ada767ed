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
    let mut tokens = |field: &str, value| integer(report, &format!("{at}.{field}"), value, 1..=1_000_000_000);
    let context_window = tokens("contextWindow", spec.context_window);
    let max_output_tokens = tokens("maxOutputTokens", spec.max_output_tokens);
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
        max_output_tokens,
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
    // Each is read whatever became of the others, so that all findings come at once.
    let mut optional = |field: &str, text: &Option<Usd>| match text {
        Some(text) => read(field, text).map(Some),
        None => Some(None),
    };
    let cache_read = optional("cacheRead", &spec.cache_read);
    let cache_write = optional("cacheWrite", &spec.cache_write);
    let cache_write_1h = optional("cacheWrite1h", &spec.cache_write_1h);
    Some(Prices {
        input: input?,
        output: output?,
        cache_read: cache_read?,
        cache_write: cache_write?,
        cache_write_1h: cache_write_1h?,
    })
}
