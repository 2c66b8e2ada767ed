//! Decimals in headers. By hand: formatting machinery costs as much as the rest of the headers together.

use http::HeaderValue;

/// `whole.fraction` and then `unit`, the fraction with `places` digits.
pub(super) fn decimal(whole: u64, fraction: u64, places: usize, unit: &'static str) -> HeaderValue {
    let (mut digits, mut text) = (itoa::Buffer::new(), [b'0'; 48]);
    let whole = digits.format(whole).as_bytes();
    let point = whole.len();
    let mut fraction_digits = itoa::Buffer::new();
    let fraction = fraction_digits.format(fraction).as_bytes();
    let end = point + 1 + places.max(fraction.len());
    // At most 20 digits on each side: the text has room for them, and for a unit of some letters.
    let mut put = |at: usize, bytes: &[u8]| {
        text.iter_mut().skip(at).zip(bytes).for_each(|(to, byte)| *to = *byte);
    };
    put(0, whole);
    put(point, b".");
    put(end - fraction.len(), fraction);
    put(end, unit.as_bytes());
    let text = text.get(..end + unit.len()).unwrap_or(b"0");
    HeaderValue::from_bytes(text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_have_all_their_places_and_their_unit() {
        assert_eq!(decimal(0, 7, 3, "s"), "0.007s");
        assert_eq!(decimal(12, 345, 3, ""), "12.345");
        assert_eq!(decimal(0, 0, 9, ""), "0.000000000");
        let most = decimal(u64::MAX, u64::MAX, 3, "s");
        assert_eq!(most, "18446744073709551615.18446744073709551615s");
    }
}
