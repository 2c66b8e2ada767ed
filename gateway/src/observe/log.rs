//! Log lines on their way to standard error, which nobody may read.
//!
//! A pipe that is full blocks whoever writes to it, for as long as its reader likes: a worker that logs would stop,
//! and all that it serves with it. So lines go into a bounded queue, and a thread of its own writes them. What finds
//! the queue full is dropped, counted, and said once there is room.

use super::patient::{Lines, write_all};
use super::sink::Unbuffered;
use crate::clock;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that may wait; some 5,000 lines.
const QUEUE: usize = 1 << 20;
/// The last words of a process may take so long.
const CLOSE: Duration = Duration::from_secs(1);

/// How the line is worded that says how many lines were lost.
pub type Lost = fn(u64) -> String;

/// A queue of lines and the thread that writes them. Clones are the same queue. The thread lives as long as the
/// process.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Told when lines came, and when all are written.
    changed: Condvar,
    dropped: AtomicU64,
    lost: Lost,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    /// Lines dropped since that was last said.
    lost: u64,
    /// The thread is writing what it took out.
    writing: bool,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// A log on standard error. `lost` words the line that tells of lost ones.
    ///
    /// # Errors
    /// Standard error is closed, or the system gives no thread.
    pub fn to_stderr(lost: Lost) -> io::Result<Self> {
        // A handle of its own: whoever holds that of the library while it blocks would stop all who want it.
        Self::start(File::from(io::stderr().as_fd().try_clone_to_owned()?), lost)
    }

    /// The same on standard output, beside the usage log if that goes there too.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn to_stdout(lost: Lost) -> io::Result<Self> {
        Self::start(Stdout, lost)
    }

    fn start(sink: impl Write + Send + 'static, lost: Lost) -> io::Result<Self> {
        let (queue, changed, dropped) = Default::default();
        let log = Self(Arc::new(Shared { queue, changed, dropped, lost }));
        let shared = Arc::clone(&log.0);
        std::thread::Builder::new().name("weir-log".to_owned()).spawn(move || shared.write(sink))?;
        Ok(log)
    }

    /// Takes a line with its end, or drops it. Never waits.
    pub fn line(&self, line: &[u8]) {
        let mut queue = self.0.queue();
        if queue.lines.len() + line.len() > QUEUE {
            queue.lost += 1;
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.lines.extend_from_slice(line);
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Lines that were dropped, ever.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written, at most a second: for the end of a process. Lines may come afterwards.
    pub fn flush(&self) {
        let until = clock::now() + CLOSE;
        let mut queue = self.0.queue();
        while !queue.is_written() {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            queue = self.0.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Has panics told here, by their place. Their text is left out: it may quote what a caller wrote. The
    /// library's own way of telling them waits for whoever reads standard error.
    pub fn tell_panics(&self) {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let thread = std::thread::current();
            tracing::error!(place, thread = thread.name(), "a panic, which is a fault of this program");
        }));
    }
}

/// One call is one line, as tracing's subscriber writes them.
impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nobody who logs shall wait
    }
}

/// Standard output, whose lock is held for a whole batch: its lines stay in one piece.
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match write_all(&mut Unbuffered::stdout(), lines) {
            Ok(()) => Ok(lines.len()),
            Err((0, error)) => Err(error),
            Err((written, _)) => Ok(written), // the next try tells why
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn is_written(&self) -> bool {
        self.lines.is_empty() && self.lost == 0 && !self.writing
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, for ever.
    fn write(&self, mut sink: impl Write) {
        let (mut batch, mut before) = (Vec::new(), Lines::default());
        loop {
            let lost = self.take(&mut batch);
            if lost > 0 {
                // They were lost when the queue was full of this batch: after it, before the next.
                batch.extend_from_slice((self.lost)(lost).as_bytes());
            }
            if let Err(lost) = before.write(&mut sink, &batch) {
                // Who has no reader any more has lost them; the next try may find another.
                self.dropped.fetch_add(lost.lines, Ordering::Relaxed);
            }
            batch.clear();
        }
    }

    /// Waits for lines and exchanges them for the empty `batch`, so that neither side allocates anew; says how many
    /// were lost after them.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        let mut queue = self.queue();
        queue.writing = false;
        self.changed.notify_all();
        while queue.lines.is_empty() {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.writing = true;
        std::mem::swap(&mut queue.lines, batch);
        std::mem::take(&mut queue.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// A pipe of no size: a write waits for its reader.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log() -> (Log, Receiver<Vec<u8>>) {
        let (pipe, reader) = sync_channel(0);
        (Log::start(Pipe(pipe), |lost| format!("{lost} lost\n")).unwrap(), reader)
    }

    #[test]
    fn s9_10_lines_without_room_are_dropped_counted_and_said_in_their_place() {
        let (log, reader) = log();
        log.line(b"first\n");
        while !log.0.queue().writing {} // the first is out, in the hands of a write that nobody takes
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..1024 + 7 {
            log.line(&line);
        }
        assert_eq!(log.dropped(), 7);
        assert_eq!(reader.recv().unwrap(), b"first\n");
        let mut held = reader.recv().unwrap();
        assert!(held.ends_with(b"x\n7 lost\n"));
        held.truncate(held.len() - b"7 lost\n".len());
        assert_eq!(held.len(), 1 << 20);
        log.line(b"after\n");
        assert_eq!(reader.recv().unwrap(), b"after\n");
        assert_eq!(log.dropped(), 7);
    }

    #[test]
    fn s9_10_the_last_words_wait_for_a_reader_a_second_and_no_longer() {
        let (log, reader) = log();
        let began = clock::now();
        log.flush();
        assert!(clock::since(began) < CLOSE, "nothing is to be written");
        log.line(b"last\n");
        log.flush();
        assert!(clock::since(began) >= CLOSE && clock::since(began) < 5 * CLOSE, "{:?}", clock::since(began));
        let waiting = std::thread::spawn({
            let log = log.clone();
            move || log.flush()
        });
        assert_eq!(reader.recv().unwrap(), b"last\n");
        waiting.join().unwrap();
        assert!(log.0.queue().is_written());
    }

    #[test]
    fn s9_10_a_reader_that_has_left_costs_its_lines_only() {
        let (log, reader) = log();
        drop(reader);
        log.line(b"one\ntwo\n");
        log.flush();
        assert_eq!(log.dropped(), 2);
    }
}
