//! A public model: its targets joined with their providers, and its retry budget.

use super::health::{Health, Healths};
use crate::label::{Chosen, Label};
use crate::limits::RescueBudget;
use crate::upstream::Site;
use std::sync::Arc;
use weir_config::{Model, OnAbort, Provider, Route};

/// A route, ready to be decided on.
#[derive(Debug)]
pub(crate) struct LiveRoute {
    pub(crate) config: Arc<Route>,
    pub(crate) label: Label,
    pub(crate) targets: Vec<Arc<LiveTarget>>,
    /// Targets that the configuration names and nobody can ask: their provider is broken.
    pub(crate) broken: usize,
    pub(crate) rescue: Arc<RescueBudget>,
}

impl LiveRoute {
    /// Whether one of its targets is with a vendor that keeps billing after we hang up.
    pub(crate) fn keeps_billing(&self) -> bool {
        self.targets.iter().any(|target| target.keeps_billing())
    }
}

/// One (provider, model) behind a route.
#[derive(Debug)]
pub(crate) struct LiveTarget {
    pub(super) name: Label,
    pub(crate) provider: Arc<Provider>,
    pub(super) provider_name: Label,
    pub(crate) site: Arc<Site>,
    pub(super) healths: Arc<Healths>,
    pub(super) model: ModelChoice,
    pub(crate) priority: u32,
    /// What tells its provider from all others in a few letters and digits.
    pub(crate) mark: Arc<str>,
}

/// Which model a target uses.
#[derive(Debug)]
pub(super) enum ModelChoice {
    /// Always this one.
    Fixed(ChosenModel),
    /// The one asked for, as the provider knows it. It is counted as `other` unless the provider lists it: a metric's
    /// label never comes from a caller.
    Asked,
}

/// A model at a target.
#[derive(Debug, Clone)]
pub(crate) struct ChosenModel {
    pub(crate) model: Arc<Model>,
    pub(crate) names: Chosen,
    pub(crate) health: Arc<Health>,
}

impl LiveTarget {
    /// Whether its vendor keeps billing after we hang up.
    pub(crate) fn keeps_billing(&self) -> bool {
        self.provider.on_abort == OnAbort::Continues
    }

    /// The model for a request that asks for `asked`; `None` if the provider doesn't offer it.
    pub(crate) fn model(&self, asked: &str) -> Option<ChosenModel> {
        match &self.model {
            ModelChoice::Fixed(chosen) => Some(chosen.clone()),
            ModelChoice::Asked => {
                let model = self.provider.model(asked)?;
                let listed = !self.provider.models.is_empty();
                let label = if listed { Label::new(&model.name) } else { Label::unlisted(&model.name) };
                let names = Chosen::new(&self.name, self.provider_name.clone(), label);
                let health = self.healths.get(&model.upstream_name);
                Some(ChosenModel { model: Arc::new(model), names, health })
            }
        }
    }
}
