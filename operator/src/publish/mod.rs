//! Publishing a configuration: parts first, index last (semantics S8.1), only what changed, and nothing that is not
//! ours.
//!
//! Every write names the version that it replaces. Whoever finds another version there reads everything again, and
//! what it writes then is made from what it has seen since: so two operators for a moment, or a hand in between, cost a
//! round and do no harm.

mod owner;
mod place;
mod shelf;
mod since;
mod state;

pub use owner::Owner;
pub use place::Unpublished;
pub use shelf::{Shelf, Wanted};
pub use since::Since;
pub(crate) use state::is_newer;
