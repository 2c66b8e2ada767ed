use super::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

const PATIENCE: Duration = Duration::from_secs(20);
const NONBLOCK: i32 = 0o4000;

/// A log of one worker into a named pipe.
struct Piped {
    log: UsageLog,
    buffer: Arc<LogBuffer>,
    series: Arc<WorkerSeries>,
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl Piped {
    /// With a pipe that nobody reads.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let series = Arc::new(WorkerSeries::default());
        let to = UsageLogTo::File(path.clone());
        let (log, mut buffers) = UsageLog::start(&to, &[Arc::clone(&series)], &Arc::default()).unwrap();
        Self { log, buffer: buffers.remove(0), series, path, folder }
    }

    fn add(&self, lines: &str) {
        self.buffer.lines().bytes.extend_from_slice(lines.as_bytes());
        self.buffer.wake.signal();
    }

    /// Waits until the thread has lines in its hands.
    fn is_taken(&self) {
        eventually("the thread has taken them", || self.buffer.lines().bytes.is_empty());
    }

    fn reader(&self) -> File {
        OpenOptions::new().read(true).custom_flags(NONBLOCK).open(&self.path).unwrap()
    }

    /// Ends the log; whether its thread has ended, and in time.
    fn ends(&mut self) -> bool {
        let began = Instant::now();
        let thread = self.log.thread.take().unwrap();
        self.log.wake.end.get_or_init(|| Instant::now() + CLOSE);
        self.log.wake.signal();
        eventually("the thread ends", || thread.is_finished());
        thread.join().is_ok() && began.elapsed() < PATIENCE
    }
}

#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// More than a pipe takes.
fn many() -> String {
    (0..4000).map(|at| format!("<{at:0>60}>\n")).collect()
}

#[test]
fn s9_15_a_log_in_a_pipe_that_nobody_reads_is_opened_anew() {
    let mut piped = Piped::start();
    piped.add("one\n");
    piped.is_taken();
    fs::remove_file(&piped.path).unwrap();
    piped.log.reopen().reopen();
    eventually("it goes on in a file", || fs::read(&piped.path).is_ok_and(|text| text == b"one\n"));
    assert!(piped.ends());
    assert_eq!(fs::read_to_string(&piped.path).unwrap(), "one\n");
}

#[test]
fn s9_15_a_log_in_a_pipe_whose_reader_takes_nothing_is_opened_anew_without_a_line_lost_or_doubled() {
    let mut piped = Piped::start();
    let mut reader = piped.reader();
    piped.add(&many());
    piped.is_taken();
    fs::rename(&piped.path, piped.folder.path().join("left")).unwrap();
    piped.log.reopen().reopen();
    eventually("it goes on in a file", || fs::read(&piped.path).is_ok_and(|text| !text.is_empty()));
    assert!(piped.ends());
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(!text.is_empty(), "it was in the middle");
    assert!(text + &fs::read_to_string(&piped.path).unwrap() == many());
}

#[test]
fn s4_7_the_same_pipe_opened_anew_goes_on_where_it_stopped() {
    let mut piped = Piped::start();
    let mut reader = piped.reader();
    piped.add(&many());
    piped.is_taken();
    piped.log.reopen().reopen();
    let mut text = String::new();
    while text.len() < many().len() {
        let mut piece = [0; 5000];
        match reader.read(&mut piece) {
            Ok(length) => text += str::from_utf8(&piece[..length]).unwrap(),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    assert!(text == many());
    assert!(piped.ends());
}

#[test]
fn s4_7_the_thread_of_a_log_in_a_pipe_ends_and_counts_what_nobody_took() {
    for reads in [false, true] {
        let mut piped = Piped::start();
        let reader = reads.then(|| piped.reader());
        piped.add(&many());
        assert!(piped.ends());
        let taken = reader.map_or(0, |mut reader| {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert!(text.ends_with('\n') && many().starts_with(&text));
            text.lines().count()
        });
        assert_eq!(taken > 0, reads);
        assert_eq!(taken as u64 + piped.series.usage_lines_dropped(), 4000);
    }
}
