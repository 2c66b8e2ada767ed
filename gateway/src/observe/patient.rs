//! Writing for threads that may wait.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

/// How long a sink that would not block is left alone.
const AGAIN: Duration = Duration::from_millis(20);

/// Why lines are lost, and how many.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) lines: u64,
    pub(super) error: io::Error,
}

impl Lost {
    /// All of `lines`.
    pub(super) fn all(lines: &[u8], error: io::Error) -> Self {
        Self { lines: count(lines), error }
    }
}

/// What a sink that takes lines needs to know of the one before: a full disk may have taken half of it.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last line lacks its end.
    broken: bool,
}

impl Lines {
    /// For a sink in which the last line may lack its end.
    pub(super) fn after(broken: bool) -> Self {
        Self { broken }
    }

    /// Writes whole `lines`, however long it takes: also where whoever started us made the pipe one that does not
    /// block. A line that was broken off before is ended first, so that it spoils no other.
    pub(super) fn write(&mut self, sink: &mut impl Write, lines: &[u8]) -> Result<(), Lost> {
        if self.broken {
            write_all(sink, b"\n").map_err(|(_, error)| Lost::all(lines, error))?;
            self.broken = false;
        }
        write_all(sink, lines).map_err(|(written, error)| {
            let (there, rest) = lines.split_at(written);
            self.broken = there.last().is_some_and(|last| *last != b'\n');
            // The next newline ends one that lacks nothing else.
            let ends = self.broken && rest.starts_with(b"\n");
            Lost { lines: count(rest) - u64::from(ends), error }
        })
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Writes all of `bytes`, or says how many it has written and why no more.
pub(super) fn write_all(sink: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match sink.write(rest) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(more) => written += more.min(rest.len()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::park_timeout(AGAIN),
            Err(error) => return Err((written, error)),
        }
    }
    sink.flush().map_err(|error| (written, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes a byte at every second call.
    struct Reluctant(Vec<u8>, bool);

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.0.push(bytes[0]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk with so much room.
    struct Disk {
        text: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.text.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn s9_10_a_sink_that_would_not_block_gets_every_byte_once() {
        let mut sink = Reluctant(Vec::new(), false);
        Lines::default().write(&mut sink, b"abc\n").unwrap();
        assert_eq!(sink.0, b"abc\n");
    }

    #[test]
    fn s4_7_a_line_that_a_full_disk_took_half_of_spoils_no_other() {
        let (mut disk, mut lines) = (Disk { text: Vec::new(), room: 6 }, Lines::default());
        let lost = lines.write(&mut disk, b"one\ntwo\nthree\n").unwrap_err();
        assert_eq!((lost.lines, lost.error.kind()), (2, ErrorKind::StorageFull), "one is there");
        assert_eq!(lines.write(&mut disk, b"four\n").unwrap_err().lines, 1);
        disk.room = 99;
        lines.write(&mut disk, b"five\n").unwrap();
        lines.write(&mut disk, b"six\n").unwrap();
        assert_eq!(disk.text, b"one\ntw\nfive\nsix\n");
    }

    proptest! {
        #[test]
        fn s4_7_every_line_is_there_whole_or_counted(
            batches in prop::collection::vec((0..4usize, 0..30usize), 0..12),
        ) {
            let (mut disk, mut lines) = (Disk { text: Vec::new(), room: 0 }, Lines::default());
            let (mut lost, mut all) = (0, 0);
            for (count, room) in batches {
                disk.room = room;
                let batch: String = (0..count).map(|n| format!("<{}>\n", all + n)).collect();
                all += count;
                lost += lines.write(&mut disk, batch.as_bytes()).map_or_else(|lost| lost.lines, |()| 0);
            }
            disk.room = 99;
            lines.write(&mut disk, b"<end>\n").unwrap();
            let text = String::from_utf8(disk.text).unwrap();
            let whole = text.lines().filter(|line| line.starts_with('<') && line.ends_with('>')).count();
            prop_assert!(text.lines().all(|line| line.rfind('<').is_none_or(|at| at == 0)), "{}", text);
            prop_assert_eq!(whole as u64 - 1 + lost, all as u64, "{}", text);
        }
    }
}
