//! The text of a file, within bounds of size, and without ever waiting for what is no file.

use rustix::fs::OFlags;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// A file may have so many bytes; so may all files together, four times.
const MAX_FILE_BYTES: u64 = 10 << 20;
const MAX_BYTES: u64 = 4 * MAX_FILE_BYTES;

/// A file and its text, or why that cannot be had; then it may also be a folder, for all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileText {
    pub(crate) file: Arc<str>,
    pub(crate) text: Result<String, String>,
}

impl FileText {
    /// What is at `path` cannot be had.
    pub(super) fn closed(path: &Path, why: &str) -> Self {
        let shown = path.display().to_string();
        Self { text: Err(format!("{shown} {why}")), file: shown.into() }
    }
}

/// How many bytes the files to come may have together.
#[derive(Debug)]
pub(super) struct Room(u64);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_BYTES)
    }
}

/// The text of the file at `path`. What has taken a file's place meanwhile, such as a pipe, is not waited for.
pub(super) fn file(path: &Path, room: &mut Room) -> FileText {
    // Without this flag the opening of a pipe waits until somebody writes into it.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    taken(path, room, opened, |it, metadata| match metadata.file_type() {
        kind if !kind.is_file() => Err(format!("is {} now: put a file in its place", noun(kind))),
        // Nothing is read of what is refused anyway: a look at it may be near.
        _ if metadata.len() > MAX_FILE_BYTES => Err(too_large()),
        _ => Ok(it),
    })
}

/// The text of what is at `path`, which may be a pipe: then until its end.
pub(super) fn stream(path: &Path, room: &mut Room) -> FileText {
    taken(path, room, File::open(path), |it, _| Ok(it))
}

/// What is at a path, for people.
pub(super) fn noun(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_file() => "a file",
        _ => "a device",
    }
}

/// Why something cannot be read, and what to do, for a path before it.
pub(super) fn unreadable(error: &io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => {
            ": let this user read it (a folder: read and search it), or move it away"
        }
        _ => "",
    };
    format!("cannot be read: {error}{remedy}")
}

fn too_large() -> String {
    let limit = MAX_FILE_BYTES >> 20;
    format!("is too large: a file may have {limit} MiB: split it, or move it away if it holds no manifests")
}

fn taken(
    path: &Path,
    room: &mut Room,
    opened: io::Result<File>,
    check: impl FnOnce(File, &std::fs::Metadata) -> Result<File, String>,
) -> FileText {
    let read = || {
        let file = opened.map_err(|error| unreadable(&error))?;
        let metadata = file.metadata().map_err(|error| unreadable(&error))?;
        bytes(check(file, &metadata)?, room)
    };
    match read().and_then(|bytes| decoded(bytes).ok_or_else(no_text)) {
        Ok(text) => FileText { file: path.display().to_string().into(), text: Ok(text) },
        Err(why) => FileText::closed(path, &why),
    }
}

fn no_text() -> String {
    "is no text: neither UTF-8, nor UTF-16 with its mark".to_owned()
}

/// All of `file`, which takes its part of the room.
fn bytes(file: File, room: &mut Room) -> Result<Vec<u8>, String> {
    let limit = MAX_FILE_BYTES.min(room.0);
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let length = bytes.len() as u64;
    if length > MAX_FILE_BYTES {
        return Err(too_large());
    }
    if length > room.0 {
        let limit = MAX_BYTES >> 20;
        return Err(format!("is too much: all files together may have {limit} MiB: name fewer of them"));
    }
    room.0 -= length;
    Ok(bytes)
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
    use std::fs;
    use std::time::{Duration, Instant};

    /// A file of so many bytes of text.
    fn sized(path: &Path, bytes: u64) {
        fs::write(path, vec![b' '; usize::try_from(bytes).unwrap()]).unwrap();
    }

    #[test]
    fn a_file_that_is_too_large_takes_no_room_from_others_and_all_together_have_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let (large, full) = (folder.path().join("large.yaml"), folder.path().join("full.yaml"));
        sized(&large, MAX_FILE_BYTES + 1);
        sized(&full, MAX_FILE_BYTES);
        let mut room = Room::default();
        for _ in 0..5 {
            let FileText { text, .. } = file(&large, &mut room);
            assert!(text.unwrap_err().contains("large.yaml is too large: a file may have 10 MiB"));
        }
        for _ in 0..4 {
            assert!(file(&full, &mut room).text.is_ok());
        }
        let small = folder.path().join("small.yaml");
        sized(&small, 1);
        let why = file(&small, &mut room).text.unwrap_err();
        assert!(why.contains("small.yaml is too much: all files together may have 40 MiB"), "{why}");
    }

    #[test]
    fn s8_14_what_is_no_file_is_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), 0o600.into()).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("device")).unwrap();
        let began = Instant::now();
        for (name, why) in
            [("pipe", "is a pipe now"), ("socket", "cannot be read"), ("device", "is a device now")]
        {
            let said = file(&path(name), &mut Room::default()).text.unwrap_err();
            assert!(said.contains(&format!("{name} {why}")), "{said}");
        }
        assert!(began.elapsed() < Duration::from_secs(5));
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
