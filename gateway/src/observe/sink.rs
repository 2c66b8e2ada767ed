//! Where the usage log's lines go. Writing may take long: only the log's own thread does it.

use super::UsageLogTo;
use super::patient::Lines;
use super::pipe::{Pipe, Unwritten, append, lacks_a_reader};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

/// An open sink.
pub(super) enum Sink {
    Stdout(Lines),
    File(File, Lines),
    Pipe(Pipe),
}

impl Sink {
    /// Opens what `to` names, without waiting for a pipe's reader; `None` if the log is off.
    pub(super) fn open(to: &UsageLogTo) -> io::Result<Option<Self>> {
        Ok(match to {
            UsageLogTo::Off => None,
            UsageLogTo::Stdout => Some(Self::Stdout(Lines::default())),
            UsageLogTo::File(path) => Some(Self::at(path)?),
        })
    }

    fn at(path: &Path) -> io::Result<Self> {
        let is_fifo = |found: io::Result<std::fs::Metadata>| found.is_ok_and(|is| is.file_type().is_fifo());
        match append(path) {
            Ok(file) if is_fifo(file.metadata()) => Ok(Self::Pipe(Pipe::new(path.to_owned(), Some(file)))),
            Ok(file) => Ok(Self::File(file, Lines::after(ends_within_a_line(path)))),
            Err(error) if lacks_a_reader(&error) && is_fifo(std::fs::metadata(path)) => {
                Ok(Self::Pipe(Pipe::new(path.to_owned(), None)))
            }
            Err(error) => Err(error),
        }
    }

    /// Opens `to` anew, if that is another place than lines go to now.
    pub(super) fn open_anew(&mut self, to: &UsageLogTo) -> io::Result<()> {
        if matches!(self, Self::Pipe(pipe) if pipe.is_in_place()) {
            return Ok(());
        }
        if let Some(anew) = Self::open(to)? {
            *self = anew;
        }
        Ok(())
    }

    /// Writes all of `lines`, however long it takes, but for those that a pipe holds up.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        match self {
            Self::Stdout(before) => before.write(&mut Unbuffered::stdout(), lines).map_err(Unwritten::Lost),
            Self::File(file, before) => before.write(file, lines).map_err(Unwritten::Lost),
            Self::Pipe(pipe) => pipe.write(lines),
        }
    }

    /// Waits until what it holds up may go on, `longest` at most.
    pub(super) fn wait(&self, longest: Duration) {
        if let Self::Pipe(pipe) = self {
            pipe.wait(longest);
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
