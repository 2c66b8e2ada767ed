//! What is learned of targets while they are asked.

use super::lesson::Lesson;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is learned of one model at one provider, by whatever routes it is asked. It depends on where requests go, and
/// outlives every other edit (semantics S10.12).
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The upstream refuses the usage option (semantics S2.6).
    pub(crate) refuses_usage_option: Lesson,
}

/// What is learned at one provider, by the name that it has for the model.
#[derive(Debug, Default)]
pub(super) struct Healths {
    named: BTreeMap<String, Arc<Health>>,
    /// Of all models that no configuration names: callers can make up any number of them.
    others: Arc<Health>,
}

impl Healths {
    /// Of the models with these `names`; what was known `before` stays.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>, before: Option<&Self>) -> Self {
        let known = |name: &str| before.and_then(|before| before.named.get(name)).map(Arc::clone);
        Self {
            named: names.map(|name| (name.to_owned(), known(name).unwrap_or_default())).collect(),
            others: before.map(|before| Arc::clone(&before.others)).unwrap_or_default(),
        }
    }

    /// Whether they are of the same models.
    pub(super) fn are_of_the_same(&self, other: &Self) -> bool {
        self.named.keys().eq(other.named.keys())
    }

    /// That of the model which the provider knows as `name`.
    pub(super) fn get(&self, name: &str) -> Arc<Health> {
        Arc::clone(self.named.get(name).unwrap_or(&self.others))
    }
}
