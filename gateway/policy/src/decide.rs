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

/// Orders the targets of a route that may be tried, the best first: by priority, then as they stand in the manifest.
/// Left out are those whose provider is suspended or does not offer the model. Empty: nobody can answer.
pub fn decide(targets: &[TargetFacts]) -> Vec<Planned> {
    let planned = targets.iter().enumerate().filter(|(_, facts)| facts.offered && !facts.suspended);
    let mut order: Vec<Planned> =
        planned.map(|(target, facts)| Planned { target, context_window: facts.context_window }).collect();
    let priority = |planned: &Planned| targets.get(planned.target).map(|facts| facts.priority);
    order.sort_unstable_by_key(|planned| (priority(planned), planned.target));
    order
}

#[cfg(test)]
mod tests;
