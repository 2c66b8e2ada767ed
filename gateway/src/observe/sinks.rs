//! Where a worker's events go.

use super::events::RequestFinished;
use super::series::WorkerSeries;
use super::usage_log::LogBuffer;
use crate::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// What a worker counts in and logs to.
#[derive(Debug)]
pub(crate) struct Sinks {
    pub(crate) series: Arc<WorkerSeries>,
    pub(crate) usage_log: Arc<LogBuffer>,
    /// Why a request may end before it is answered.
    pub(crate) shutdown: Arc<Shutdown>,
}

impl Sinks {
    /// Tells of a request that took so long.
    pub(super) fn request_finished(&self, event: &RequestFinished, took: Duration) {
        self.series.request_finished(event, took);
        self.usage_log.request_finished(event, took);
    }
}
