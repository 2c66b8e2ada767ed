//! A public model: its targets joined with their accounts, and its retry budget.

use crate::label::{Chosen, Label};
use crate::limits::RescueBudget;
use crate::upstream::Account;
use std::sync::Arc;
use weir_config::{Model, OnAbort, Route};

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
        self.targets.iter().any(|target| target.account.provider.on_abort == OnAbort::Continues)
    }
}

/// One (provider, model) behind a route.
#[derive(Debug)]
pub(crate) struct LiveTarget {
    pub(crate) name: Label,
    pub(crate) account: Arc<Account>,
    pub(crate) provider: Label,
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
    /// The model for a request that asks for `asked`, and how it is named; `None` if the provider doesn't offer it.
    pub(crate) fn model(&self, asked: &str) -> Option<(Arc<Model>, Chosen)> {
        match &self.model {
            ModelChoice::Fixed(model, chosen) => Some((Arc::clone(model), chosen.clone())),
            ModelChoice::Asked => {
                let model = self.account.provider.model(asked)?;
                let listed = !self.account.provider.models.is_empty();
                let label = if listed { Label::new(&model.name) } else { Label::unlisted(&model.name) };
                let chosen = Chosen::new(&self.name, self.provider.clone(), label);
                Some((Arc::new(model), chosen))
            }
        }
    }
}
