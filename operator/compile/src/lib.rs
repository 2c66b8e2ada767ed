//! Objects in, one configuration per gateway and findings out: pure and total.
//!
//! compile decides what of the custom resources is served and says about each object what is not. It has no
//! clock (instants go into the Snapshot, gateways compare them with theirs), no memory (the same objects give
//! the same bytes, in whatever order they come) and no cluster: the operator, the CLI and tests run this very
//! code. It never fails: of a broken object the valid part serves, and its neighbours do not notice.

mod address;
mod codes;
mod endpoint;
mod finding;
mod resolve;
mod values;
mod world;

pub use codes::{Code, Severity, codes_markdown};
pub use finding::{Finding, Kind};
pub use resolve::Secrets;

use std::collections::BTreeMap;
use weir_config::{ObjectName, Snapshot};

/// What compile makes of an [`Input`].
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// One configuration per gateway, complete. A gateway with nothing attached has an empty one.
    pub gateways: BTreeMap<ObjectName, Snapshot>,
    /// Sorted by object, then by severity, worst first.
    pub findings: Vec<Finding>,
}
