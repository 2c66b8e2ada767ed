//! Money as integers (semantics S4.1): prices in micro-USD per million tokens, charges in nano-USD.

use crate::{TokenClass, Usage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

/// An amount in nano-USD (10⁻⁹ US dollars). Sums saturate: at 1.8 × 10¹⁰ USD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// US dollars with nine decimals, as in `0.000001250`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A price in micro-USD (10⁻⁶ US dollars) per million tokens, at most that of 9,000,000 USD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(u64);

/// The text is not an amount in USD with at most six decimals, at most 9,000,000.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an amount in USD from 0 to 9000000 with at most six decimals")]
pub struct ParsePriceError(String);

impl Price {
    /// The dearest price that can be written: 9,000,000 USD per million tokens.
    pub const MAX: Self = Self(9_000_000_000_000);

    /// What `tokens` cost, in units of 10⁻¹² USD: exact, not yet rounded.
    fn pico_usd(self, tokens: u64) -> u128 {
        u128::from(self.0) * u128::from(tokens)
    }
}

/// Reads a decimal string in USD: `2.50`, `0.000001`, `12`.
impl FromStr for Price {
    type Err = ParsePriceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParsePriceError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, max: usize| {
            (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let canonical = whole == "0" || !whole.starts_with('0');
        if !digits(whole, 7) || !digits(fraction, 6) || !canonical {
            return Err(error());
        }
        let whole: u64 = whole.parse().map_err(|_| error())?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| error())?;
        Some(Self(whole * 1_000_000 + fraction)).filter(|price| *price <= Self::MAX).ok_or_else(error)
    }
}

/// What a model costs, per million tokens of each class. A class without a price of its own is charged as the
/// class that contains it: cached input as input, what is kept in a cache for an hour as what is kept there for minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prices {
    /// Input tokens that were not read from a cache.
    pub input: Price,
    /// Output tokens, reasoning included.
    pub output: Price,
    /// Input tokens that the vendor read from its cache.
    pub cache_read: Option<Price>,
    /// Input tokens that the vendor wrote to its cache, to be kept for minutes.
    pub cache_write: Option<Price>,
    /// Input tokens that the vendor wrote to its cache, to be kept for an hour.
    pub cache_write_1h: Option<Price>,
}

impl Prices {
    /// What a token of `class` costs.
    pub fn of(&self, class: TokenClass) -> Price {
        match class {
            TokenClass::Input => self.input,
            TokenClass::CacheRead => self.cache_read.unwrap_or(self.input),
            TokenClass::CacheWrite => self.cache_write.unwrap_or(self.input),
            TokenClass::CacheWrite1h => {
                self.cache_write_1h.unwrap_or_else(|| self.of(TokenClass::CacheWrite))
            }
            TokenClass::Output | TokenClass::Reasoning => self.output,
        }
    }

    /// The charge for `usage`: summed exactly, rounded up once to a whole nano-USD.
    pub fn charge(&self, usage: &Usage) -> NanoUsd {
        let pico: u128 =
            TokenClass::ALL.into_iter().map(|class| self.of(class).pico_usd(usage.of(class))).sum();
        NanoUsd(u64::try_from(pico.div_ceil(1_000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    #[test]
    fn s4_1_prices_are_read_exactly() {
        assert_eq!(price("2.50"), Price(2_500_000));
        assert_eq!(price("0.000001"), Price(1));
        assert_eq!(price("9000000"), Price::MAX);
        for bad in
            ["", ".5", "1.", "01", "-1", "1e3", "0.0000001", "9000000.000001", "10000000", "1.2.3", "٣"]
        {
            assert!(bad.parse::<Price>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn s4_1_a_charge_is_rounded_up_once() {
        let prices = Prices { input: price("0.000001"), output: price("0.000001"), ..Prices::default() };
        // 3 tokens at 1 pico-USD each are 0.003 nano-USD: one nano-USD, not three.
        let usage = Usage { input: 1, cache_read: 1, output: 1, ..Usage::default() };
        assert_eq!(prices.charge(&usage), NanoUsd(1));
        assert_eq!(prices.charge(&Usage::default()), NanoUsd(0));
    }

    #[test]
    fn s4_1_classes_are_charged_apart() {
        let prices = Prices {
            input: price("2.50"),
            output: price("10"),
            cache_read: Some(price("1.25")),
            cache_write: Some(price("3")),
            cache_write_1h: Some(price("5")),
        };
        let usage = Usage {
            input: 1_000,
            cache_read: 2_000,
            cache_write: 500,
            cache_write_1h: 100,
            output: 300,
            reasoning: 200,
        };
        // 1000 × 2.5 + 2000 × 1.25 + 500 × 3 + 100 × 5 + 500 × 10 micro-USD = 12,000 micro-USD
        assert_eq!(prices.charge(&usage), NanoUsd(12_000_000));
        assert_eq!(prices.charge(&usage).to_string(), "0.012000000");
    }

    #[test]
    fn s4_1_a_class_without_a_price_takes_that_of_the_class_around_it() {
        use TokenClass::{CacheRead, CacheWrite, CacheWrite1h, Reasoning};
        let plain = Prices { input: price("2"), output: price("9"), ..Prices::default() };
        assert_eq!([CacheRead, CacheWrite, CacheWrite1h].map(|class| plain.of(class)), [plain.input; 3]);
        assert_eq!(plain.of(Reasoning), plain.output);
        let minutes = Prices { cache_write: Some(price("3")), ..plain };
        assert_eq!([CacheWrite, CacheWrite1h].map(|class| minutes.of(class)), [price("3"); 2]);
        assert_eq!(minutes.of(CacheRead), minutes.input);
        let hour = Prices { cache_write_1h: Some(price("4")), ..plain };
        assert_eq!((hour.of(CacheWrite), hour.of(CacheWrite1h)), (hour.input, price("4")));
    }

    #[test]
    fn s4_1_the_largest_charge_saturates() {
        let prices = Prices { input: Price::MAX, output: Price::MAX, ..Prices::default() };
        let usage = Usage { input: u64::MAX, cache_read: u64::MAX, output: u64::MAX, ..Usage::default() };
        assert_eq!(prices.charge(&usage), NanoUsd(u64::MAX));
    }
}
