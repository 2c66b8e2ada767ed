//! Which files hold manifests: folders are searched for `*.yaml`, `*.yml` and `*.json`, to the bottom, without what is
//! hidden.
//!
//! Links are followed: a mounted ConfigMap consists of them. So one file may be reached in several ways, and a folder
//! may lead back into itself. What has the device and inode of something found before is the same, and is passed over:
//! each file is read once, and no circle is walked. A file is known by the path with the fewest links in it, so that a
//! link that comes or goes beside it changes nothing; and of several such, as hard links make them, by the first.

use super::files::{Own, folder_of, is_hidden, is_manifest};
use super::problem::Problem;
use super::text::{noun, unreadable};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use weir_compile::Severity;

/// More files than this are no folder of manifests: most likely somebody named `/`.
const MAX_FILES: usize = 10_000;
/// The same for whatever else lies there.
const MAX_ENTRIES: usize = 1_000_000;
/// Folders within folders.
const MAX_DEPTH: usize = 32;

/// A file or folder, by whatever path it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: BTreeSet<PathBuf>,
    /// What cannot be read, and why: a file, or a folder with all that may be in it.
    pub(super) unread: BTreeMap<PathBuf, String>,
    pub(super) problems: Vec<Problem>,
    /// Where the files are, and where more of them may come.
    pub(super) folders: BTreeMap<Identity, PathBuf>,
}

/// Searches `paths`, of which a file is taken whatever it is called. What this process writes itself is passed over.
pub(super) fn search(paths: &[PathBuf], own: Option<&Own>) -> Found {
    let mut search = Search { own: own.and_then(Own::identity), ..Search::default() };
    let mut roots = Vec::new();
    // Files first: one that is named is not one of a folder, also if that is named, too.
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => roots.push((path, metadata)),
            Ok(metadata) => search.named(path, Some(&metadata)),
            Err(error) => {
                search.named(path, None);
                search.give_up(path, unreadable(&error));
            }
        }
    }
    for (root, (path, metadata)) in roots.iter().enumerate() {
        search.found(Way { path: (*path).clone(), root, depth: 0 }, metadata);
    }
    // Links last, and those behind them after these: so everything is found with as few of them as can be.
    while let Some(link) = search.links.pop_front() {
        search.follow(link);
    }
    for (root, (path, _)) in roots.iter().enumerate() {
        search.end(root, path);
    }
    search.found
}

/// A path on which a search has come to something.
struct Way {
    path: PathBuf,
    /// The number of the folder that was named, in which it began.
    root: usize,
    /// How many folders lie between.
    depth: usize,
}

#[derive(Default)]
struct Search {
    found: Found,
    own: Option<Identity>,
    /// All that was come to, and in which root first.
    seen: BTreeMap<Identity, Option<usize>>,
    links: VecDeque<Way>,
    entries: usize,
    /// The roots that hold a manifest, if only one that was found elsewhere.
    filled: BTreeSet<usize>,
}

impl Search {
    /// Takes a file that is named; it need not be there.
    fn named(&mut self, path: &Path, metadata: Option<&Metadata>) {
        let folder = folder_of(path);
        if let Ok(it) = fs::metadata(folder) {
            self.found.folders.entry(Identity::of(&it)).or_insert_with(|| folder.to_owned());
        }
        let Some(metadata) = metadata else { return };
        if self.seen.insert(Identity::of(metadata), None).is_none() {
            self.found.files.insert(path.to_owned());
        }
    }

    /// Whether this is the first time that it is come to.
    fn is_new(&mut self, identity: Identity, root: usize) -> bool {
        let first = self.seen.get(&identity).copied();
        match first {
            None => drop(self.seen.insert(identity, Some(root))),
            Some(first) if first != Some(root) => drop(self.filled.insert(root)),
            Some(_) => {}
        }
        first.is_none()
    }

    /// Takes what lies at the end of `way`, links followed.
    fn found(&mut self, way: Way, metadata: &Metadata) {
        let identity = Identity::of(metadata);
        if metadata.is_dir() {
            if self.is_new(identity, way.root) {
                self.found.folders.insert(identity, way.path.clone());
                self.folder(&way);
            }
        } else if !is_manifest(&way.path) || self.own == Some(identity) {
            // Whatever else lies there.
        } else if metadata.is_file() {
            self.filled.insert(way.root);
            if self.is_new(identity, way.root) {
                self.found.files.insert(way.path);
            }
        } else {
            let what = noun(metadata.file_type());
            let why = format!("is {what} and passed over: a folder is searched for files alone");
            self.say(Severity::Warning, &way.path, &why);
        }
    }

