//! The usage log's lines into a named pipe. It never waits by itself: whoever writes decides for how long, because a
//! pipe may have no reader, or one that takes nothing, for good.

use super::patient::Lost;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So much goes into a pipe as a whole or not at all (`PIPE_BUF`).
const WHOLE: usize = 4096;

/// Why a pipe takes no line now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldUp {
    NoReader,
    NoRoom,
}

impl From<HeldUp> for io::Error {
    fn from(why: HeldUp) -> Self {
        Self::other(match why {
            HeldUp::NoReader => "nobody reads its pipe",
            HeldUp::NoRoom => "its pipe's reader takes nothing",
        })
    }
}

/// What became of lines that were not all written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// The rest of them will not be.
    Lost(Lost),
    /// The pipe has taken whole lines of so many bytes, and the others may be offered again.
    HeldUp { taken: usize, why: HeldUp },
}

/// A named pipe.
#[derive(Debug)]
pub(super) struct Pipe {
    path: PathBuf,
    /// None while nobody reads.
    open: Option<File>,
    /// So many bytes of the line that is offered next are there already.
    part: usize,
    /// The reader that got part of a line has gone: the next one may find that part, and no end to it.
    torn: bool,
}

impl Pipe {
    /// The pipe at `path`, opened if somebody reads it.
    pub(super) fn new(path: PathBuf, open: Option<File>) -> Self {
        Self { path, open, part: 0, torn: false }
    }

    /// Whether it is still the pipe under its name, open. Whoever opened it anew would forget what is in it.
    pub(super) fn is_in_place(&self) -> bool {
        let Some(ours) = self.open.as_ref().and_then(|open| open.metadata().ok()) else { return false };
        let there = std::fs::metadata(&self.path);
        there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
    }

    /// Writes as many of `lines` as it takes at once. Lines that it holds up are to be offered next.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        let mut at = self.part;
        while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
            match self.push(rest) {
                Ok(written) => at += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stopped(lines, at, error)),
            }
        }
        self.part = 0;
        Ok(())
    }

    /// Waits until it may have room, `longest` at most.
    pub(super) fn wait(&self, longest: Duration) {
        let Some(open) = &self.open else { return std::thread::park_timeout(longest) };
        let longest = Timespec::try_from(longest).ok();
        let _ = poll(&mut [PollFd::new(open, PollFlags::OUT)], longest.as_ref());
    }

    /// Writes some of `rest`: lines that fit are never split, so a reader that leaves is seldom within one.
    fn push(&mut self, rest: &[u8]) -> io::Result<usize> {
        let mut pipe = match &self.open {
            Some(open) => open,
            // A reader may make its pipe anew: until it is there, there is none.
            None => self.open.insert(appending().open(&self.path)?),
        };
        if self.torn {
            pipe.write_all(b"\n")?;
            self.torn = false;
        }
        let most = rest.get(..WHOLE).unwrap_or(rest);
        let whole = last_end(most).or_else(|| rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1));
        pipe.write(whole.and_then(|end| rest.get(..end)).unwrap_or(rest))
    }

    /// What `error` means for `lines`, of which `at` bytes are there.
    fn stopped(&mut self, lines: &[u8], at: usize, error: io::Error) -> Unwritten {
        let taken = lines.get(..at).and_then(last_end).unwrap_or(0);
        if error.kind() == ErrorKind::WouldBlock {
            self.part = at - taken;
            return Unwritten::HeldUp { taken, why: HeldUp::NoRoom };
        }
        // What a reader left unread goes with it: the next one begins with a line.
        self.open = None;
        self.torn |= at > taken;
        self.part = 0;
        if lacks_a_reader(&error) || error.kind() == ErrorKind::NotFound {
            return Unwritten::HeldUp { taken, why: HeldUp::NoReader };
        }
        Unwritten::Lost(Lost::all(lines.get(taken..).unwrap_or_default(), error))
    }
}

/// Where the last whole line of `lines` ends.
fn last_end(lines: &[u8]) -> Option<usize> {
    lines.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
}

/// Opens `path` to append to it, made if it is missing. Of a pipe that has no reader this is an error, and nothing waits
/// for one.
pub(super) fn append(path: &Path) -> io::Result<File> {
    appending().create(true).open(path)
}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options
}

