//! A route's targets: which of them can answer, and why the others cannot.
//!
//! A target that cannot is left out with a finding. What is wrong with a provider is said on the provider; the
//! route then only says that it lacks it.

use crate::codes::Code;
use crate::finding::Report;
use crate::provider;
use crate::resolve::resolve_ref;
use crate::route::{self, PublicName};
use crate::values::{in_range, is_label, is_model_name, listed, parsed_or, quoted};
use std::collections::{BTreeMap, BTreeSet};
use weir_config::{ModelPattern, ObjectName, Provider, Target};
use weir_crds::Kind;
use weir_crds::RouteTarget;

/// Every provider that there is; `None` for those that are left out.
pub(crate) type Providers = BTreeMap<ObjectName, Option<provider::Draft>>;

/// The usable targets of `route`, in their order.
pub(crate) fn resolve(route: &route::Draft<'_>, providers: &Providers) -> (Vec<Target>, Report) {
    let mut report = Report::on(Kind::Route, &route.node.name);
    let mut targets: Vec<Target> = Vec::new();
    let mut lost = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, spec) in route.node.object.spec.targets.iter().enumerate() {
        let mut look = Look { report: &mut report, at: format!("spec.targets[{index}]"), route, providers };
        let target = if seen.insert(spec.name.as_str()) { look.target(spec) } else { look.twice(spec) };
        match target {
            Ok(target) => targets.push(target),
            Err(why) => lost.push(format!("{} ({why})", quoted(&spec.name))),
        }
    }
    if targets.is_empty() {
        let why = if lost.is_empty() { "none is given".to_owned() } else { listed(&lost) };
        let message = format!(
            "no target is usable: {why}; requests are answered 503 until one is; correct the targets or \
             their providers"
        );
        report.add(Code::NoTargets, "spec.targets", message);
    } else if !lost.is_empty() {
        let message = format!(
            "{} of {} targets are usable, left out: {}; correct the targets or their providers",
            targets.len(),
            targets.len() + lost.len(),
            listed(&lost)
        );
        report.add(Code::PartiallyResolved, "spec.targets", message);
    }
    (targets, report)
}

/// One target being looked at.
struct Look<'a> {
    report: &'a mut Report,
    at: String,
    route: &'a route::Draft<'a>,
    providers: &'a Providers,
}

impl Look<'_> {
    fn refuse<T>(&mut self, code: Code, field: &str, message: String, why: &str) -> Result<T, String> {
        self.report.add(code, format!("{}.{field}", self.at), message);
        Err(why.to_owned())
    }

    fn twice(&mut self, spec: &RouteTarget) -> Result<Target, String> {
        let message = format!("{} names an earlier target, too; rename one of the two", quoted(&spec.name));
        self.refuse(Code::InvalidValue, "name", message, "its name is taken")
    }

    /// The target, or why it is left out in a few words.
    fn target(&mut self, spec: &RouteTarget) -> Result<Target, String> {
        if !is_label(&spec.name) {
            let message =
                format!("{} is no DNS label, so the target is left out; rename it", quoted(&spec.name));
            return self.refuse(Code::InvalidValue, "name", message, "no valid name");
        }
        let (provider, draft) = self.provider(spec)?;
        match &spec.model {
            Some(model) => self.offers(draft, model)?,
            None => self.offers_names(draft)?,
        }
        let field = format!("{}.priority", self.at);
        // Out of range: as near as it gets, so that a fallback does not become the first choice.
        let nearest = spec.priority.clamp(0, 1000).unsigned_abs();
        let priority = in_range(spec.priority.into(), &(0..=1000));
        let consequence = format!("so it counts as {nearest}");
        Ok(Target {
            name: spec.name.clone(),
            provider,
            model: spec.model.clone(),
            priority: parsed_or(self.report, &field, priority, &consequence).unwrap_or(nearest),
        })
    }
}

impl<'a> Look<'a> {
    fn provider(&mut self, spec: &RouteTarget) -> Result<(ObjectName, &'a Provider), String> {
        let from = &self.route.node.name;
        let wanted = &spec.provider_ref.name;
        match resolve_ref(self.providers, from, wanted) {
            Some((name, Some(draft))) => Ok((name.clone(), draft.provider())),
            Some((name, None)) => Err(format!("LLMProvider {name} is broken, see there")),
            None => {
                let message = format!(
                    "there is no LLMProvider {} in namespace {}; create it, or correct the name",
                    quoted(wanted),
                    from.namespace
                );
                self.refuse(Code::ProviderNotFound, "providerRef.name", message, "no such provider")
            }
        }
    }

    fn offers(&mut self, provider: &Provider, model: &str) -> Result<(), String> {
        if !is_model_name(model) {
            let message = format!("{} is no model's name, so the target is left out", quoted(model));
            return self.refuse(Code::InvalidValue, "model", message, "no valid model");
        }
        if provider.model(model).is_some() {
            return Ok(());
        }
        let message = format!(
            "LLMProvider {} does not list {model}; it lists {}; add it there, or name one of these",
            provider.name,
            listed(&provider.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>())
        );
        self.refuse(Code::ModelNotOffered, "model", message, "model not offered")
    }

    /// Without a model of its own a target is asked for the route's public names.
    fn offers_names(&mut self, provider: &Provider) -> Result<(), String> {
        let missing: Vec<&ModelPattern> = self
            .route
            .names
            .iter()
            .map(|PublicName { pattern, .. }| pattern)
            .filter(|pattern| !offers_some(provider, pattern))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the target has no model of its own and LLMProvider {} does not list {}; name a model, or list \
             it there",
            provider.name,
            listed(&missing)
        );
        if missing.len() == self.route.names.len() {
            return self.refuse(Code::ModelNotOffered, "model", message, "model not offered");
        }
        self.report.add(Code::PartiallyOffered, format!("{}.model", self.at), message);
        Ok(())
    }
}

fn offers_some(provider: &Provider, pattern: &ModelPattern) -> bool {
    match pattern {
        ModelPattern::Exact(name) => provider.model(name).is_some(),
        ModelPattern::Prefix(_) => {
            provider.models.is_empty() || provider.models.iter().any(|model| pattern.matches(&model.name))
        }
    }
}
