//! Which files hold manifests, and their text.
//!
//! A file that is named is read whatever it is called; a folder is searched for `*.yaml`, `*.yml` and `*.json`,
//! to the bottom, without what is hidden. The order is that of the names, so that the same folder always gives the
//! same result.

use super::problem::Problem;
use std::collections::BTreeSet;
use std::ffi::OsString;
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
#[derive(Debug)]
pub(crate) struct Source {
    /// Files and folders, read as often as somebody asks.
    paths: Vec<PathBuf>,
    /// What can be read once only.
    once: Vec<FileText>,
    /// What this process writes itself, which is no manifest.
    own: Option<Own>,
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
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
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

impl Source {
    /// These files and folders. What is neither, such as a pipe, is read now and never again.
    pub(crate) fn paths(paths: Vec<PathBuf>) -> Self {
        let is_stream = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| !it.is_dir() && !it.is_file());
        let (streams, paths): (Vec<PathBuf>, _) = paths.into_iter().partition(is_stream);
        let mut left = MAX_BYTES;
        Self { paths, once: streams.iter().map(|path| text(path, &mut left)).collect(), own: None }
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

    /// The text of every file, or why it cannot be had; a problem for each folder that has none.
    pub(crate) fn read(&self) -> (Vec<FileText>, Vec<Problem>) {
        let Search { files, mut texts, problems, .. } = find(&self.paths, self.own.clone());
        let mut left = MAX_BYTES;
        texts.extend(self.once.iter().cloned());
        texts.extend(files.iter().map(|path| text(path, &mut left)));
        (texts, problems)
    }
}

fn find(paths: &[PathBuf], own: Option<Own>) -> Search {
    let mut search = Search { own, ..Search::default() };
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
    own: Option<Own>,
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
        let own = self.own.clone();
        let is_own = |path: &Path| own.as_ref().is_some_and(|own| own.is(path));
        for path in found.into_iter().filter(|path| !is_hidden(path) && !is_own(path)) {
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
        Ok(_) => decoded(bytes)
            .ok_or_else(|| format!("{shown} is no text: neither UTF-8, nor UTF-16 with its mark")),
    };
    FileText { file: shown.into(), text }
}

/// The mark that tells how a text is encoded, where it begins a file or a document within.
const MARK: char = '\u{feff}';

/// The text of a file, as `kubectl` reads it: UTF-8, or UTF-16 that begins with its mark, as PowerShell writes it.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let utf_16 = |unit: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().copied().map(unit).collect();
        rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, ..] => utf_16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf_16(u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }?;
    let text = text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text);
    let within = format!("\n{MARK}");
    Some(if text.contains(&within) { text.replace(&within, "\n") } else { text })
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
        let (files, _) = Source::paths(vec![folder.path().to_owned()]).read();
        let is_too_large = |file: &FileText| file.text.as_ref().is_err_and(|why| why.contains("too large"));
        assert!(files.iter().any(is_too_large));
        fs::remove_file(folder.path().join("a/circle")).unwrap();
        let (files, problems) =
            Source::paths(vec![folder.path().to_owned(), folder.path().join("README.md")]).read();
        let names: Vec<&str> =
            files.iter().map(|file| &file.file[folder.path().as_os_str().len() + 1..]).collect();
        assert_eq!(names, ["README.md", "a/z.yaml", "b.yml", "c.json"]);
        assert!(problems.is_empty());
    }

    #[test]
    fn what_this_process_writes_itself_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (file, below) = (folder.path().join("usage.json"), folder.path().join("below"));
        fs::create_dir(&below).unwrap();
        std::os::unix::fs::symlink(folder.path(), below.join("link")).unwrap();
        for path in [below.join("usage.json"), folder.path().join("a.yaml")] {
            fs::write(path, "").unwrap();
        }
        let source = Source::paths(vec![below.join("link")]).without(&file);
        fs::write(&file, "").unwrap();
        let (files, _) = source.read();
        let names: BTreeSet<&str> = files.iter().filter_map(|file| file.file.split("link/").last()).collect();
        assert!(names.contains("a.yaml") && names.contains("below/usage.json"), "{names:?}");
        assert!(!names.contains("usage.json"), "{names:?}");
    }

    #[test]
    fn what_cannot_be_read_is_said_for_each_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("binary.yaml"), b"a: \xff").unwrap();
        fs::File::create(file("large.yaml")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        fs::create_dir(file("empty")).unwrap();
        let paths = ["missing.yaml", "binary.yaml", "large.yaml", "empty"].map(file).to_vec();
        let (files, problems) = Source::paths(paths).read();
        let texts: Vec<&String> = files.iter().map(|file| file.text.as_ref().unwrap_err()).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        for (part, why) in
            [("missing.yaml", "No such file"), ("binary.yaml", "UTF-8"), ("large.yaml", "10 MiB")]
        {
            assert!(texts.iter().any(|text| text.contains(part) && text.contains(why)), "{texts:?}");
        }
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(problem.io && problem.message.contains("empty holds no manifests"), "{problem}");
    }

    #[test]
    fn s8_15_a_text_is_read_in_every_encoding_that_kubectl_takes() {
        let text = "a: ü\nb: 1\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little = units.iter().flat_map(|unit| unit.to_le_bytes());
        let big = units.iter().flat_map(|unit| unit.to_be_bytes());
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [0xff, 0xfe].into_iter().chain(little.clone()).collect(),
            [0xfe, 0xff].into_iter().chain(big).collect(),
        ] {
            assert_eq!(decoded(bytes).as_deref(), Some(text));
        }
        let joined = "\u{feff}a: 1\n---\n\u{feff}b: 2\n";
        assert_eq!(decoded(joined.into()).unwrap(), "a: 1\n---\nb: 2\n");
        assert_eq!(decoded([0xff, 0xfe].into_iter().chain(little).skip(1).collect()), None);
        for none in [b"\xff\xfea".as_slice(), b"\xff\xfe\x00\xd8", b"\xff"] {
            assert_eq!(decoded(none.to_vec()), None, "{none:?}");
        }
    }
}
