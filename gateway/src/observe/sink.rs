//! Where the usage log's lines go. Writing may block for as long as it likes: only the log's own thread does it.

use super::UsageLogTo;
use super::patient::write_all;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// An open sink.
pub(super) enum Sink {
    Stdout(io::Stdout),
    File(File),
    /// Opening a pipe waits for its reader, so that is left to the thread that may wait; and again when the
    /// reader has gone.
    Fifo(PathBuf, Option<File>),
}

impl Sink {
    /// Opens what `to` names; `None` if the log is off.
    pub(super) fn open(to: &UsageLogTo) -> io::Result<Option<Self>> {
        Ok(match to {
            UsageLogTo::Off => None,
            UsageLogTo::Stdout => Some(Self::Stdout(io::stdout())),
            UsageLogTo::File(path) if is_fifo(path) => Some(Self::Fifo(path.clone(), None)),
            UsageLogTo::File(path) => Some(Self::File(append(path)?)),
        })
    }

    /// Writes all of `lines`, however long it takes.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => write_all(&mut stdout.lock(), lines),
            Self::File(file) => write_all(file, lines),
            Self::Fifo(path, open) => {
                let mut pipe = match open.take() {
                    Some(pipe) => pipe,
                    None => append(path)?,
                };
                write_all(&mut pipe, lines)?;
                *open = Some(pipe);
                Ok(())
            }
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}
