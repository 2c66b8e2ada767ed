//! The inner loop of everything that reads JSON: how far does a string go on without anything special.
//!
//! Eight bytes at a time in plain arithmetic. Keys and short values end there. Of a long string, `memchr` finds the end
//! with the widest vectors that the processor has, and what is before it is only asked for its lowest byte, which
//! compilers turn into vector instructions: a quarter of an instruction for each byte, both together.

/// How many bytes come before the first quote, backslash or control character.
#[inline(always)]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    within::<2>(bytes).unwrap_or_else(|rest| bytes.len() - rest.len() + long(rest))
}

#[inline(never)]
fn long(bytes: &[u8]) -> usize {
    let rest = match within::<2>(bytes) {
        Ok(at) => return at,
        Err(rest) => rest,
    };
    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let before = rest.get(..end).unwrap_or(rest);
    let lowest = before.iter().fold(u8::MAX, |lowest, byte| lowest.min(*byte));
    let control = if lowest < 0x20 { before.iter().position(|byte| *byte < 0x20) } else { None };
    bytes.len() - rest.len() + control.unwrap_or(end)
}

/// The first special byte of the next `N` times eight, or what follows them.
#[inline(always)]
fn within<const N: usize>(bytes: &[u8]) -> Result<usize, &[u8]> {
    let mut rest = bytes;
    for _ in 0..N {
        let Some((chunk, after)) = rest.split_first_chunk() else { break };
        if let Some(at) = special(chunk) {
            return Ok(bytes.len() - rest.len() + at);
        }
        rest = after;
    }
    Err(rest)
}

/// The first special byte of eight.
#[inline(always)]
fn special(chunk: &[u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let word = u64::from_le_bytes(*chunk);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below = quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES) | word.wrapping_sub(ONES * 0x20);
    let marks = below & !word & TOPS; // beyond ASCII nothing is special
    // the lowest mark is exact: a borrow only runs upwards
    (marks != 0).then(|| (marks.trailing_zeros() / 8) as usize)
}
