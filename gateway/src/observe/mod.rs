//! What is told about requests: one event, `RequestFinished`, from which metrics and the usage log are made.
//! Emitting it is the only way to count a request. No key and no prompt is in it.

mod events;
mod exposition;
mod line;
mod series;
mod sink;
mod usage_log;

pub(crate) use events::{AttemptFinished, Chosen, Outcome, Recorder, RequestFinished, RequestId};
pub(crate) use exposition::Exposition;
pub(crate) use series::WorkerSeries;
pub use usage_log::UsageLogTo;
pub(crate) use usage_log::{LogBuffer, UsageLog};
