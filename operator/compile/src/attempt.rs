//! Timers, fallback and retry: what an object sets, then what its gateway sets, then what is built in, each
//! field on its own.

use crate::codes::Code;
use crate::finding::Report;
use crate::values::{duration, integer, positive_duration};
use std::time::Duration;
use weir_config::{FailureClass, FailureSet, Fallback, Retry, Timeouts};

/// What is built in, where neither the object nor its gateway says anything.
pub(crate) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(60),
    first_token: Duration::from_secs(10 * 60),
    idle: Duration::from_secs(60),
    total: Duration::from_secs(15 * 60),
};
const DEADLINE: Duration = Duration::from_secs(120);
const BACKOFF_BASE: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const BUDGET_PERCENT: u32 = 20;

/// How long callers' SDKs wait for an answer, if nobody tells them otherwise.
const SDKS_WAIT: Duration = Duration::from_secs(600);

/// The timers that are set.
#[derive(Default)]
pub(crate) struct SetTimeouts {
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    first_token: Option<Duration>,
    idle: Option<Duration>,
    total: Option<Duration>,
}

impl SetTimeouts {
    pub(crate) fn read(report: &mut Report, at: &str, spec: Option<&weir_crds::Timeouts>) -> Self {
        let Some(spec) = spec else { return Self::default() };
        hint_at_total(report, at, spec.total.as_ref());
        let mut read = |field: &str, text: &Option<weir_crds::Duration>| {
            positive_duration(report, &format!("{at}.{field}"), text.as_ref())
        };
        Self {
            connect: read("connect", &spec.connect),
            first_byte: read("firstByte", &spec.first_byte),
            first_token: read("firstToken", &spec.first_token),
            idle: read("idle", &spec.idle),
            total: read("total", &spec.total),
        }
    }

    pub(crate) fn effective(&self, gateway: &Self) -> Timeouts {
        Timeouts {
            connect: self.connect.or(gateway.connect).unwrap_or(TIMEOUTS.connect),
            first_byte: self.first_byte.or(gateway.first_byte).unwrap_or(TIMEOUTS.first_byte),
            first_token: self.first_token.or(gateway.first_token).unwrap_or(TIMEOUTS.first_token),
            idle: self.idle.or(gateway.idle).unwrap_or(TIMEOUTS.idle),
            total: self.total.or(gateway.total).unwrap_or(TIMEOUTS.total),
        }
    }
}

/// Says of a total that it leaves callers no time for a second target.
fn hint_at_total(report: &mut Report, at: &str, total: Option<&weir_crds::Duration>) {
    if total.and_then(|total| total.parse().ok()).is_some_and(|total| total >= SDKS_WAIT) {
        let message = "callers' SDKs wait 600 s for an answer that is not streamed, and this is no shorter: who asks a \
                       target that hangs has left before the next one is asked; set so little that all targets of a \
                       route fit into 600 s, such as 3m for three, or raise the timeouts of all callers";
        report.add(Code::LongTotal, format!("{at}.total"), message);
    }
}

/// What is set of fallback.
#[derive(Default)]
pub(crate) struct SetFallback {
    on: Option<FailureSet>,
    max_attempts: Option<u32>,
    deadline: Option<Duration>,
}

impl SetFallback {
    pub(crate) fn read(report: &mut Report, at: &str, spec: Option<&weir_crds::Fallback>) -> Self {
        let Some(spec) = spec else { return Self::default() };
        Self {
            on: spec.on_failure.as_deref().map(|classes| failures(report, at, classes)),
            max_attempts: integer(report, &format!("{at}.maxAttempts"), spec.max_attempts, 1..=32),
            deadline: duration(report, &format!("{at}.deadline"), spec.deadline.as_ref()),
        }
    }

    pub(crate) fn effective(&self, gateway: &Self) -> Fallback {
        Fallback {
            on: self.on.or(gateway.on).unwrap_or_default(),
            max_attempts: self.max_attempts.or(gateway.max_attempts),
            deadline: self.deadline.or(gateway.deadline).unwrap_or(DEADLINE),
        }
    }
}

fn failures(report: &mut Report, at: &str, classes: &[FailureClass]) -> FailureSet {
    if let Some(index) = classes.iter().position(|class| *class == FailureClass::CallerFault) {
        report.add(
            Code::InvalidValue,
            format!("{at}.onFailure[{index}]"),
            "CallerFault never moves on, because no other target helps a wrong request; remove it",
        );
    }
    classes.iter().copied().filter(|class| *class != FailureClass::CallerFault).collect()
}

/// What is set of retry.
#[derive(Default)]
pub(crate) struct SetRetry {
    base: Option<Duration>,
    max: Option<Duration>,
    budget_percent: Option<u32>,
}

impl SetRetry {
    pub(crate) fn read(report: &mut Report, at: &str, spec: Option<&weir_crds::Retry>) -> Self {
        let Some(spec) = spec else { return Self::default() };
        let backoff = spec.backoff.as_ref();
        let mut read = |field: &str, text: Option<&weir_crds::Duration>| {
            duration(report, &format!("{at}.backoff.{field}"), text)
        };
        Self {
            base: read("base", backoff.and_then(|backoff| backoff.base.as_ref())),
            max: read("max", backoff.and_then(|backoff| backoff.max.as_ref())),
            budget_percent: integer(report, &format!("{at}.budgetPercent"), spec.budget_percent, 0..=100),
        }
    }

    pub(crate) fn effective(&self, gateway: &Self) -> Retry {
        Retry {
            backoff_base: self.base.or(gateway.base).unwrap_or(BACKOFF_BASE),
            backoff_max: self.max.or(gateway.max).unwrap_or(BACKOFF_MAX),
            budget_percent: self.budget_percent.or(gateway.budget_percent).unwrap_or(BUDGET_PERCENT),
        }
    }
}