    fn folder(&mut self, way: &Way) {
        if way.depth > MAX_DEPTH {
            return self
                .give_up(&way.path, "lies too deep: name the folder of the manifests itself".to_owned());
        }
        // Also an end of the list that comes too early must not look like a removal of the rest.
        let listed = fs::read_dir(&way.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) => return self.give_up(&way.path, unreadable(&error)),
        };
        entries.retain(|entry| !is_hidden(Path::new(&entry.file_name())));
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.entries += 1;
            if self.is_full() {
                return;
            }
            if let Err(error) = self.entry(way, &entry)
                // What vanished meanwhile isn't there.
                && error.kind() != ErrorKind::NotFound
            {
                return self.give_up(&way.path, unreadable(&error));
            }
        }
    }

    fn entry(&mut self, folder: &Way, entry: &fs::DirEntry) -> io::Result<()> {
        let way = Way { path: entry.path(), root: folder.root, depth: folder.depth + 1 };
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            self.links.push_back(way);
        } else if kind.is_dir() || is_manifest(&way.path) {
            let metadata = entry.metadata()?;
            self.found(way, &metadata);
        }
        Ok(())
    }

    fn follow(&mut self, link: Way) {
        if self.is_full() {
            return;
        }
        match fs::metadata(&link.path) {
            Ok(metadata) if metadata.is_dir() && is_circle(&link.path) => {
                // What lies within a root is found there.
                if !self.seen.contains_key(&Identity::of(&metadata)) {
                    let what = "is a link to a folder that contains it, and is not followed: name that folder if \
                                its manifests are meant";
                    self.say(Severity::Info, &link.path, what);
                }
            }
            Ok(metadata) => self.found(link, &metadata),
            Err(error) => self.broken(&link.path, &error),
        }
    }

    /// A link that cannot be followed. Where nothing is, nothing is hidden: what was there is gone.
    fn broken(&mut self, link: &Path, error: &io::Error) {
        let may_be_folder = link.extension().is_none();
        if !is_manifest(link) && !may_be_folder {
            return;
        }
        let target = match fs::read_link(link) {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.give_up(folder_of(link), unreadable(&error)),
        };
        let target = target.display();
        let why = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                format!("is a link to {target}, which is not there: put it there, or remove the link")
            }
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                format!("is a link to {target}, which leads back to it: mend or remove the link")
            }
            _ => return self.give_up(link, format!("is a link to {target}, which {}", unreadable(error))),
        };
        if may_be_folder {
            return self.say(Severity::Info, link, &why);
        }
        self.found.problems.push(Problem::io(format!("{} {why}", link.display())));
    }

    fn end(&mut self, root: usize, path: &Path) {
        if self.is_full() {
            // Whatever was not come to must not look removed.
            return self.give_up(path, "is too large: name the folder of the manifests itself".to_owned());
        }
        let is_filled =
            self.filled.contains(&root) || self.found.unread.keys().any(|it| it.starts_with(path));
        if !is_filled {
            let what = "holds no manifests: they end in .yaml, .yml or .json";
            self.found.problems.push(Problem::io(format!("{} {what}", path.display())));
        }
    }

    fn is_full(&self) -> bool {
        self.found.files.len() > MAX_FILES || self.entries > MAX_ENTRIES
    }

    fn give_up(&mut self, path: &Path, why: String) {
        self.found.unread.entry(path.to_owned()).or_insert(why);
    }

    fn say(&mut self, severity: Severity, path: &Path, what: &str) {
        let problem = Problem::at(None, format!("{} {what}", path.display()));
        self.found.problems.push(Problem { severity, ..problem });
    }
}

/// Whether the link leads to a folder that it lies in.
fn is_circle(link: &Path) -> bool {
    let (folder, target) = (folder_of(link).canonicalize(), link.canonicalize());
    folder.is_ok_and(|folder| target.is_ok_and(|target| folder.starts_with(target)))
}

#[cfg(test)]
mod tests;
