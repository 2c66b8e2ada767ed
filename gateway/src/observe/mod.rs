//! What is told about requests: one event, `RequestFinished`, from which metrics and the usage log are made.
//! Emitting it is the only way to count a request. No key and no prompt is in it.

mod ending;
mod events;
mod exposition;
mod line;
mod log;
mod names;
mod patient;
mod pipe;
mod recorder;
mod series;
mod sink;
mod sinks;
mod totals;
mod usage_log;
mod usage_log_to;

pub(crate) use ending::Caller;
pub(crate) use events::{AttemptBegun, Charge, NO_ROOM, Outcome, RequestId};
use events::{AttemptFinished, RequestFinished};
pub(crate) use exposition::{Exposition, InForce};
pub use log::{Log, Lost};
pub(crate) use names::Names;
pub(crate) use recorder::Recorder;
pub(crate) use series::WorkerSeries;
pub(crate) use sinks::Sinks;
pub(crate) use totals::Totals;
pub(crate) use usage_log::{Reopen, UsageLog};
pub use usage_log_to::UsageLogTo;

/// Whole microseconds; more than 584,000 years are cut. Without the 128-bit division of `Duration::as_micros`.
pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(duration.subsec_micros().into())
}
