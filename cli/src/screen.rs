//! What people see. A closed pipe or a full disk behind it is no reason to stop serving, so failures to write are
//! passed over; and whoever serves never waits for a reader (`begin`).

use std::fmt::Display;
use std::io::{Write, stderr, stdout};
use std::sync::OnceLock;
use weir_gateway::Log;

/// Where a process that serves writes. One for the process, as its standard streams are.
static QUEUES: OnceLock<Queues> = OnceLock::new();

struct Queues {
    out: Log,
    err: Log,
}

/// From now on lines go through queues, which lose what nobody reads. Gives the queue of standard error, for logs.
pub(crate) fn begin() -> std::io::Result<Log> {
    let lost = |lines| format!("{lines} lines lost here: nobody read them\n");
    let (out, err) = (Log::to_stdout(lost)?, Log::to_stderr(lost)?);
    // A second call would find the first one's queues, which are as good.
    Ok(QUEUES.get_or_init(|| Queues { out, err }).err.clone())
}

/// Waits a moment for readers, at the end.
pub(crate) fn end() {
    if let Some(queues) = QUEUES.get() {
        queues.out.flush();
        queues.err.flush();
    }
}

/// A line of results, on standard output, at once.
pub(crate) fn say(line: impl Display) {
    match QUEUES.get() {
        Some(queues) => queues.out.line(format!("{line}\n").as_bytes()),
        None => {
            let mut out = stdout().lock();
            drop(writeln!(out, "{line}").and_then(|()| out.flush()));
        }
    }
}

/// A line about the work, on standard error.
pub(crate) fn note(line: impl Display) {
    match QUEUES.get() {
        Some(queues) => queues.err.line(format!("{line}\n").as_bytes()),
        None => drop(writeln!(stderr().lock(), "{line}")),
    }
}
