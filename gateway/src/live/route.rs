//! A public model: its targets joined with their accounts, and its retry budget.

use super::health::{Health, LearnsAs};
use crate::label::{Chosen, Label};
use crate::limits::RescueBudget;
use crate::upstream::Site;
use std::sync::Arc;
use weir_config::{Model, OnAbort, Provider, Route, UnixSeconds, UsageOption};

/// A route, ready to be decided on.
#[derive(Debug)]
pub(crate) struct LiveRoute {
    pub(crate) config: Arc<Route>,
    pub(crate) label: Label,
    pub(crate) targets: Vec<Arc<LiveTarget>>,
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
    pub(crate) name: Label,
    pub(crate) provider: Arc<Provider>,
    /// The provider's name.
    pub(crate) label: Label,
    pub(crate) site: Arc<Site>,
    pub(crate) health: Arc<Health>,
    pub(crate) model: ModelChoice,
    pub(crate) priority: u32,
}

/// Which model a target uses.
#[derive(Debug)]
pub(crate) enum ModelChoice {
    /// Always this one.
    Fixed(Arc<Model>, Chosen),
    /// The one asked for, as the provider knows it. It is counted as `other` unless the provider lists it: a metric's
    /// label never comes from a caller.
    Asked,
}

impl LiveTarget {
    /// Whom else it learns with.
    pub(super) fn learns_as(&self) -> LearnsAs {
        let model = match &self.model {
            ModelChoice::Fixed(model, _) => Some(model.name.clone()),
            ModelChoice::Asked => None,
        };
        (self.provider.name.clone(), model)
    }

    /// Whether its vendor keeps billing after we hang up.
    pub(crate) fn keeps_billing(&self) -> bool {
        self.provider.on_abort == OnAbort::Continues
    }

    /// Whether the usage of a stream of `tenant` should be asked for.
    pub(crate) fn wants_usage_option(&self, tenant: &str, now: UnixSeconds) -> bool {
        self.provider.vendor.row().usage == UsageOption::Ask
            && !self.health.refuses_usage_option.holds(tenant, now)
    }

    /// The model for a request that asks for `asked`, and how it is named; `None` if the provider doesn't offer it.
    pub(crate) fn model(&self, asked: &str) -> Option<(Arc<Model>, Chosen)> {
        match &self.model {
            ModelChoice::Fixed(model, chosen) => Some((Arc::clone(model), chosen.clone())),
            ModelChoice::Asked => {
                let model = self.provider.model(asked)?;
                let listed = !self.provider.models.is_empty();
                let label = if listed { Label::new(&model.name) } else { Label::unlisted(&model.name) };
                let chosen = Chosen::new(&self.name, self.label.clone(), label);
                Some((Arc::new(model), chosen))
            }
        }
    }
}
