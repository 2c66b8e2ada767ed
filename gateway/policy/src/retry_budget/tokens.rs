//! The tokens of one request.

use weir_config::ObjectName;

/// One request's tokens. Give them back through `RetryBudget::committed`, `failed` or `abandoned`, whatever happens to
/// the request: lost ones count for ever.
#[derive(Debug)]
#[must_use = "tokens that are not given back count for ever"]
pub struct Tokens {
    pub(super) key: ObjectName,
    pub(super) common: Purse,
    pub(super) newcomers: Purse,
    pub(super) under_way: bool,
    pub(super) pilot: Pilot,
    /// Rescue has failed it, as the proof knows.
    pub(super) failed: bool,
    /// Since it waits.
    pub(super) waits: Option<Waits>,
}

/// Tokens of one share.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Purse {
    pub(super) used: u32,
    pub(super) reserved: u32,
}

/// Whether a request is on its way with all the tokens that it may need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pilot {
    #[default]
    No,
    /// With tokens that are for all.
    OfRoute,
    /// With newcomers' tokens.
    OfKey,
}

/// How many rescued requests had ended when a request began to wait: of all, and of its own key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    pub(super) route: u64,
    pub(super) key: u64,
}

impl Tokens {
    /// None yet, for a request of `key`.
    pub fn new(key: ObjectName) -> Self {
        Self {
            key,
            common: Purse::default(),
            newcomers: Purse::default(),
            under_way: false,
            pilot: Pilot::No,
            failed: false,
            waits: None,
        }
    }

    /// Whether it has caused an attempt beyond its first.
    pub(super) fn are_used(&self) -> bool {
        self.common.used > 0 || self.newcomers.used > 0
    }

    /// Uses a reserved one, if there is any.
    pub(super) fn go_on(&mut self) -> bool {
        self.newcomers.go_on() || self.common.go_on()
    }
}

impl Purse {
    fn go_on(&mut self) -> bool {
        let Some(rest) = self.reserved.checked_sub(1) else { return false };
        self.reserved = rest;
        self.used += 1;
        true
    }

    /// `amount` more, one of them for now.
    pub(super) fn add(&mut self, amount: u32) {
        self.used += 1;
        self.reserved += amount.saturating_sub(1);
    }

    pub(super) fn total(self) -> u32 {
        self.used + self.reserved
    }
}
