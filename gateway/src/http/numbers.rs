//! Numbers in headers. By hand: formatting machinery costs as much as the rest of the headers together.

use std::time::Duration;

/// Appends `number`.
pub(super) fn number(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `whole.fraction`, the fraction with `places` digits, at most nine.
pub(super) fn decimal(to: &mut Vec<u8>, whole: u64, fraction: u64, places: usize) {
    number(to, whole);
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(fraction).as_bytes();
    let zeros = places.saturating_sub(digits.len());
    to.extend_from_slice(b".000000000".get(..=zeros).unwrap_or(b"."));
    to.extend_from_slice(digits);
}

/// Appends `duration` in seconds as OpenAI writes them, to the millisecond: rounded up, for a moment too early would be
/// refused again.
pub(super) fn milliseconds(to: &mut Vec<u8>, duration: Duration) {
    let begun = duration.subsec_nanos().div_ceil(1_000_000);
    let (seconds, millis) = (duration.as_secs().saturating_add(u64::from(begun / 1000)), begun % 1000);
    decimal(to, seconds, millis.into(), 3);
    to.push(b's');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut to = Vec::new();
        write(&mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn decimals_have_all_their_places() {
        let decimal = |whole, fraction, places| written(|to| decimal(to, whole, fraction, places));
        assert_eq!(decimal(0, 7, 3), "0.007");
        assert_eq!(decimal(12, 345, 3), "12.345");
        assert_eq!(decimal(0, 0, 9), "0.000000000");
        assert_eq!(decimal(u64::MAX, 999_999_999, 9), "18446744073709551615.999999999");
    }

    #[test]
    fn durations_are_rounded_up_to_the_millisecond() {
        let told = |duration| written(|to| milliseconds(to, duration));
        assert_eq!(told(Duration::ZERO), "0.000s");
        assert_eq!(told(Duration::from_nanos(1)), "0.001s");
        assert_eq!(told(Duration::from_millis(1999)), "1.999s");
        assert_eq!(told(Duration::from_nanos(1_999_000_001)), "2.000s");
        assert_eq!(told(Duration::MAX), format!("{}.000s", u64::MAX));
    }
}
