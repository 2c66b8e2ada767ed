//! Which request gets which answer: a strict upstream's refusal, else rules, then the queue of one-shot answers,
//! then the default.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::{Answer, Seen, strict};

type Matches = Arc<dyn Fn(&Seen) -> bool + Send + Sync>;

/// An answer for the requests that match. Among several rules the one added first wins.
#[derive(Clone)]
pub struct Rule {
    matches: Matches,
    answer: Answer,
    left: Option<usize>,
}

impl Rule {
    /// For requests that satisfy `matches`.
    pub fn when(matches: impl Fn(&Seen) -> bool + Send + Sync + 'static, answer: impl Into<Answer>) -> Self {
        Self { matches: Arc::new(matches), answer: answer.into(), left: None }
    }

    /// For requests whose body names this model.
    pub fn model(model: impl Into<String>, answer: impl Into<Answer>) -> Self {
        let model = model.into();
        Self::when(move |seen| seen.model().as_deref() == Some(&model), answer)
    }

    /// For requests whose path (without query) ends like this.
    pub fn path(ends_with: impl Into<String>, answer: impl Into<Answer>) -> Self {
        let end = ends_with.into();
        Self::when(move |seen| seen.path.split('?').next().is_some_and(|path| path.ends_with(&end)), answer)
    }

    /// Holds for so many requests only.
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("answer", &self.answer).field("left", &self.left).finish_non_exhaustive()
    }
}

/// All that one upstream was told.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) rules: Vec<Rule>,
    pub(crate) once: VecDeque<Answer>,
    pub(crate) default: Answer,
    pub(crate) models: Answer,
    pub(crate) strict: bool,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            rules: Vec::new(),
            once: VecDeque::new(),
            default: Answer::says("Hello from the upstream."),
            models: Answer::models(["fake"]),
            strict: false,
        }
    }

    /// Lists of models take nothing from the queue, so that a gateway's own polling cannot upset a test.
    pub(crate) fn next(&mut self, seen: &Seen) -> Answer {
        if let Some(refusal) = self.strict.then(|| strict::refusal(seen)).flatten() {
            return refusal;
        }
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.left != Some(0) && (rule.matches)(seen)) {
            rule.left = rule.left.map(|left| left - 1);
            return rule.answer.clone();
        }
        if seen.method == "GET" && seen.path.split('?').next().is_some_and(|path| path.ends_with("/models")) {
            return self.models.clone();
        }
        self.once.pop_front().unwrap_or_else(|| self.default.clone())
    }
}
