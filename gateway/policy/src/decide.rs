//! Which targets a request may go to, and in which order (semantics S6.1, S6.2).
//!
//! It knows facts about targets, never the targets themselves: a target is its position in the route. The only
//! strategy yet is Priority.

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

/// Why a target is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its provider takes no new requests.
    Suspended,
    /// Its provider does not offer the model.
    NotOffered,
}

/// One target that is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// Its position in the route.
    pub target: usize,
    /// Why.
    pub reason: Reason,
}

/// Every target of a route, in one list or the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Those that may be tried, the best first. Empty: nobody can answer.
    pub order: Vec<Planned>,
    /// The others, as they stand in the route.
    pub left_out: Vec<LeftOut>,
}

/// Decides which targets of a route may be tried: the best first, by priority, then as they stand in the manifest.
pub fn decide(targets: &[TargetFacts]) -> Decision {
    let mut decision = Decision::default();
    for (target, facts) in targets.iter().enumerate() {
        match facts.hindrance() {
            None => decision.order.push(Planned { target, context_window: facts.context_window }),
            Some(reason) => decision.left_out.push(LeftOut { target, reason }),
        }
    }
    let priority = |planned: &Planned| targets.get(planned.target).map(|facts| facts.priority);
    decision.order.sort_unstable_by_key(|planned| (priority(planned), planned.target));
    decision
}

impl TargetFacts {
    /// Why the target is not tried, if it is not.
    fn hindrance(&self) -> Option<Reason> {
        match (self.suspended, self.offered) {
            (true, _) => Some(Reason::Suspended),
            (false, false) => Some(Reason::NotOffered),
            (false, true) => None,
        }
    }
}

#[cfg(test)]
mod tests;
