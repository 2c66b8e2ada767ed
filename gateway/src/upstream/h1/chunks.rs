//! Takes the chunked transfer coding apart (RFC 9112, section 7.1). Strict: what is not written as the standard
//! says ends the connection, because two readers of it may see two answers.

use bytes::{Buf, Bytes, BytesMut};

/// A chunk's size line, extensions included, and all trailers together have at most so many bytes.
const MAX_LINE: usize = 4096;

/// The coding is broken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunked transfer coding is broken")]
pub(super) struct BrokenCoding;

/// Where in the coding the next byte stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In a size line.
    #[default]
    Size,
    /// In a chunk's data, of which so much is left.
    Data(u64),
    /// In the line end after a chunk's data.
    DataEnd,
    /// In the trailers, of which so many bytes have come.
    Trailers(usize),
    /// Past the end.
    Ended,
    /// What comes next is no coding.
    Broken,
}

impl Chunks {
    /// Takes from `input` all data that it has, joined into one piece; one chunk alone is not copied. Empty: more
    /// input is needed, or the end has come.
    ///
    /// # Errors
    /// The coding is broken. What stood before that has been taken by then: it came, whatever followed.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Bytes, BrokenCoding> {
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        loop {
            let piece = match self.next(input) {
                Ok(Some(piece)) => piece,
                Err(broken) if first.is_empty() => return Err(broken),
                Ok(None) | Err(BrokenCoding) => break,
            };
            if first.is_empty() {
                first = piece;
                continue;
            }
            if joined.is_empty() {
                joined.reserve(first.len() + piece.len() + input.len());
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&piece);
        }
        Ok(if joined.is_empty() { first } else { joined.freeze() })
    }

    /// The next piece of data; `None` where input is missing or the end has come. Broken is broken for good.
    fn next(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, BrokenCoding> {
        let next = self.step(input);
        if next.is_err() {
            *self = Self::Broken;
        }
        next
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, BrokenCoding> {
        loop {
            *self = match self {
                Self::Ended => return Ok(None),
                Self::Broken => return Err(BrokenCoding),
                Self::Size => match line(input)? {
                    None => return Ok(None),
                    Some(line) => match size(&line)? {
                        0 => Self::Trailers(0),
                        size => Self::Data(size),
                    },
                },
                Self::Data(left) => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    let piece = input.split_to(length).freeze();
                    *left -= length as u64;
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Some(piece));
                }
                Self::DataEnd => match line(input)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => Self::Size,
                    Some(_) => return Err(BrokenCoding),
                },
                Self::Trailers(length) => match line(input)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => Self::Ended,
                    Some(line) if *length + line.len() <= MAX_LINE => Self::Trailers(*length + line.len()),
                    Some(_) => return Err(BrokenCoding),
                },
            }
        }
    }
}

/// The next line without its CRLF, if it is complete.
fn line(input: &mut BytesMut) -> Result<Option<BytesMut>, BrokenCoding> {
    match memchr::memchr(b'\n', input) {
        None if input.len() > MAX_LINE => Err(BrokenCoding),
        None => Ok(None),
        Some(end) if end > MAX_LINE => Err(BrokenCoding),
        Some(end) => {
            let mut line = input.split_to(end + 1);
            line.truncate(end);
            if line.last() != Some(&b'\r') {
                return Err(BrokenCoding);
            }
            line.truncate(end - 1);
            Ok(Some(line))
        }
    }
}

/// The size that a size line tells; extensions are passed over.
fn size(line: &[u8]) -> Result<u64, BrokenCoding> {
    let mut digits = line;
    let mut size: u64 = 0;
    while let Some(digit) = digits.first().and_then(|byte| char::from(*byte).to_digit(16)) {
        if size >> 60 != 0 {
            return Err(BrokenCoding);
        }
        size = size << 4 | u64::from(digit);
        digits.advance(1);
    }
    let begins_extension = matches!(digits.trim_ascii_start().first(), None | Some(b';'));
    if digits.len() == line.len() || !begins_extension || digits.contains(&b'\r') {
        return Err(BrokenCoding);
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when `coded` arrives in pieces of `step` bytes, and whether the end was reached.
    fn decode(coded: &[u8], step: usize) -> Result<(Vec<u8>, bool, usize), BrokenCoding> {
        let (mut chunks, mut input, mut out) = (Chunks::default(), BytesMut::new(), Vec::new());
        for piece in coded.chunks(step) {
            input.extend_from_slice(piece);
            out.extend_from_slice(&chunks.take(&mut input)?);
        }
        out.extend_from_slice(&chunks.take(&mut input)?);
        Ok((out, chunks == Chunks::Ended, input.len()))
    }

    #[test]
    fn every_split_gives_the_same_data() {
        let coded = b"5\r\nHello\r\n1;name=\"v\"\r\n,\r\n00A  ;x\r\n 23456789 \r\n0\r\nx-trailer: y\r\n\r\n";
        for step in 1..=coded.len() {
            assert_eq!(decode(coded, step), Ok((b"Hello, 23456789 ".to_vec(), true, 0)), "{step}");
        }
    }

    #[test]
    fn bytes_after_the_end_are_left_alone() {
        assert_eq!(decode(b"0\r\n\r\nHTTP/1.1 200 OK", 64), Ok((Vec::new(), true, 15)));
    }

    #[test]
    fn a_missing_end_is_no_end() {
        for coded in [&b"5\r\nHel"[..], b"5\r\nHello\r\n", b"5\r\nHello\r\n0\r\n", b"5", b""] {
            assert!(matches!(decode(coded, 64), Ok((_, false, _))), "{coded:?}");
        }
    }

    #[test]
    fn s2_12_what_came_before_a_break_is_taken_however_it_is_split() {
        let coded = b"5\r\nHello\r\n2\r\n, \r\nzz\r\n5\r\nworld\r\n";
        for step in 1..=coded.len() {
            let (mut chunks, mut input, mut out) = (Chunks::default(), BytesMut::new(), Vec::new());
            let mut broken = false;
            for piece in coded.chunks(step) {
                input.extend_from_slice(piece);
                match chunks.take(&mut input) {
                    Ok(data) => out.extend_from_slice(&data),
                    Err(BrokenCoding) => broken = true,
                }
            }
            broken |= chunks.take(&mut input).is_err();
            assert_eq!((out.as_slice(), broken), (b"Hello, ".as_slice(), true), "{step}");
        }
    }

    #[test]
    fn what_two_readers_may_read_in_two_ways_is_refused() {
        let long = [b"5;".as_slice(), &vec![b'x'; MAX_LINE], b"\r\nHello\r\n0\r\n\r\n"].concat();
        for coded in [
            &b"\r\nHello"[..],
            b"5\nHello\r\n0\r\n\r\n",
            b"0x5\r\nHello\r\n0\r\n\r\n",
            b"-5\r\nHello\r\n0\r\n\r\n",
            b"5 Hello\r\n",
            b"5\r\nHelloX\r\n0\r\n\r\n",
            b"5\r\nHello\n0\r\n\r\n",
            b"5;a\rb\r\nHello\r\n",
            b"10000000000000000\r\n",
            &long,
        ] {
            assert_eq!(decode(coded, 1 << 20), Err(BrokenCoding), "{coded:?}");
        }
    }
}
