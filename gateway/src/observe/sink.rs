//! Where the usage log's lines go. Writing may block for as long as it likes: only the log's own thread does it.

use super::UsageLogTo;
use super::patient::{Lines, Lost};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// An open sink.
pub(super) enum Sink {
    Stdout(Lines),
    File(File, Lines),
    /// Opening a pipe waits for its reader, so that is left to the thread that may wait; and again when the
    /// reader has gone.
    Fifo(PathBuf, Option<File>),
}

impl Sink {
    /// Opens what `to` names; `None` if the log is off.
    pub(super) fn open(to: &UsageLogTo) -> io::Result<Option<Self>> {
        Ok(match to {
            UsageLogTo::Off => None,
            UsageLogTo::Stdout => Some(Self::Stdout(Lines::default())),
            UsageLogTo::File(path) if is_fifo(path) => Some(Self::Fifo(path.clone(), None)),
            UsageLogTo::File(path) => Some(Self::File(append(path)?, Lines::after(ends_within_a_line(path)))),
        })
    }

    /// Writes all of `lines`, however long it takes.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Lost> {
        match self {
            Self::Stdout(before) => before.write(&mut Unbuffered::stdout(), lines),
            Self::File(file, before) => before.write(file, lines),
            Self::Fifo(path, open) => {
                let mut pipe = match open.take() {
                    Some(pipe) => pipe,
                    None => append(path).map_err(|error| Lost::all(lines, error))?,
                };
                // What a reader left unread is gone with it: the next one begins with a line.
                Lines::default().write(&mut pipe, lines)?;
                *open = Some(pipe);
                Ok(())
            }
        }
    }
}

/// Standard output, whose lock is held: a batch stays in one piece. The library's own would keep what it could not
/// write, so that nobody knew which lines are there.
pub(super) struct Unbuffered<'a>(io::StdoutLock<'a>);

impl Unbuffered<'_> {
    pub(super) fn stdout() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Unbuffered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.flush()?;
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// Whether the last line of a file lacks its end: the disk was full, or the machine stopped. Of what cannot be read
/// nobody knows.
fn ends_within_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let (mut file, mut last) = (File::open(path)?, [0]);
        if !file.metadata()?.is_file() {
            return Ok(b'\n'); // a terminal or another device
        }
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        let [last] = last;
        Ok(last)
    };
    last().is_ok_and(|last| last != b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_7_a_file_that_ends_within_a_line_is_gone_on_with_on_the_next() {
        let path = std::env::temp_dir().join(format!("weir-sink-{}", std::process::id()));
        let to = UsageLogTo::File(path.clone());
        for (before, after) in [("one\ntw", "one\ntw\nthree\n"), ("one\n", "one\nthree\n"), ("", "three\n")] {
            std::fs::write(&path, before).unwrap();
            Sink::open(&to).unwrap().unwrap().write(b"three\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
        std::fs::remove_file(&path).unwrap();
        Sink::open(&to).unwrap().unwrap().write(b"one\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        std::fs::remove_file(&path).unwrap();
    }
}
