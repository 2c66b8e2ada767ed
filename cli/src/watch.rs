//! Tells of edits: watches the folders that were searched, each once, whatever links lead to it.
//!
//! Folders are watched rather than files: editors replace a file, and a watched file that is gone stays gone. A watch
//! that finds folders below another by itself would walk circles, and what is passed over; so each look says which
//! folders there are now.

use crate::events::Event;
use crate::manifest::files::{self, Own};
use crate::manifest::{Identity, Source};
use crate::screen;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

/// The folders that are watched, for as long as it lives.
pub(crate) struct Watch {
    watcher: notify::Result<RecommendedWatcher>,
    watched: BTreeMap<Identity, PathBuf>,
    /// Whether a folder may be gone or elsewhere, and its watch with it.
    is_stale: Arc<AtomicBool>,
    events: Sender<Event>,
    /// Whether somebody was told that not everything is watched.
    is_said: bool,
}

impl Watch {
    /// Watches nothing yet; what it is told of goes to `events`.
    pub(crate) fn new(source: &Source, events: Sender<Event>) -> Self {
        let filter = Filter::new(source);
        let is_stale = Arc::new(AtomicBool::new(false));
        let (told, stale) = (events.clone(), Arc::clone(&is_stale));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A folder that is gone by now has any name: nobody can tell that it was one.
            let moves = event.as_ref().map_or(true, moves_folders);
            if moves {
                stale.store(true, Ordering::Release);
            }
            if !moves && !event.map_or(true, |event| filter.is_touched(&event)) {
                return;
            }
            // Nobody listens any more: the process is about to end.
            let _ = told.send(Event::Touched);
        });
        Self { watcher, watched: BTreeMap::new(), is_stale, events, is_said: false }
    }

    /// Watches these folders from now on, and no others. There is another look soon where that is news: an edit may
    /// have fallen between the last one and the watch.
    pub(crate) fn follow(&mut self, folders: &BTreeMap<Identity, PathBuf>) {
        let trouble = match &mut self.watcher {
            Ok(watcher) => {
                let is_stale = self.is_stale.swap(false, Ordering::AcqRel);
                let (is_news, trouble) = follow(watcher, &mut self.watched, folders, is_stale);
                if is_news {
                    let _ = self.events.send(Event::Touched);
                }
                trouble
            }
            Err(error) if !self.is_said => Some(error.to_string()),
            Err(_) => None,
        };
        if let Some(error) = trouble.filter(|_| !self.is_said) {
            self.is_said = true;
            screen::note(format_args!("edits are noticed within seconds, not at once: {error}"));
        }
    }
}

/// Makes `watched` what `folders` are. Whether anything is watched that was not, and why not all is.
fn follow(
    watcher: &mut RecommendedWatcher,
    watched: &mut BTreeMap<Identity, PathBuf>,
    folders: &BTreeMap<Identity, PathBuf>,
    is_stale: bool,
) -> (bool, Option<String>) {
    let stays = |identity: &Identity, path: &PathBuf| !is_stale && folders.get(identity) == Some(path);
    let (is_same, mut trouble) = (watched.iter().all(|(id, path)| stays(id, path)), None);
    if is_same && watched.len() == folders.len() {
        return (false, None);
    }
    let mut is_news = false;
    let mut paths = watcher.paths_mut();
    watched.retain(|identity, path| {
        let stays = stays(identity, path);
        if !stays {
            // With a folder that is gone its watch is, too.
            let _ = paths.remove(path);
        }
        stays
    });
    for (identity, path) in folders {
        if watched.contains_key(identity) {
            continue;
        }
        match paths.add(path, RecursiveMode::NonRecursive) {
            Ok(()) => {
                is_news = true;
                watched.insert(*identity, path.clone());
            }
            Err(error) if is_known(&error) => {}
            Err(error) => {
                trouble = Some(error.to_string());
                break;
            }
        }
    }
    let committed = paths.commit().err().map(|error| error.to_string());
    (is_news, trouble.or(committed))
}

/// Whether whoever searches the folder finds that out as well.
fn is_known(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
        }
        _ => false,
    }
}

/// Whether the watch of a folder may have ended with this.
fn moves_folders(event: &notify::Event) -> bool {
    let moves = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
    event.need_rescan() || moves && !event.paths.iter().all(|path| files::is_manifest(path))
}

/// What may have to do with manifests, of all that happens in their folders.
struct Filter {
    /// Files that were named, whatever they are called.
    names: BTreeSet<OsString>,
    own: Option<Own>,
}

