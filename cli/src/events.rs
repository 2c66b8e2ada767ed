//! What `weir up` waits for: edits, signals and the time to look again.

use crate::manifest::drafts::CALM;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use weir_gateway::Signals;

/// Something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A manifest may have changed.
    Touched,
    /// The process is told to end.
    Signalled,
}

/// Files are looked at this long after they were touched, once for all that was touched meanwhile.
const BREATH: Duration = Duration::from_millis(50);
/// After an edit, files are looked at so seldom that it makes a fifth of one processor's time.
const REST: u32 = 4;
/// Files are looked at without being touched this often, or as seldom as makes a fiftieth of one processor's time:
/// not every file system tells of every edit, and a watch does not see past a link to a file.
const POLL: Duration = Duration::from_secs(1);
const IDLE: u32 = 50;
/// Nothing is put off for longer.
const SLOWEST_POLL: Duration = Duration::from_secs(10);

/// Listens for the signals that end the process, and puts each into the queue.
pub(crate) fn signals(events: Sender<Event>) -> io::Result<Signals> {
    Signals::listen(move || {
        // Nobody reads the queue any more once the process is about to end.
        let _ = events.send(Event::Signalled);
    })
}

/// How long to wait for the next look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// For so long also if something is touched.
    least: Duration,
    /// For so long if nothing is.
    most: Duration,
}

/// How long to wait if the last look `took` so long, and whether something `is_restless` and may count soon.
pub(crate) fn pause(took: Duration, is_restless: bool) -> Pause {
    let least = took.saturating_mul(REST).min(SLOWEST_POLL);
    let most =
        if is_restless { least.max(CALM) } else { took.saturating_mul(IDLE).clamp(POLL, SLOWEST_POLL) };
    Pause { least, most }
}

/// Waits until something was touched or the time has passed. False: a signal came.
pub(crate) fn wait(events: &Receiver<Event>, Pause { least, most }: Pause) -> bool {
    let began = Instant::now();
    let mut until = began + most;
    let mut is_touched = false;
    loop {
        match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Touched) if !is_touched => {
                is_touched = true;
                until = until.min((Instant::now() + BREATH).max(began + least));
            }
            Ok(Event::Touched) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Event::Signalled) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn s8_14_looks_take_no_more_than_their_share_of_a_processor() {
        let ms = Duration::from_millis;
        for (took, is_restless, least, most) in [
            (ms(1), false, ms(4), ms(1000)),
            (ms(1), true, ms(4), ms(200)),
            (ms(100), false, ms(400), ms(5000)),
            (ms(100), true, ms(400), ms(400)),
            (ms(60_000), true, ms(10_000), ms(10_000)),
            (ms(60_000), false, ms(10_000), ms(10_000)),
        ] {
            assert_eq!(pause(took, is_restless), Pause { least, most }, "{took:?}");
        }
        // However often something is touched.
        let (sender, events) = channel();
        (0..1000).for_each(|_| sender.send(Event::Touched).unwrap());
        let began = Instant::now();
        assert!(wait(&events, Pause { least: ms(120), most: ms(60_000) }));
        assert!((ms(120)..ms(30_000)).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
