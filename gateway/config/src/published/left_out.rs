//! What is not published, because a format has no words for it.

use super::form::Unsayable;
use crate::ObjectName;

/// An object of which something is left out, because a format has no words for it. If that is a bound all of the
/// object is: it is not served rather than served without one of its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub object: Object,
    /// What of it the format has no words for.
    pub what: Unsayable,
    /// Nothing of the object is there; else all but `what` is.
    pub whole: bool,
}

/// An object that a configuration can do without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A provider; its credential is left out with it, and gateways leave out the targets that refer to it.
    Provider(ObjectName),
    /// A route.
    Route(ObjectName),
    /// A key.
    Key(ObjectName),
}
