//! Undoes chunked transfer encoding as bytes arrive, wherever they are cut.

use anyhow::{Result, bail, ensure};
use bytes::{Buf, BytesMut};

#[derive(Debug, Default)]
pub enum Dechunk {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    Trailer,
}

impl Dechunk {
    /// Moves what it can from `wire` to `body`; true after the last chunk.
    pub fn feed(&mut self, wire: &mut BytesMut, body: &mut Vec<u8>) -> Result<bool> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = take_line(wire) else { return Ok(false) };
                    let digits =
                        line.as_ref().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                    let size = usize::from_str_radix(std::str::from_utf8(digits)?, 16)?;
                    *self = if size == 0 { Self::Trailer } else { Self::Data(size) };
                }
                Self::Data(left) => {
                    let n = wire.len().min(*left);
                    body.extend_from_slice(&wire.split_to(n));
                    *left -= n;
                    if *left > 0 {
                        return Ok(false);
                    }
                    *self = Self::DataEnd;
                }
                Self::DataEnd => {
                    let Some(line) = take_line(wire) else { return Ok(false) };
                    ensure!(line.is_empty(), "no line end after a chunk");
                    *self = Self::Size;
                }
                Self::Trailer => {
                    let Some(line) = take_line(wire) else { return Ok(false) };
                    if !line.is_empty() {
                        bail!("an unexpected trailer");
                    }
                    return Ok(true);
                }
            }
        }
    }
}

fn take_line(wire: &mut BytesMut) -> Option<BytesMut> {
    let end = wire.windows(2).position(|two| two == b"\r\n")?;
    let line = wire.split_to(end);
    wire.advance(2);
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_cutting_gives_the_same_body() {
        let all = b"3\r\nabc\r\na;x\r\n0123456789\r\n0\r\n\r\nnext";
        for cut in 0..all.len() - 4 {
            let (mut dechunk, mut body) = (Dechunk::default(), Vec::new());
            let mut wire = BytesMut::from(&all[..cut]);
            assert!(!dechunk.feed(&mut wire, &mut body).unwrap(), "{cut}");
            wire.extend_from_slice(&all[cut..]);
            assert!(dechunk.feed(&mut wire, &mut body).unwrap());
            assert_eq!((&body[..], &wire[..]), (&b"abc0123456789"[..], &b"next"[..]));
        }
    }
}
