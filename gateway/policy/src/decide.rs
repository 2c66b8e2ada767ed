//! Which targets a request may go to, and in which order (semantics S6.1, S6.2).
//!
//! The data path, `weir explain` and the usage log share this one decision, so every target that is not tried
//! has its reason. It knows facts about targets, never the targets themselves: a target is its position in the
//! route. The only strategy yet is Priority.

/// What deciding needs to know of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetFacts {
    /// Lower goes first.
    pub priority: u32,
    /// Its provider takes no new requests.
    pub suspended: bool,
    /// Its provider offers the model.
    pub offered: bool,
    /// Tokens that fit into its model's context, if known.
    pub context_window: Option<u64>,
}

/// One target that may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Its position in the route.
    pub target: usize,
    /// Tokens that fit into its model's context, if known.
    pub context_window: Option<u64>,
}

/// Why a target may not be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeftOut {
    /// Its provider is suspended.
    Suspended,
    /// Its provider does not offer the model.
    ModelNotOffered,
}

impl LeftOut {
    /// The reason in snake case, as in `attempts[]` and `/v1/explain`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::ModelNotOffered => "model_not_offered",
        }
    }
}

/// The ordered targets of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Those that may be tried, the best first. Empty: nobody can answer.
    pub order: Vec<Planned>,
    /// All others, by position in the route, with the reason.
    pub left_out: Vec<(usize, LeftOut)>,
}

/// Orders the targets of a route: by priority, then as they stand in the manifest.
pub fn decide(targets: &[TargetFacts]) -> Decision {
    let mut decision = Decision { order: Vec::with_capacity(targets.len()), left_out: Vec::new() };
    for (target, facts) in targets.iter().enumerate() {
        match reason(facts) {
            Some(reason) => decision.left_out.push((target, reason)),
            None => decision.order.push(Planned { target, context_window: facts.context_window }),
        }
    }
    let priority = |planned: &Planned| targets.get(planned.target).map(|facts| facts.priority);
    decision.order.sort_unstable_by_key(|planned| (priority(planned), planned.target));
    decision
}

/// Suspension first: it is what somebody did on purpose.
fn reason(facts: &TargetFacts) -> Option<LeftOut> {
    if facts.suspended {
        return Some(LeftOut::Suspended);
    }
    (!facts.offered).then_some(LeftOut::ModelNotOffered)
}

#[cfg(test)]
mod tests;
