//! A route's targets: which of them can answer, and why the others cannot.
//!
//! A target that cannot is left out with a finding. What is wrong with a provider is said on the provider; the
//! route then only says that it lacks it.

use crate::codes::Code;
use crate::finding::Report;
use crate::provider;
use crate::resolve::{Wanted, leads_nowhere, resolve_ref};
use crate::route::{self, PublicName};
use crate::values::{in_range, is_label, is_model_name, listed, parsed_or, quoted};
use std::collections::{BTreeMap, BTreeSet};
use weir_config::{ModelPattern, ObjectName, Provider, Target};
use weir_crds::Kind;
use weir_crds::RouteTarget;

/// Every provider that there is.
pub(crate) type Providers = BTreeMap<ObjectName, provider::Account>;

/// What became of a route's targets.
#[derive(Default)]
pub(crate) struct Resolved {
    /// Those that can answer, in their order.
    pub(crate) usable: Vec<Target>,
    /// All of them, each name once, in their order.
    pub(crate) states: Vec<TargetState>,
    /// Those that they name and that admit the route, usable or not.
    pub(crate) providers: BTreeSet<ObjectName>,
}

/// Whether requests can go to a target, as far as the configuration goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// Its name in the route's spec.
    pub name: String,
    /// Why they cannot; `None`: they can.
    pub unavailable: Option<Code>,
}

/// Why a target is left out: for its state, and in a few words for the route's message.
struct Lost {
    code: Code,
    why: String,
}

/// Looks at the targets of `route`.
pub(crate) fn resolve(route: &route::Draft<'_>, providers: &Providers) -> (Resolved, Report) {
    let mut report = Report::on(Kind::Route, &route.node.name);
    let mut resolved = Resolved::default();
    let mut lost = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, spec) in route.node.object.spec.targets.iter().enumerate() {
        let named = resolve_ref(providers, (Kind::Route, &route.node.name), (&spec.provider_ref).into());
        resolved.providers.extend(named.map(|(name, _)| name.clone()));
        let mut look = Look { report: &mut report, at: format!("spec.targets[{index}]"), route };
        let is_first = seen.insert(spec.name.as_str());
        let target = if is_first { look.target(spec, named) } else { look.twice(spec) };
        if is_first {
            let unavailable = target.as_ref().map_or_else(|lost| Some(lost.code), |_| suspended(named));
            resolved.states.push(TargetState { name: spec.name.clone(), unavailable });
        }
        match target {
            Ok(target) => resolved.usable.push(target),
            Err(Lost { why, .. }) => lost.push(format!("{} ({why})", quoted(&spec.name))),
        }
    }
    summary(&mut report, &resolved.usable, &lost);
    (resolved, report)
}

/// A provider that a target names.
type Named<'w> = Option<(&'w ObjectName, &'w provider::Account)>;

/// A suspended provider stays in the snapshot, so that running requests finish; new ones do not go there.
fn suspended(named: Named<'_>) -> Option<Code> {
    let draft = named.and_then(|(_, account)| account.draft.as_ref())?;
    draft.provider().suspended.then_some(Code::ProviderSuspended)
}

/// Says of the route how many of its targets are left, unless all are.
fn summary(report: &mut Report, targets: &[Target], lost: &[String]) {
    if targets.is_empty() {
        let why = if lost.is_empty() { "none is given".to_owned() } else { listed(lost) };
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
            listed(lost)
        );
        report.add(Code::PartiallyResolved, "spec.targets", message);
    }
}

/// One target being looked at.
struct Look<'a> {
    report: &'a mut Report,
    at: String,
    route: &'a route::Draft<'a>,
}

impl Look<'_> {
    fn refuse<T>(&mut self, code: Code, field: &str, message: String, why: &str) -> Result<T, Lost> {
        self.report.add(code, format!("{}.{field}", self.at), message);
        Err(Lost { code, why: why.to_owned() })
    }

    fn twice(&mut self, spec: &RouteTarget) -> Result<Target, Lost> {
        let message = format!("{} names an earlier target, too; rename one of the two", quoted(&spec.name));
        self.refuse(Code::InvalidValue, "name", message, "its name is taken")
    }

    /// The target, or why it is left out.
    fn target(&mut self, spec: &RouteTarget, named: Named<'_>) -> Result<Target, Lost> {
        if !is_label(&spec.name) {
            let message =
                format!("{} is no DNS label, so the target is left out; rename it", quoted(&spec.name));
            return self.refuse(Code::InvalidValue, "name", message, "no valid name");
        }
        let provider = self.provider(spec, named)?;
        match &spec.model {
            Some(model) => self.offers(provider, model)?,
            None => self.offers_names(provider)?,
        }
        let field = format!("{}.priority", self.at);
        let given = spec.priority.unwrap_or(0);
        // Out of range: as near as it gets, so that a fallback does not become the first choice.
        let nearest = given.clamp(0, 1000).unsigned_abs();
        let priority = in_range(given.into(), &(0..=1000));
        let consequence = format!("so it counts as {nearest}");
        Ok(Target {
            name: spec.name.clone(),
            provider: provider.name.clone(),
            model: spec.model.clone(),
            priority: parsed_or(self.report, &field, priority, &consequence).unwrap_or(nearest),
        })
    }

    fn provider<'w>(&mut self, spec: &RouteTarget, named: Named<'w>) -> Result<&'w Provider, Lost> {
        let Some((name, account)) = named else {
            let wanted = Wanted::from(&spec.provider_ref);
            let message = leads_nowhere(Kind::Provider, &self.route.node.name, wanted, "");
            return self.refuse(Code::ProviderNotFound, "providerRef.name", message, "no such provider");
        };
        account.draft.as_ref().map(provider::Draft::provider).ok_or_else(|| Lost {
            code: Code::ProviderUnusable,
            why: format!("LLMProvider {name} is broken, see there"),
        })
    }

    fn offers(&mut self, provider: &Provider, model: &str) -> Result<(), Lost> {
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
    fn offers_names(&mut self, provider: &Provider) -> Result<(), Lost> {
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
