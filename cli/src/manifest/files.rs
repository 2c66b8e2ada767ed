//! Which files hold manifests, and their text.
//!
//! A file that is named is read whatever it is called; a folder is searched for `*.yaml`, `*.yml` and `*.json`,
//! to the bottom, without what is hidden. The order is that of the names, so that the same folder always gives the
//! same result.

use super::problem::Problem;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file may have so many bytes; so may all files together, four times.
const MAX_FILE_BYTES: u64 = 10 << 20;
const MAX_BYTES: u64 = 4 * MAX_FILE_BYTES;
/// More files than this are no folder of manifests: most likely somebody named `/`.
const MAX_FILES: usize = 10_000;
/// Folders within folders, and with it the end of a circle of links.
const MAX_DEPTH: usize = 32;

/// Where manifests come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// These files and folders.
    Paths(Vec<PathBuf>),
    /// Text in this binary: name and content.
    BuiltIn(&'static [(&'static str, &'static str)]),
}

/// A file and its text, or why that cannot be had; then it may also be a folder, for all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileText {
    pub(crate) file: Arc<str>,
    pub(crate) text: Result<String, String>,
}

/// Whether a file with this path is taken for manifests when its folder is searched.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    !is_hidden(path) && matches!(extension, Some("yaml" | "yml" | "json"))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The text of every file of `source`; a problem for each path that leads to none.
pub(crate) fn read(source: &Source) -> (Vec<FileText>, Vec<Problem>) {
    match source {
        Source::BuiltIn(files) => {
            let file =
                |(file, text): &(&str, &str)| FileText { file: (*file).into(), text: Ok((*text).to_owned()) };
            (files.iter().map(file).collect(), Vec::new())
        }
        Source::Paths(paths) => {
            let Search { files, mut texts, mut problems } = find(paths);
            let mut left = MAX_BYTES;
            texts.extend(files.iter().map(|path| text(path, &mut left)));
            problems.extend(texts.iter().filter_map(|file| Some(Problem::io(file.text.as_ref().err()?))));
            (texts, problems)
        }
    }
}

fn find(paths: &[PathBuf]) -> Search {
    let mut search = Search::default();
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let before = (search.files.len(), search.texts.len());
                search.folder(path, 0);
                if (search.files.len(), search.texts.len()) == before {
                    let what = "holds no manifests: they end in .yaml, .yml or .json";
                    search.problems.push(Problem::io(format!("{} {what}", path.display())));
                }
            }
            Ok(_) => drop(search.files.insert(path.clone())),
            Err(error) => search.give_up(path, &format!("cannot be read: {error}")),
        }
    }
    search
}

#[derive(Default)]
struct Search {
    files: BTreeSet<PathBuf>,
    /// What cannot be read.
    texts: Vec<FileText>,
    problems: Vec<Problem>,
}

impl Search {
    fn give_up(&mut self, path: &Path, why: &str) {
        let shown = path.display().to_string();
        self.texts.push(FileText { text: Err(format!("{shown} {why}")), file: shown.into() });
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > MAX_DEPTH || self.files.len() > MAX_FILES {
            return self.give_up(folder, "is too large: name the folder of the manifests itself");
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.give_up(folder, &format!("cannot be read: {error}")),
        };
        let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        found.sort();
        for path in found.into_iter().filter(|path| !is_hidden(path)) {
            // Follows links, as mounted ConfigMaps are; what vanished meanwhile isn't there.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => self.folder(&path, depth + 1),
                Ok(metadata) if metadata.is_file() && is_manifest(&path) => drop(self.files.insert(path)),
                _ => {}
            }
        }
    }
}

fn text(path: &Path, left: &mut u64) -> FileText {
    let shown = path.display().to_string();
    let limit = MAX_FILE_BYTES.min(*left);
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    *left = left.saturating_sub(bytes.len() as u64);
    let text = match read {
        Err(error) => Err(format!("{shown} cannot be read: {error}")),
        Ok(_) if bytes.len() as u64 > limit => Err(format!(
            "{shown} is too large: a file may have {} MiB, all together {} MiB",
            MAX_FILE_BYTES >> 20,
            MAX_BYTES >> 20
        )),
        Ok(_) => String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8 text")),
    };
    FileText { file: shown.into(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_searched_to_the_bottom_in_the_order_of_names_without_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a/z.yaml", "a/.hidden.yaml", ".git/x.yaml", "c.json", "README.md", "~.txt"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/circle")).unwrap();
        let (_, problems) = read(&Source::Paths(vec![folder.path().to_owned()]));
        assert!(problems.iter().any(|problem| problem.message.contains("too large")), "{problems:?}");
        fs::remove_file(folder.path().join("a/circle")).unwrap();
        let (files, problems) =
            read(&Source::Paths(vec![folder.path().to_owned(), folder.path().join("README.md")]));
        let names: Vec<&str> =
            files.iter().map(|file| &file.file[folder.path().as_os_str().len() + 1..]).collect();
        assert_eq!(names, ["README.md", "a/z.yaml", "b.yml", "c.json"]);
        assert!(problems.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_said_once_for_each_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("binary.yaml"), b"\xff\xfe").unwrap();
        fs::File::create(file("large.yaml")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        fs::create_dir(file("empty")).unwrap();
        let paths = ["missing.yaml", "binary.yaml", "large.yaml", "empty"].map(file).to_vec();
        let (_, problems) = read(&Source::Paths(paths));
        let texts: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        for (part, why) in [
            ("missing.yaml", "No such file"),
            ("binary.yaml", "UTF-8"),
            ("large.yaml", "10 MiB"),
            ("empty", "holds no manifests"),
        ] {
            assert_eq!(
                texts.iter().filter(|text| text.contains(part) && text.contains(why)).count(),
                1,
                "{texts:?}"
            );
        }
        assert!(problems.iter().all(|problem| problem.io));
    }
}
