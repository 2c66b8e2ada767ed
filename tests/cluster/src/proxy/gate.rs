//! Whether anything flows: one switch for every connection.

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Flow {
    #[default]
    Open,
    /// Nothing moves, nothing is closed.
    Stalled,
    /// New connections are closed at once.
    Broken,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    flow: Flow,
    /// How often all connections were closed.
    cuts: u64,
}

#[derive(Clone)]
pub(super) struct Gate(watch::Sender<State>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(State::default()))
    }
}

impl Gate {
    pub(super) fn set(&self, flow: Flow) {
        self.0.send_modify(|state| state.flow = flow);
    }

    pub(super) fn cut(&self) {
        self.0.send_modify(|state| state.cuts += 1);
    }

    /// Returns once things may move; at once while they do.
    pub(super) async fn open(&self) {
        // It fails when the sender is gone, and we hold one.
        let _ = self.0.subscribe().wait_for(|state| state.flow == Flow::Open).await;
    }

    /// A wait for the end of a connection that begins now; over at once if none may begin.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut states = self.0.subscribe();
        let begun = *states.borrow();
        async move {
            let _ = states.wait_for(|state| state.cuts != begun.cuts || state.flow == Flow::Broken).await;
        }
    }
}
