//! What a process is told from outside: SIGINT and SIGTERM end it, the first lets running answers finish, the second
//! cuts them off. SIGHUP and SIGUSR1 open the usage log anew, as whoever rotates logs asks for, and never end it.

use crate::Running;
use crate::observe::Reopen;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals as Incoming;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The signals of a process, heard. Without it each of them ends the process at once.
#[derive(Clone)]
pub struct Signals(Arc<Inner>);

struct Inner {
    /// SIGINT and SIGTERM so far.
    ends: AtomicUsize,
    heard: Mutex<Box<dyn FnMut() + Send>>,
    reopening: Mutex<Reopening>,
}

#[derive(Default)]
struct Reopening {
    /// Asked for before there was a log.
    asked: bool,
    log: Option<Reopen>,
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signals").field(&self.0.ends).finish()
    }
}

impl Signals {
    /// Listens from now on. Calls `heard` whenever the process is told to end: on a thread of its own at each signal,
    /// and when a gateway that obeys them has lost a part that it needs.
    ///
    /// # Errors
    /// The system gives no handler or no thread.
    pub fn listen(heard: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (ends, reopening) = Default::default();
        let signals = Self(Arc::new(Inner { ends, heard: Mutex::new(Box::new(heard)), reopening }));
        let inner = Arc::clone(&signals.0);
        let mut incoming = Incoming::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
        thread::Builder::new().name("weir-signals".to_owned()).spawn(move || {
            for signal in incoming.forever() {
                if matches!(signal, SIGHUP | SIGUSR1) {
                    inner.reopen();
                } else {
                    inner.ends.fetch_add(1, Ordering::SeqCst);
                    inner.end();
                }
            }
        })?;
        Ok(signals)
    }

    /// Whether there was more than one that ends: whoever repeats it does not want to wait.
    fn repeated(&self) -> bool {
        self.0.ends.load(Ordering::SeqCst) > 1
    }
}

impl Inner {
    fn end(&self) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)();
    }

    fn reopen(&self) {
        let mut reopening = self.reopening();
        match &reopening.log {
            Some(log) => log.reopen(),
            None => reopening.asked = true,
        }
    }

    fn reopening(&self) -> MutexGuard<'_, Reopening> {
        self.reopening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// From now on SIGHUP and SIGUSR1 open this gateway's usage log anew, and the loss of a part that it needs is
    /// heard as a signal to end.
    pub fn obey(&self, signals: &Signals) {
        let log = self.reopen();
        let mut reopening = signals.0.reopening();
        if reopening.asked {
            log.reopen();
        }
        reopening.log = Some(log);
        drop(reopening);
        let inner = Arc::clone(&signals.0);
        self.on_loss(move || inner.end());
    }

    /// Ends in order and blocks until all is done: [`Running::drain`], which a second signal cuts short, then
    /// [`Running::stop`]. False if it was cut short, or if it ends because a part of it was lost.
    pub fn end(self, signals: &Signals) -> bool {
        self.drain(|| signals.repeated());
        let in_order = !signals.repeated() && !self.has_lost();
        self.stop();
        in_order
    }
}
