//! Steps over JSON text: from the first byte of a value, key or string to past its last, checked and not kept.
//!
//! Plain functions of the text and a place in it: places stay in registers, which halves the cost against a
//! cursor that is written back after every step.

use super::flaw::{Flaw, What};
use super::plain;

/// Containers within containers, the outermost counted.
pub(super) const MAX_DEPTH: u32 = 64;

/// A place in the text, or what is wrong with it.
pub(super) type Step = Result<usize, Flaw>;

/// The byte at a place; 0 past the end, which is valid nowhere.
#[inline(always)]
pub(super) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// Past white space.
#[inline(always)]
pub(super) fn blank(text: &[u8], mut at: usize) -> usize {
    while matches!(byte(text, at), b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// Past a quoted key, the colon after it and the white space around that.
#[inline(always)]
pub(super) fn key(text: &[u8], at: usize) -> Result<Key, Flaw> {
    if byte(text, at) != b'"' {
        return flaw(text, at, What::Key);
    }
    let (end, escaped) = string(text, at)?;
    let colon = blank(text, end);
    if byte(text, colon) != b':' {
        return flaw(text, colon, What::Colon);
    }
    Ok(Key { end, escaped, value: blank(text, colon + 1) })
}

/// A key that was read.
pub(super) struct Key {
    /// Past its closing quote.
    pub(super) end: usize,
    /// Whether it holds an escape.
    pub(super) escaped: bool,
    /// Where its value begins.
    pub(super) value: usize,
}

/// Past one value of the outermost container.
#[inline(always)]
pub(super) fn value(text: &[u8], at: usize) -> Step {
    match byte(text, at) {
        b'{' | b'[' => container(text, at),
        first => scalar(text, at, first),
    }
}

/// Past a string, number or word that begins with the byte `first`.
#[inline(always)]
fn scalar(text: &[u8], at: usize, first: u8) -> Step {
    match first {
        b'"' => string(text, at).map(|(end, _)| end),
        b'-' | b'0'..=b'9' => number(text, at),
        b't' => word(text, at, b"true"),
        b'f' => word(text, at, b"false"),
        b'n' => word(text, at, b"null"),
        _ => flaw(text, at, What::Value),
    }
}

/// Past an object or array within the outermost object. One bit for each open container: is it an object.
fn container(text: &[u8], mut at: usize) -> Step {
    let mut objects = 0u64;
    let mut depth = 1; // the outermost object, which `super::object` reads
    'value: loop {
        match byte(text, at) {
            open @ (b'{' | b'[') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return flaw(text, at, What::Depth);
                }
                at = blank(text, at + 1);
                objects <<= 1;
                if open == b'{' {
                    objects |= 1;
                    if byte(text, at) != b'}' {
                        at = key(text, at)?.value;
                        continue 'value;
                    }
                } else if byte(text, at) != b']' {
                    continue 'value;
                }
            }
            first => at = scalar(text, at, first)?,
        }
        // a value has ended, or an empty container is about to
        loop {
            at = blank(text, at);
            let object = objects & 1 == 1;
            match byte(text, at) {
                b',' => {
                    at = blank(text, at + 1);
                    if object {
                        at = key(text, at)?.value;
                    }
                    continue 'value;
                }
                b'}' if object => {}
                b']' if !object => {}
                _ => return flaw(text, at, if object { What::MemberEnd } else { What::ElementEnd }),
            }
            at += 1;
            objects >>= 1;
            depth -= 1;
            if depth == 1 {
                return Ok(at);
            }
        }
    }
}

/// Past a string, from its opening quote, and whether it holds an escape.
#[inline(always)]
fn string(text: &[u8], at: usize) -> Result<(usize, bool), Flaw> {
    let end = at + 1 + plain(text.get(at + 1..).unwrap_or_default());
    if byte(text, end) == b'"' { Ok((end + 1, false)) } else { odd_string(text, end) }
}

/// Past a string that is not plain, from the first byte that isn't.
#[inline(never)]
fn odd_string(text: &[u8], mut at: usize) -> Result<(usize, bool), Flaw> {
    loop {
        at = match text.get(at) {
            Some(b'"') => return Ok((at + 1, true)),
            Some(b'\\') => escape(text, at)?,
            Some(_) => return flaw(text, at, What::Control),
            None => return flaw(text, at, What::End),
        };
        at += plain(text.get(at..).unwrap_or_default());
    }
}

/// Past an escape, from its backslash.
#[inline(always)]
fn escape(text: &[u8], at: usize) -> Step {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => hex(text, at + 2),
        Some(_) => flaw(text, at, What::Escape),
        None => flaw(text, at + 1, What::End),
    }
}

/// Past four hexadecimal digits.
fn hex(text: &[u8], at: usize) -> Step {
    let digits = text.get(at..at + 4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if digits { Ok(at + 4) } else { flaw(text, at, What::Escape) }
}

/// Past a number.
#[inline(always)]
fn number(text: &[u8], start: usize) -> Step {
    let first = start + usize::from(byte(text, start) == b'-');
    let end = digits(text, first);
    if end == first || byte(text, first) == b'0' && end > first + 1 {
        return flaw(text, first, What::Number);
    }
    if matches!(byte(text, end), b'.' | b'e' | b'E') {
        return odd_number(text, end);
    }
    Ok(end)
}

/// Past a number with a fraction or an exponent, from behind its whole part.
#[inline(never)]
fn odd_number(text: &[u8], mut at: usize) -> Step {
    if byte(text, at) == b'.' {
        at = some_digits(text, at + 1)?;
    }
    if matches!(byte(text, at), b'e' | b'E') {
        at += 1;
        at = some_digits(text, at + usize::from(matches!(byte(text, at), b'+' | b'-')))?;
    }
    Ok(at)
}

fn some_digits(text: &[u8], at: usize) -> Step {
    let end = digits(text, at);
    if end == at { flaw(text, at, What::Number) } else { Ok(end) }
}

#[inline(always)]
fn digits(text: &[u8], mut at: usize) -> usize {
    while byte(text, at).is_ascii_digit() {
        at += 1;
    }
    at
}

#[inline(always)]
fn word(text: &[u8], at: usize, word: &[u8]) -> Step {
    let is = text.get(at..at + word.len()) == Some(word);
    if is { Ok(at + word.len()) } else { flaw(text, at, What::Value) }
}

/// What is wrong at a place: at the end of the text, always that it ends.
#[cold]
pub(super) fn flaw<T>(text: &[u8], at: usize, what: What) -> Result<T, Flaw> {
    Err(Flaw { at: at.min(text.len()), what: if at >= text.len() { What::End } else { what } })
}
