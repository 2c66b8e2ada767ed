//! The usage log (semantics S4.7): one JSON line per request, written by a thread of its own.
//!
//! Workers append to a bounded buffer each and never wait: when a sink is blocked the buffer fills, further
//! lines are dropped and counted. A line holds names, numbers and outcomes; never a key, never a prompt.

use super::RequestFinished;
use super::line::Writer;
use super::series::WorkerSeries;
use super::sink::Sink;
use crate::tasks::Needed;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the usage log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageLogTo {
    /// Nowhere.
    Off,
    /// Standard output: what a pod does.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

/// As it is given on a command line: `off`, `-`, or a file's name.
impl FromStr for UsageLogTo {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "off" => Self::Off,
            "-" => Self::Stdout,
            file => Self::File(PathBuf::from(file)),
        })
    }
}

/// Bytes that one worker may hold unwritten; about 8,000 lines.
const BUFFER: usize = 4 << 20;
/// A blocked sink is given up so long after the end of everything else.
const CLOSE: Duration = Duration::from_secs(3);
/// Lines gather this long before they are written together.
const GATHER: Duration = Duration::from_millis(50);

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
    closing: AtomicBool,
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
        while !*pending && !self.closing.load(Ordering::Acquire) {
            pending = self.arrived.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        *pending = false;
    }

    /// Lets more lines come before they are written; ends early when closing.
    fn gather(&self) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let closing = |_: &mut bool| !self.closing.load(Ordering::Acquire);
        drop(self.arrived.wait_timeout_while(pending, GATHER, closing));
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
            write_lines(sink, &to, &theirs, &woken);
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
        self.wake.closing.store(true, Ordering::Release);
        self.wake.signal();
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + CLOSE;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        if !thread.is_finished() {
            tracing::error!("the usage log's sink is blocked; lines that are not written are lost");
        } else if thread.join().is_err() {
            tracing::error!("the usage log's thread panicked");
        }
    }
}

fn write_lines(mut sink: Sink, to: &UsageLogTo, buffers: &[Arc<LogBuffer>], wake: &Wake) {
    let mut batch = Vec::new();
    let mut failing = false;
    loop {
        wake.wait();
        // At once, before what gathers is written: who rotates may pack the old file as soon as it has asked.
        if wake.reopening.swap(false, Ordering::AcqRel) {
            open_anew(&mut sink, to);
        }
        wake.gather();
        let closing = wake.closing.load(Ordering::Acquire);
        for buffer in buffers {
            // Buffers change places, so that neither side allocates anew.
            std::mem::swap(&mut batch, &mut buffer.lines().bytes);
            if batch.is_empty() {
                continue;
            }
            let written = sink.write(&batch);
            if let (Err(lost), false) = (&written, failing) {
                let error = &lost.error;
                tracing::error!(%error, "the usage log cannot be written; its lines are lost until it can");
            }
            failing = written.is_err();
            if let Err(lost) = written {
                buffer.series.usage_lines_lost(lost.lines);
            }
            batch.clear();
        }
        if closing {
            return;
        }
    }
}

/// A log that cannot be opened anew goes on where it went: lines in the old file are not lost.
fn open_anew(sink: &mut Sink, to: &UsageLogTo) {
    match Sink::open(to) {
        Ok(Some(anew)) => *sink = anew,
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%error, "the usage log cannot be opened anew; it goes on in the file that it had");
        }
    }
}
