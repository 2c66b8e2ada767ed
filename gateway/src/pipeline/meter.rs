//! The upstream's side of an answer that is still coming: it is settled once, however it ends. Who takes the answer, and
//! until when, others decide (`relay`, `drain`).

use super::call::Call;
use super::charge::{Known, charge};
use super::flow::Flow;

/// A committed answer and the request that it answers. Dropped, it books what has been seen of the answer by then.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) call: Box<Call>,
    pub(crate) flow: Flow,
}

impl Meter {
    /// Reads `flow` from now on. Nobody needs the request's body again.
    pub(crate) fn new(mut call: Box<Call>, flow: Flow) -> Self {
        call.go_on_with(&flow, 0);
        Self { call, flow }
    }

    /// Nobody takes what is ready; how many bytes that was.
    pub(crate) fn forget_ready(&mut self) -> usize {
        let ready = std::mem::take(&mut self.flow.ready).len();
        self.count(0);
        ready
    }

    /// Counts in the memory budget what is held now, `waiting` bytes that were given out included; false: there is no
    /// room for what it holds of an event.
    pub(crate) fn count(&mut self, waiting: usize) -> bool {
        self.call.count_flow(&self.flow, waiting)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let asked = self.call.request.facts().text_bytes;
        let charge = charge(&self.flow.model, asked, Known::of(&self.flow.reading));
        self.call.recorder.event.settle(charge);
    }
}
