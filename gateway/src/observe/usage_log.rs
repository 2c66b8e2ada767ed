//! The usage log (semantics S4.7): one JSON line per request, written by a thread of its own.
//!
//! Workers append to a bounded buffer each and never wait: when a sink is blocked the buffer fills, further
//! lines are dropped and counted. A line holds names, numbers and outcomes; never a key, never a prompt.

use super::RequestFinished;
use super::line::Writer;
use super::patient::Lost;
use super::pipe::{HeldUp, Unwritten};
use super::series::WorkerSeries;
use super::sink::Sink;
use super::usage_log_to::UsageLogTo;
use crate::clock;
use crate::tasks::Needed;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes that one worker may hold unwritten; about 8,000 lines.
const BUFFER: usize = 4 << 20;
/// A blocked sink is given up so long after the end of everything else.
const CLOSE: Duration = Duration::from_secs(3);
/// Lines gather this long before they are written together.
const GATHER: Duration = Duration::from_millis(50);
/// How often a pipe that takes no line is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A reader that takes nothing for so long is spoken of: it may be at work for less.
const STUCK: Duration = Duration::from_secs(3);
/// How long a thread that has given up may take to end.
const ENDS_WITHIN: Duration = Duration::from_millis(500);

/// One worker's lines that are not written yet.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    lines: Mutex<Lines>,
    wake: Arc<Wake>,
    series: Arc<WorkerSeries>,
    off: bool,
}

#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    writer: Writer,
}

#[derive(Debug, Default)]
struct Wake {
    pending: Mutex<bool>,
    arrived: Condvar,
    /// When lines that are still not written are given up; set once the log is to end.
    end: OnceLock<Instant>,
    /// The sink is to be opened anew.
    reopening: AtomicBool,
}

/// Opens a usage log anew: a file that was renamed is left, and made again under its name.
#[derive(Debug, Clone)]
pub(crate) struct Reopen(Arc<Wake>);

impl Reopen {
    pub(crate) fn reopen(&self) {
        self.0.reopening.store(true, Ordering::Release);
        self.0.signal();
    }
}

impl Wake {
    fn signal(&self) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.arrived.notify_one();
    }

    /// Waits for lines, or for the end.
    fn wait(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        while !*pending && !self.is_closing() {
            pending = self.arrived.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        *pending = false;
    }

    /// Lets more lines come before they are written; ends early when closing.
    fn gather(&self) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.arrived.wait_timeout_while(pending, GATHER, |_| !self.is_closing()));
    }

    fn is_closing(&self) -> bool {
        self.end.get().is_some()
    }

    /// Whether the time of the end is over, too.
    fn is_over(&self) -> bool {
        self.end.get().is_some_and(|end| clock::now() >= *end)
    }
}

