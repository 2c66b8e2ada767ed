//! The signals that end a process: the first lets running answers finish, the second cuts them off.

use crate::Running;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Incoming;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// SIGINT and SIGTERM, counted. Without it they end the process at once.
#[derive(Debug, Clone)]
pub struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Listens from now on, and calls `heard` at each signal, on a thread of its own.
    ///
    /// # Errors
    /// The system gives no handler or no thread.
    pub fn listen(mut heard: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let mut incoming = Incoming::new([SIGINT, SIGTERM])?;
        thread::Builder::new().name("weir-signals".to_owned()).spawn(move || {
            for _ in incoming.forever() {
                counter.fetch_add(1, Ordering::SeqCst);
                heard();
            }
        })?;
        Ok(Self(count))
    }

    /// Whether there was more than one: whoever repeats it does not want to wait.
    fn repeated(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 1
    }
}

impl Running {
    /// Ends in order and blocks until all is done: [`Running::drain`], which a second signal cuts short, then
    /// [`Running::stop`]. False if it was cut short.
    pub fn end(self, signals: &Signals) -> bool {
        self.drain(|| signals.repeated());
        let in_order = !signals.repeated();
        self.stop();
        in_order
    }
}
