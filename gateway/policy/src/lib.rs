//! Every decision of the gateway, as pure code: which targets in which order, what follows a failure, what the
//! caller is told at the end, who is over a limit, who waits for a worker with too much to do.
//!
//! Nothing here does I/O, reads a clock, waits or draws a random number: `now` and
//! `random` are arguments, so every decision can be tested with virtual time and replayed. Whoever calls does
//! the waiting, and the locking.

mod decide;
mod outgrown;
mod overload;
mod retry_budget;
mod seconds;
mod verdict;
mod walk;
mod window;

pub use decide::{Decision, LeftOut, Planned, Reason, TargetFacts, decide};
pub use overload::{Overload, Pass, Turn};
pub use retry_budget::{RetryBudget, Take, Tokens, Wake};
pub use verdict::{Attempted, LONGEST_WAIT, Verdict, verdict, verdict_of_some};
pub use walk::{Next, Rules, Walk};
pub use window::{Full, MinuteWindow, Place, Room};