impl LogBuffer {
    pub(super) fn request_finished(&self, event: &RequestFinished, took: Duration) {
        if self.off {
            return;
        }
        let mut lines = self.lines();
        let Lines { bytes, writer } = &mut *lines;
        if bytes.len() >= BUFFER {
            self.series.usage_lines_lost(1);
            return;
        }
        let first = bytes.is_empty();
        writer.write(bytes, event, took);
        drop(lines);
        if first {
            self.wake.signal();
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing side.
#[derive(Debug)]
pub(crate) struct UsageLog {
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl UsageLog {
    /// Opens the sink and starts its thread; returns a buffer for each of `series`.
    pub(crate) fn start(
        to: &UsageLogTo,
        series: &[Arc<WorkerSeries>],
        needed: &Arc<Needed>,
    ) -> io::Result<(Self, Vec<Arc<LogBuffer>>)> {
        let wake = Arc::new(Wake::default());
        let buffers: Vec<_> = series
            .iter()
            .map(|series| {
                Arc::new(LogBuffer {
                    lines: Mutex::default(),
                    wake: Arc::clone(&wake),
                    series: Arc::clone(series),
                    off: *to == UsageLogTo::Off,
                })
            })
            .collect();
        let Some(sink) = Sink::open(to)? else { return Ok((Self { wake, thread: None }, buffers)) };
        let (to, theirs, woken) = (to.clone(), buffers.clone(), Arc::clone(&wake));
        let watched = needed.watch("weir-usage-log");
        let thread = std::thread::Builder::new().name("weir-usage-log".to_owned()).spawn(move || {
            Writing { sink, to: &to, wake: &woken, failing: false, given_up: 0 }.run(&theirs);
            watched.done();
        })?;
        Ok((Self { wake, thread: Some(thread) }, buffers))
    }

    /// The handle that opens it anew. Nothing happens where the log is off or standard output.
    pub(crate) fn reopen(&self) -> Reopen {
        Reopen(Arc::clone(&self.wake))
    }

    /// Writes what is left and ends; what a blocked sink does not take within three seconds is lost.
    pub(crate) fn close(&mut self) {
        let until = *self.wake.end.get_or_init(|| clock::now() + CLOSE) + ENDS_WITHIN;
        self.wake.signal();
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() && clock::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        if !thread.is_finished() {
            tracing::error!("the usage log's sink is blocked; lines that are not written are lost");
        } else if thread.join().is_err() {
            tracing::error!("the usage log's thread panicked");
        }
    }
}

/// What the log's thread does.
struct Writing<'a> {
    sink: Sink,
    to: &'a UsageLogTo,
    wake: &'a Wake,
    /// It was said that lines cannot be written.
    failing: bool,
    /// Lines that were held up until the end's time was over.
    given_up: u64,
}

impl Writing<'_> {
    fn run(mut self, buffers: &[Arc<LogBuffer>]) {
        let mut batch = Vec::new();
        loop {
            self.wake.wait();
            // At once, before what gathers is written: who rotates may pack the old file as soon as it has asked.
            self.open_anew();
            self.wake.gather();
            let closing = self.wake.is_closing();
            for buffer in buffers {
                // Buffers change places, so that neither side allocates anew.
                std::mem::swap(&mut batch, &mut buffer.lines().bytes);
                if batch.is_empty() {
                    continue;
                }
                buffer.series.usage_lines_lost(self.write(&batch));
                batch.clear();
            }
            if closing {
                if self.given_up > 0 {
                    tracing::error!(
                        lost = self.given_up,
                        "the usage log ends, and its pipe has not taken these lines"
                    );
                }
                return;
            }
        }
    }

    /// Writes `lines`, and waits for a pipe that does not take them; how many are lost.
    fn write(&mut self, mut lines: &[u8]) -> u64 {
        let mut moved = clock::now();
        loop {
            let (taken, why) = match self.sink.write(lines) {
                Ok(()) => {
                    self.failing = false;
                    return 0;
                }
                Err(Unwritten::Lost(lost)) => return self.lost(lost),
                Err(Unwritten::HeldUp { taken, why }) => (taken, why),
            };
            lines = lines.get(taken..).unwrap_or_default();
            if taken > 0 {
                moved = clock::now();
            }
            if self.wake.is_over() {
                let lost = Lost::all(lines, why.into()).lines;
                self.given_up += lost;
                return lost;
            }
            if why == HeldUp::NoReader || clock::since(moved) >= STUCK {
                self.held_up(why);
            }
            self.open_anew();
            self.sink.wait(LOOK);
        }
    }

    fn lost(&mut self, Lost { lines, error }: Lost) -> u64 {
        if !self.failing {
            tracing::error!(%error, "the usage log cannot be written; its lines are lost until it can");
        }
        self.failing = true;
        lines
    }

    fn held_up(&mut self, why: HeldUp) {
        if !self.failing {
            let error = io::Error::from(why);
            tracing::error!(%error, "the usage log cannot be written; of its lines 4 MiB a worker are kept until it can");
        }
        self.failing = true;
    }

    /// Opens the sink anew where that was asked for. One that cannot be opened goes on where it went: lines in the old
    /// file are not lost.
    fn open_anew(&mut self) {
        if !self.wake.reopening.swap(false, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.sink.open_anew(self.to) {
            tracing::error!(%error, "the usage log cannot be opened anew; it goes on in the file that it had");
        }
    }
}

#[cfg(test)]
mod tests;
