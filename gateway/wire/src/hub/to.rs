//! For whom a request is written, and what came of it.

use super::unsayable::Dropped;
use crate::asked::pieces::Pieces;
use weir_config::VendorRow;

/// The account and the model that a request is written for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) row: &'static VendorRow,
    /// The model's name there.
    pub(crate) model: &'a str,
    /// The most tokens of an answer that the model gives, if that is known.
    pub(crate) max_output_tokens: Option<u64>,
    /// What tells this account from all others, in 1 to 16 letters and digits: the mark of reasoning that it signed.
    pub(crate) account: &'a str,
}

/// A request as its account is sent it.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) body: Pieces,
    /// What of the caller's it does not say.
    pub(crate) dropped: Dropped,
}
