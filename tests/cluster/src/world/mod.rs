//! Weir on the test's control plane: real operator and gateway processes with real service accounts, and what tests
//! do to them. Each test has a namespace of its own, and an operator that watches nothing else.

mod gateway;
pub mod manifests;
mod objects;
mod operator;
mod process;
mod rbac;

pub use gateway::Gateway;
pub use objects::{Objects, condition, is_ready, text};
pub use operator::{Operator, Setting};
pub use process::{Process, binary};
pub use rbac::OperatorRules;

use std::time::Duration;

/// How long anything may take that takes milliseconds on a quiet machine.
pub const SOON: Duration = Duration::from_secs(60);
