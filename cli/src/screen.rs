//! What people see. A closed pipe or a full disk behind it is no reason to stop serving, so failures to write are
//! passed over.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// A line of results, on standard output, at once.
pub(crate) fn say(line: impl Display) {
    let mut out = stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// A line about the work, on standard error.
pub(crate) fn note(line: impl Display) {
    drop(writeln!(stderr().lock(), "{line}"));
}
