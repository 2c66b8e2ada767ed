//! What `weir up` waits for: edits and signals, in one queue.

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

/// Editors write in several steps; this long after the last one a file is taken to be complete.
const CALM: Duration = Duration::from_millis(50);
/// However busy the folder is, edits apply after this long.
const PATIENCE: Duration = Duration::from_millis(500);

/// Listens for the signals that end the process, and puts each into the queue.
pub(crate) fn signals(events: Sender<Event>) -> io::Result<Signals> {
    Signals::listen(move || {
        // Nobody reads the queue any more once the process is about to end.
        let _ = events.send(Event::Signalled);
    })
}

/// Watches the manifests for as long as the watcher lives. Folders are watched rather than files: editors replace
/// a file, and a watched file that is gone stays gone.
pub(crate) fn watch(source: &Source, events: Sender<Event>) -> notify::Result<Option<RecommendedWatcher>> {
    let Source::Paths(paths) = source else { return Ok(None) };
    let (folders, named): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.iter().cloned().partition(|path| path.is_dir());
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
    Ok(Some(watcher))
}

/// Reading is no change; without this, reading the files again would be the next event.
fn changes(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Waits until nothing has been touched for a moment. False: a signal came meanwhile.
pub(crate) fn settle(events: &Receiver<Event>) -> bool {
    let until = Instant::now() + PATIENCE;
    loop {
        match events.recv_timeout(CALM.min(until.saturating_duration_since(Instant::now()))) {
            Ok(Event::Touched) if Instant::now() < until => {}
            Ok(Event::Signalled) => return false,
            Ok(Event::Touched) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return true;
            }
        }
    }
}
