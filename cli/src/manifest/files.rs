//! Where manifests come from: files and folders that are named, read as often as somebody asks.
//!
//! A file that is named is read whatever it is called; a folder is searched (`search.rs`). The order is that of the
//! names, so that the same folder always gives the same result.

use super::problem::Problem;
use super::search::{Found, Identity, search};
use super::text::{self, FileText, Room};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Where manifests come from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Files and folders, read as often as somebody asks.
    paths: Vec<PathBuf>,
    /// What can be read once only.
    once: Vec<FileText>,
    /// What this process writes itself, which is no manifest.
    own: Option<Own>,
}

/// What one look at all of them has shown.
#[derive(Debug)]
pub(crate) struct Look {
    /// The text of every file, or why it cannot be had.
    pub(crate) files: Vec<FileText>,
    /// What is wrong but hides nothing: each folder without a manifest, each link that leads nowhere.
    pub(crate) problems: Vec<Problem>,
    /// Where an edit may be made, each folder once.
    pub(crate) folders: BTreeMap<Identity, PathBuf>,
}

/// A file, by whatever path its folder is reached; it need not be there yet.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    folder: PathBuf,
    name: OsString,
}

impl Own {
    /// The file at `path`; `None` if its folder is not there.
    fn new(path: &Path) -> Option<Self> {
        Some(Self { folder: folder_of(path).canonicalize().ok()?, name: path.file_name()?.to_owned() })
    }

    /// Whether `path` leads to it.
    pub(crate) fn is(&self, path: &Path) -> bool {
        path.file_name() == Some(&self.name)
            && folder_of(path).canonicalize().is_ok_and(|folder| folder == self.folder)
    }

    /// Which file it is, once it is there: links lead to it, too.
    pub(super) fn identity(&self) -> Option<Identity> {
        fs::metadata(self.folder.join(&self.name)).ok().as_ref().map(Identity::of)
    }
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether a file with this path is taken for manifests when its folder is searched.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    !is_hidden(path) && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Whether it is passed over when its folder is searched, with all that is in it.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

impl Source {
    /// These files and folders. What is neither, such as a pipe, is read now and never again.
    pub(crate) fn paths(paths: Vec<PathBuf>) -> Self {
        let is_stream = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| !it.is_dir() && !it.is_file());
        let (streams, paths): (Vec<PathBuf>, _) = paths.into_iter().partition(is_stream);
        let mut room = Room::default();
        Self { paths, once: streams.iter().map(|path| text::stream(path, &mut room)).collect(), own: None }
    }

    /// Text in this binary: name and content.
    pub(crate) fn built_in(files: &[(&str, &str)]) -> Self {
        let file =
            |(file, text): &(&str, &str)| FileText { file: (*file).into(), text: Ok((*text).to_owned()) };
        Self { paths: Vec::new(), once: files.iter().map(file).collect(), own: None }
    }

    /// The same, but what this process writes to `path` is passed over where a folder is searched.
    pub(crate) fn without(self, path: &Path) -> Self {
        Self { own: Own::new(path), ..self }
    }

    /// What this process writes itself.
    pub(crate) fn own(&self) -> Option<&Own> {
        self.own.as_ref()
    }

    /// The files and folders that may change.
    pub(crate) fn changing(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Looks at all of it.
    pub(crate) fn read(&self) -> Look {
        let Found { files: paths, unread, problems, folders } = search(&self.paths, self.own.as_ref());
        let mut files: Vec<FileText> = unread.iter().map(|(path, why)| FileText::closed(path, why)).collect();
        let mut room = Room::default();
        files.extend(self.once.iter().cloned());
        files.extend(paths.iter().map(|path| text::file(path, &mut room)));
        Look { files, problems, folders }
    }
}

#[cfg(test)]
mod tests;
