//! What `weir up` waits for: edits, signals and the time to look again.

use crate::manifest::drafts::CALM;
use crate::manifest::{Source, files};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
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
/// not every file system tells of every edit, and a watch does not see past a link.
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

/// Watches the manifests for as long as the watcher lives. Folders are watched rather than files: editors replace
/// a file, and a watched file that is gone stays gone.
pub(crate) fn watch(source: &Source, events: Sender<Event>) -> notify::Result<RecommendedWatcher> {
    let (folders, named): (Vec<PathBuf>, Vec<PathBuf>) =
        source.changing().iter().cloned().partition(|path| path.is_dir());
    let names: BTreeSet<_> =
        named.iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    let is_ours = move |path: &Path| {
        path.file_name().is_some_and(|name| names.contains(name))
            || files::is_manifest(path)
            // A folder, most likely; and what a mounted ConfigMap swaps.
            || path.extension().is_none()
            || path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."))
    };
    let own = source.own().cloned();
    let is_ours = move |path: &Path| is_ours(path) && !own.as_ref().is_some_and(|own| own.is(path));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let touched =
            event.map_or(true, |event| changes(event.kind) && event.paths.iter().any(|path| is_ours(path)));
        if touched {
            // Nobody listens any more: the process is about to end.
            let _ = events.send(Event::Touched);
        }
    })?;
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::Recursive)?;
    }
    for folder in named.iter().map(|path| files::folder_of(path)).collect::<BTreeSet<_>>() {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Reading is no change; without this, reading the files again would be the next event.
fn changes(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
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