/// Whether `error` is that of a pipe which nobody reads.
pub(super) fn lacks_a_reader(error: &io::Error) -> bool {
    let nobody = [Errno::NXIO, Errno::PIPE].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| nobody.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::Read;

    /// A pipe that nobody reads yet.
    fn pipe() -> (tempfile::TempDir, Pipe) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        (folder, Pipe::new(path, None))
    }

    fn reader(pipe: &Pipe) -> File {
        let at_once = OFlags::NONBLOCK.bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(at_once).open(&pipe.path).unwrap()
    }

    /// What is in the pipe now, `most` bytes of it.
    fn read(reader: &mut File, most: usize) -> String {
        let mut text = vec![0; most];
        let mut length = 0;
        while let Ok(more @ 1..) = reader.read(&mut text[length..]) {
            length += more;
        }
        text.truncate(length);
        String::from_utf8(text).unwrap()
    }

    fn held_up(result: Result<(), Unwritten>) -> (usize, HeldUp) {
        match result {
            Err(Unwritten::HeldUp { taken, why }) => (taken, why),
            other => panic!("{other:?}"),
        }
    }

    /// Lines of `length`, more than a pipe takes.
    fn lines(length: usize) -> String {
        (0..(2 << 20) / length).map(|at| format!("<{at:0>width$}>\n", width = length - 3)).collect()
    }

    const ALL: usize = 4 << 20;

    #[test]
    fn s4_7_a_pipe_without_a_reader_holds_lines_up_until_there_is_one() {
        let (_folder, mut pipe) = pipe();
        assert_eq!(held_up(pipe.write(b"one\n")), (0, HeldUp::NoReader));
        let mut reader = reader(&pipe);
        pipe.write(b"one\n").unwrap();
        assert_eq!(read(&mut reader, ALL), "one\n");
    }

    #[test]
    fn s4_7_a_full_pipe_goes_on_where_it_stopped() {
        for length in [60, 12 << 10] {
            let ((_folder, mut pipe), all) = (pipe(), lines(length));
            let (mut reader, mut left, mut got) = (reader(&pipe), all.as_str(), String::new());
            while let Err(unwritten) = pipe.write(left.as_bytes()) {
                let (taken, why) = held_up(Err(unwritten));
                assert_eq!(why, HeldUp::NoRoom);
                left = &left[taken..];
                assert!(pipe.part == 0 || length > WHOLE, "only what is longer is split");
                got += &read(&mut reader, 10_000);
            }
            got += &read(&mut reader, ALL);
            assert!(got == all, "{length}");
        }
    }

    #[test]
    fn s4_7_the_next_reader_of_a_pipe_gets_whole_lines() {
        for length in [60, 12 << 10] {
            let ((_folder, mut pipe), all) = (pipe(), lines(length));
            let mut first = reader(&pipe);
            let (taken, _) = held_up(pipe.write(all.as_bytes()));
            let left = &all[taken..];
            assert_eq!(read(&mut first, 100).len(), 100, "it leaves within a line");
            drop(first);
            assert_eq!(held_up(pipe.write(left.as_bytes())), (0, HeldUp::NoReader));
            let mut next = reader(&pipe);
            let (taken, _) = held_up(pipe.write(left.as_bytes()));
            let got = read(&mut next, ALL);
            assert!(got.trim_start_matches('\n').starts_with(&left[..taken]), "{length}");
        }
    }

    #[test]
    fn s4_7_a_line_of_which_the_last_reader_got_half_joins_no_other() {
        let ((_folder, mut pipe), all) = (pipe(), lines(12 << 10));
        let first = reader(&pipe);
        let (taken, _) = held_up(pipe.write(all.as_bytes()));
        assert!(pipe.part > 0);
        // Whoever keeps the pipe alive all the while finds what the first has left.
        let keeper = append(&pipe.path).unwrap();
        drop(first);
        assert_eq!(held_up(pipe.write(&all.as_bytes()[taken..])), (0, HeldUp::NoReader));
        let mut next = reader(&pipe);
        let half = read(&mut next, ALL);
        assert!(!half.ends_with('\n'));
        drop(pipe.write(&all.as_bytes()[taken..]));
        let got = half + &read(&mut next, ALL);
        drop(keeper);
        let whole = |line: &&str| line.len() == (12 << 10) - 1;
        let torn: Vec<&str> = got.lines().filter(|line| !whole(line)).collect();
        assert!(torn.len() <= 2, "the half that was there, and what does not fit any more: {}", torn.len());
        assert_eq!(got.lines().filter(whole).filter(|line| !all.contains(line)).count(), 0);
    }
}
