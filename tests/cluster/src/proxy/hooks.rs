//! What tests want to happen at which call. Counting is done under a lock; what a test gave us runs outside of it,
//! for it may ask the proxy something.

use super::{Answer, Call};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What becomes of a call after its hook has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing special.
    PassOn,
    /// The connection is closed without an answer.
    Break,
    /// No answer ever comes: for a client inside this process, which dies only where it waits.
    Hang,
}

pub(super) type Which = Box<dyn Fn(&Call) -> bool + Send>;
pub(super) type Act = Box<dyn FnOnce(&Call) -> Then + Send>;
type Answering = Arc<dyn Fn(&Call) -> Option<Answer> + Send + Sync>;

struct Hook {
    which: Which,
    /// How many calls it still lets pass.
    left: usize,
    act: Act,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    answers: Vec<Answering>,
    before: Vec<Hook>,
    after: Vec<Hook>,
}

#[derive(Default)]
pub(super) struct Hooks(Mutex<State>);

impl Hooks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub(super) fn before(&self, n: usize, which: Which, act: Act) {
        self.state().before.push(Hook { which, left: n.saturating_sub(1), act });
    }

    pub(super) fn after(&self, n: usize, which: Which, act: Act) {
        self.state().after.push(Hook { which, left: n.saturating_sub(1), act });
    }

    pub(super) fn answer(&self, answering: Answering) {
        self.state().answers.push(answering);
    }

    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.answers.clear();
        state.before.clear();
        state.after.clear();
    }

    /// A call has come.
    pub(super) fn arrived(&self, call: &Call) -> Then {
        let due = {
            let mut state = self.state();
            state.calls.push(call.clone());
            take_due(&mut state.before, call)
        };
        run(due, call)
    }

    /// What the client is told in the server's stead.
    pub(super) fn answer_to(&self, call: &Call) -> Option<Answer> {
        let answers = self.state().answers.clone();
        answers.iter().find_map(|answering| answering(call))
    }

    /// The server has answered.
    pub(super) fn answered(&self, call: &Call) -> Then {
        let due = take_due(&mut self.state().after, call);
        run(due, call)
    }
}

/// Counts `call` for each hook and takes out those that waited for it.
fn take_due(hooks: &mut Vec<Hook>, call: &Call) -> Vec<Act> {
    let mut due = Vec::new();
    let mut rest = Vec::new();
    for mut hook in hooks.drain(..) {
        match (hook.which)(call) {
            true if hook.left == 0 => due.push(hook.act),
            counts => {
                hook.left -= usize::from(counts);
                rest.push(hook);
            }
        }
    }
    *hooks = rest;
    due
}

/// The first that wants something special is heard; all run.
fn run(due: Vec<Act>, call: &Call) -> Then {
    let wishes: Vec<Then> = due.into_iter().map(|act| act(call)).collect();
    wishes.into_iter().find(|then| *then != Then::PassOn).unwrap_or(Then::PassOn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn call(path: &str) -> Call {
        Call { method: Method::GET, path: path.into(), query: String::new() }
    }

    #[test]
    fn a_hook_fires_once_at_its_call() {
        let hooks = Hooks::default();
        hooks.before(2, Box::new(|call| call.path == "/a"), Box::new(|_| Then::Break));
        let fired: Vec<Then> = ["/a", "/b", "/a", "/a"].map(|path| hooks.arrived(&call(path))).to_vec();
        assert_eq!(fired, [Then::PassOn, Then::PassOn, Then::Break, Then::PassOn]);
        assert_eq!(hooks.calls().len(), 4);
    }

    #[test]
    fn hooks_after_an_answer_count_answers_and_may_ask_the_proxy() {
        let hooks = Arc::new(Hooks::default());
        let inner = hooks.clone();
        hooks.after(
            1,
            Box::new(|_| true),
            Box::new(move |_| {
                assert_eq!(inner.calls().len(), 2);
                Then::Hang
            }),
        );
        assert_eq!([hooks.arrived(&call("/a")), hooks.arrived(&call("/a"))], [Then::PassOn; 2]);
        assert_eq!([hooks.answered(&call("/a")), hooks.answered(&call("/a"))], [Then::Hang, Then::PassOn]);
    }

    #[test]
    fn what_is_forgotten_does_nothing() {
        let hooks = Hooks::default();
        hooks.answer(Arc::new(|_| Some(Answer::gone())));
        hooks.before(1, Box::new(|_| true), Box::new(|_| Then::Break));
        assert_eq!(hooks.answer_to(&call("/a")), Some(Answer::gone()));
        hooks.forget();
        assert_eq!((hooks.answer_to(&call("/a")), hooks.arrived(&call("/a"))), (None, Then::PassOn));
    }
}
