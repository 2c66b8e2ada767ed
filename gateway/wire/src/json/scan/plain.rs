//! The inner loop of everything that reads JSON: how far does a string go on without anything special.
//!
//! Eight bytes at a time in plain arithmetic. Keys and short values end there; in the middle of a long string
//! thirty-two at a time are only asked whether any is special, which compilers turn into vector instructions.

/// How many bytes come before the first quote, backslash or control character.
#[inline(always)]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    within::<2>(bytes).unwrap_or_else(|rest| bytes.len() - rest.len() + long(rest))
}

#[inline(never)]
fn long(bytes: &[u8]) -> usize {
    let mut rest = match within::<2>(bytes) {
        Ok(at) => return at,
        Err(rest) => rest,
    };
    loop {
        while let Some((_, after)) = rest.split_first_chunk().filter(|(chunk, _)| !any_special(chunk)) {
            rest = after;
        }
        match within::<4>(rest) {
            Ok(at) => return bytes.len() - rest.len() + at,
            Err(after) if after.len() < 8 => {
                let at = after.iter().position(|byte| is_special(*byte)).unwrap_or(after.len());
                return bytes.len() - after.len() + at;
            }
            Err(after) => rest = after,
        }
    }
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

/// The maximum, not an `or`: this is the shape of which compilers make one comparison of all.
#[inline(always)]
fn any_special(chunk: &[u8; 32]) -> bool {
    chunk.iter().map(|byte| if is_special(*byte) { 0xFF } else { 0u8 }).fold(0, u8::max) != 0
}

#[inline(always)]
fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
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
