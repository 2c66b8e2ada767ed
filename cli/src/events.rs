//! What `weir up` waits for: edits, signals and the time to look again.

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
/// Files are looked at without being touched this often, or as seldom as makes a fiftieth of one processor's time:
/// not every file system tells of every edit, and a watch does not see past a link.
const POLL: Duration = Duration::from_secs(1);
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
    let parent = |path: &PathBuf| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    for folder in named.iter().map(parent).collect::<BTreeSet<_>>() {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Reading is no change; without this, reading the files again would be the next event.
fn changes(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Waits until something was touched or `limit` has passed. False: a signal came.
pub(crate) fn wait(events: &Receiver<Event>, limit: Duration) -> bool {
    let mut until = Instant::now() + limit;
    let mut is_touched = false;
    loop {
        match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Touched) if !is_touched => {
                is_touched = true;
                until = until.min(Instant::now() + BREATH);
            }
            Ok(Event::Touched) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Event::Signalled) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// How long to wait for the next look, if the last one `took` so long.
pub(crate) fn poll(took: Duration) -> Duration {
    took.saturating_mul(50).clamp(POLL, SLOWEST_POLL)
}
