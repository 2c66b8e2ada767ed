//! The configuration that was applied last, in a directory: what a restart runs while the API server is away
//! (semantics S8.2). In a pod the directory is in memory, because credentials are in it.
//!
//! Each part is a file named by its digest, so a small change writes a small file; the index comes last, and every
//! file appears whole by a rename. Whatever is read is checked as if it came from the API server.

use crate::held::Held;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use weir_config::Digest;
use weir_config::published::{Index, Unreadable};

const INDEX: &str = "index.json";
/// What a part's file name ends with.
const PART: &str = "part";
/// What the name of a file that is being written ends with.
const UNFINISHED: &str = "unfinished";

/// The directory.
#[derive(Debug)]
pub(crate) struct LastGood {
    dir: PathBuf,
    /// The parts that this process wrote or read there: no other file is relied on.
    sound: BTreeSet<Digest>,
}

/// Why what is there cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is damaged: {0}")]
    Content(#[from] Unreadable),
}

impl LastGood {
    /// In `dir`, which is made when something is saved.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, sound: BTreeSet::new() }
    }

    /// What was saved, checked; `None` if nothing was.
    pub(crate) fn load(&mut self) -> Result<Option<(Index, Held)>, Unusable> {
        let json = match fs::read(self.dir.join(INDEX)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            json => json?,
        };
        let index = Index::from_json(&json)?;
        let mut held = Held::default();
        for (name, part) in &index.parts {
            let stored = fs::read(self.part(part.sha256))?;
            held.take(name, part, index.format, stored)?;
        }
        self.sound = index.parts.values().map(|part| part.sha256).collect();
        Ok(Some((index, held)))
    }

    /// Saves `index` with its parts, which `held` has, in place of what was saved before.
    pub(crate) fn save(&mut self, index: &Index, held: &Held) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        for part in held.parts() {
            if !self.sound.contains(&part.digest) {
                write(&self.part(part.digest), &part.stored)?;
                self.sound.insert(part.digest);
            }
        }
        let json = index.to_json().map_err(io::Error::other)?;
        write(&self.dir.join(INDEX), json.as_bytes())?;
        self.sound = index.parts.values().map(|part| part.sha256).collect();
        self.sweep()
    }

    fn part(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.{PART}"))
    }

    /// Removes the parts that the index does not name, and what was never finished. Other files are not ours.
    fn sweep(&self) -> io::Result<()> {
        let kept: BTreeSet<PathBuf> = self.sound.iter().map(|digest| self.part(*digest)).collect();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let ours = [PART, UNFINISHED].iter().any(|end| path.extension() == Some(OsStr::new(end)));
            if ours && !kept.contains(&path) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Writes a file that is there whole or not at all, for this user's eyes only.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(UNFINISHED);
    // One that is left over could have other rights.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    fs::rename(&unfinished, path)
}
