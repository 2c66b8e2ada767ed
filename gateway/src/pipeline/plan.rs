//! Where a request may go: facts in, owned offers out. Plain data, made once, free of the call.

use crate::label::Chosen;
use crate::live::{ChosenModel, Health, LiveRoute, LiveTarget};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;
use weir_config::{Model, UnixSeconds, UsageOption};
use weir_policy::{Decision, Planned, Reason, TargetFacts, decide};
use weir_wire::{Account, Additions, Api, Asked, Encoded, Envelope, Reading, Unsayable};

/// A target that may be asked, and the model that the request would use there.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) target: Arc<LiveTarget>,
    pub(crate) model: Arc<Model>,
    pub(crate) chosen: Chosen,
    pub(crate) health: Arc<Health>,
}

/// The order in which a request's targets are asked, and why some are not.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The best first.
    pub(crate) offers: SmallVec<[Offer; 2]>,
    /// The same for the walk through them: each by its position among them.
    pub(crate) order: Vec<Planned>,
    pub(crate) left_out: Vec<Reason>,
    /// Targets that the configuration names and nobody can ask: their provider is broken.
    pub(crate) broken: usize,
}

impl Plan {
    /// For a request that asks `route` for `model`.
    pub(crate) fn new(route: &LiveRoute, model: &str) -> Self {
        let mut offered: SmallVec<[_; 2]> = route.targets.iter().map(|target| target.model(model)).collect();
        let facts: SmallVec<[TargetFacts; 2]> = route
            .targets
            .iter()
            .zip(&offered)
            .map(|(target, model)| TargetFacts {
                priority: target.priority,
                suspended: target.provider.suspended,
                offered: model.is_some(),
                context_window: model.as_ref().and_then(|chosen| chosen.model.context_window),
            })
            .collect();
        let Decision { mut order, left_out } = decide(&facts);
        let mut offers = SmallVec::with_capacity(order.len());
        order.retain_mut(|planned| {
            let position = std::mem::replace(&mut planned.target, offers.len());
            let target = route.targets.get(position).map(Arc::clone);
            let model = offered.get_mut(position).and_then(Option::take);
            let offer = target.zip(model).map(|(target, chosen)| {
                let ChosenModel { model, names, health } = chosen;
                Offer { target, model, chosen: names, health }
            });
            offers.extend(offer);
            planned.target < offers.len()
        });
        Self {
            offers,
            order,
            left_out: left_out.into_iter().map(|left_out| left_out.reason).collect(),
            broken: route.broken,
        }
    }
}

impl Offer {
    /// Whether the usage of a stream of `tenant` should be asked for.
    pub(crate) fn wants_usage_option(&self, tenant: &str, now: UnixSeconds) -> bool {
        self.target.provider.vendor.row().usage == UsageOption::Ask
            && !self.health.refuses_usage_option.holds(tenant, now)
    }

    /// What is spoken there.
    pub(crate) fn speaks(&self) -> Api {
        self.target.provider.vendor.row().speaks.into()
    }

    /// `request` as it is sent there, with a wish for a stream's `usage` or without.
    ///
    /// # Errors
    /// What is spoken there has no words for what it asks.
    pub(crate) fn encode(&self, request: &Asked, usage: bool) -> Result<Encoded, Unsayable> {
        request.encode(&self.account(), Additions { usage })
    }

    /// How what answers `request` there is read, and told under this `envelope`.
    pub(crate) fn reading(&self, request: &Asked, envelope: Envelope<'_>) -> Reading {
        request.reading(&self.account(), envelope)
    }

    fn account(&self) -> Account<'_> {
        Account {
            speaks: self.speaks(),
            row: self.target.provider.vendor.row(),
            model: &self.model.upstream_name,
            context_window: self.model.context_window,
            max_output_tokens: self.model.max_output_tokens,
            mark: &self.target.mark,
        }
    }

    /// Its whole time.
    pub(crate) fn total(&self) -> Duration {
        self.target.provider.timeouts.total
    }
}
