//! What is learned of a target while it is asked.

use super::lesson::Lesson;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_config::ObjectName;

/// What is learned of one model at one provider, by whatever routes it is asked. It depends on where requests go, and
/// outlives every other edit (semantics S10.12).
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The upstream refuses the usage option (semantics S2.6).
    pub(crate) refuses_usage_option: Lesson,
}

/// A provider and its model; of models that only callers name, the provider alone.
pub(super) type LearnsAs = (ObjectName, Option<String>);

/// All that is known.
pub(super) type Healths = BTreeMap<LearnsAs, Arc<Health>>;