impl Filter {
    fn new(source: &Source) -> Self {
        let named = source.changing().iter().filter(|path| !path.is_dir());
        let names = named.filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
        Self { names, own: source.own().cloned() }
    }

    fn is_touched(&self, event: &notify::Event) -> bool {
        // Reading is no change; without this, reading the files again would be the next event.
        let is_change = !matches!(event.kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write));
        event.need_rescan() || is_change && event.paths.iter().any(|path| self.is_ours(path))
    }

    fn is_ours(&self, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return true };
        let is_ours = self.names.contains(name)
            || files::is_manifest(path)
            // A folder, most likely; and what a mounted ConfigMap swaps.
            || path.extension().is_none()
            || name.as_encoded_bytes().starts_with(b"..")
            || path.is_dir();
        is_ours && !self.own.as_ref().is_some_and(|own| own.is(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    /// A folder that is searched and watched, without anybody who looks by the clock.
    struct Post {
        folder: tempfile::TempDir,
        source: Source,
        watch: Watch,
        events: Receiver<Event>,
    }

    impl Post {
        fn new(set_up: impl FnOnce(&Path)) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("m")).unwrap();
            set_up(folder.path());
            let (sender, events) = channel();
            let source = Source::paths(vec![folder.path().join("m")]);
            let mut post = Self { watch: Watch::new(&source, sender), folder, source, events };
            post.look();
            post
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Looks until nothing new is told.
        fn look(&mut self) {
            loop {
                self.watch.follow(&self.source.read().folders);
                if self.events.recv_timeout(Duration::from_millis(100)).is_err() {
                    return;
                }
                while self.events.try_recv().is_ok() {}
            }
        }

        /// Writing this file is told, and so is what is done then; the folders are followed.
        fn tells_of(&mut self, name: &str) {
            fs::write(self.path(name), "{}").unwrap();
            let told = self.events.recv_timeout(Duration::from_secs(30));
            assert_eq!(told, Ok(Event::Touched), "{name}");
            self.look();
        }
    }

    #[test]
    fn s8_14_a_link_into_a_circle_that_comes_and_goes_takes_no_watch_with_it() {
        let mut post = Post::new(|at| {
            symlink(".", at.join("m/self")).unwrap();
            symlink("..", at.join("m/up")).unwrap();
        });
        assert_eq!(post.watch.watched.len(), 1);
        post.tells_of("m/a.yaml");
        for name in ["m/self", "m/up"] {
            fs::remove_file(post.path(name)).unwrap();
            post.look();
            post.tells_of("m/a.yaml");
        }
        symlink(".", post.path("m/self")).unwrap();
        post.look();
        post.tells_of("m/a.yaml");
    }

    #[test]
    fn s8_14_an_edit_behind_a_link_to_a_folder_is_told_at_once_also_when_it_leads_elsewhere() {
        let mut post = Post::new(|at| {
            ["v1", "v2"].iter().for_each(|name| fs::create_dir(at.join(name)).unwrap());
            symlink("../v1", at.join("m/now")).unwrap();
        });
        post.tells_of("v1/a.yaml");
        symlink("../v2", post.path("m/next")).unwrap();
        fs::rename(post.path("m/next"), post.path("m/now")).unwrap();
        post.look();
        post.tells_of("v2/a.yaml");
        fs::write(post.path("v1/a.yaml"), "").unwrap();
        assert!(
            post.events.recv_timeout(Duration::from_millis(200)).is_err(),
            "v1 is nothing to us any more"
        );
    }

    #[test]
    fn s8_14_a_folder_that_is_moved_away_and_back_is_watched_again() {
        let mut post = Post::new(|at| fs::create_dir_all(at.join("m/a.d/b")).unwrap());
        post.tells_of("m/a.d/b/c.yaml");
        fs::rename(post.path("m/a.d"), post.path("away")).unwrap();
        fs::rename(post.path("away"), post.path("m/a.d")).unwrap();
        post.look();
        post.tells_of("m/a.d/b/c.yaml");
        post.tells_of("m/a.d/d.yaml");
    }

    #[test]
    fn s8_14_what_is_passed_over_is_not_watched() {
        let post = Post::new(|at| {
            fs::create_dir_all(at.join("m/.git/objects")).unwrap();
            fs::write(at.join("m/.git/x.yaml"), "").unwrap();
        });
        assert_eq!(post.watch.watched.len(), 1);
    }
}
