//! How many sockets and files the process may have, and who gets them.
//!
//! The usual soft limit, 1,024, is there for programs that still use `select`; the hard one is what was meant. Callers
//! get half of what is left of it after our own files, because each may need a connection upstream: out of
//! descriptors nobody can be answered, so callers beyond wait in the kernel's queue instead.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Listeners, logs, the runtimes' own, files of names and of configuration; and to tell of it all.
const OURS: u64 = 64;

/// Raises the soft limit to the hard one and says what the limit is now.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many callers' connections fit into `limit` descriptors, each with one upstream; at least one.
pub(crate) fn for_callers(limit: u64) -> usize {
    usize::try_from(limit.saturating_sub(OURS) / 2).unwrap_or(usize::MAX).max(1)
}

/// How many idle upstream connections fit into `limit` descriptors beside so many `callers`: no more than what those
/// need may be taken by what nobody uses.
pub(crate) fn for_idle(limit: u64, callers: usize) -> usize {
    usize::try_from(limit.saturating_sub(OURS)).unwrap_or(usize::MAX).saturating_sub(callers)
}

/// Whether `error` says that this process, or this machine, has no descriptor left, or no memory for a socket.
pub(crate) fn are_spent(error: &io::Error) -> bool {
    let spent = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| spent.contains(&code))
}

/// The same, found out by taking one: for errors that do not say why, as those of name resolution.
pub(crate) fn are_spent_now() -> bool {
    std::fs::File::open("/dev/null").is_err_and(|error| are_spent(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_12_callers_get_half_of_what_is_left_and_never_nothing() {
        for (limit, callers) in [(0, 1), (64, 1), (256, 96), (1024, 480), (1 << 20, 524_256)] {
            assert_eq!(for_callers(limit), callers, "{limit}");
        }
        assert_eq!(for_callers(u64::MAX), usize::try_from((u64::MAX - 64) / 2).unwrap());
    }

    #[test]
    fn s9_12_idle_connections_get_what_callers_leave() {
        for (limit, callers, idle) in [(0, 1, 0), (64, 1, 0), (256, 96, 96), (1 << 20, 15_000, 1_033_512)] {
            assert_eq!(for_idle(limit, callers), idle, "{limit}");
        }
        assert_eq!(for_idle(u64::MAX, 0), usize::try_from(u64::MAX - 64).unwrap());
    }

    #[test]
    fn s9_12_no_descriptor_left_is_told_apart_from_other_errors() {
        for (code, spent) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOBUFS, true),
            (Errno::NOMEM, true),
            (Errno::CONNREFUSED, false),
        ] {
            assert_eq!(are_spent(&io::Error::from(code)), spent, "{code}");
        }
        assert!(!are_spent(&io::Error::other("resolver")));
        assert!(!are_spent_now());
    }
}
