//! Undoes `transfer-encoding: chunked` of a request. Trailers are read and dropped.

/// What a look at the bytes found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The body, and how many bytes it took on the wire.
    Whole(Vec<u8>, usize),
    More,
    Broken,
}

pub(crate) fn decode(wire: &[u8]) -> Decoded {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let rest = wire.get(at..).unwrap_or_default();
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((line, size))) => {
                (line, usize::try_from(size).unwrap_or(usize::MAX))
            }
            Ok(httparse::Status::Partial) => return Decoded::More,
            Err(_) => return Decoded::Broken,
        };
        if size == 0 {
            return match trailers(rest.get(line..).unwrap_or_default()) {
                Some(length) => Decoded::Whole(body, at + line + length),
                None => Decoded::More,
            };
        }
        let Some(data) = rest.get(line..line.saturating_add(size)) else { return Decoded::More };
        body.extend_from_slice(data);
        at += line + size + 2; // the CRLF after the data
    }
}

/// The length of the trailer section with the empty line that ends it.
fn trailers(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    memchr::memmem::find(rest, b"\r\n\r\n").map(|end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_wants_more_and_the_whole_is_the_body() {
        let wire = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\n";
        for end in 0..wire.len() {
            assert_eq!(decode(&wire[..end]), Decoded::More, "{end}");
        }
        assert_eq!(decode(wire), Decoded::Whole(b"abcde".to_vec(), wire.len()));
        assert_eq!(decode(b"0\r\n\r\nGET"), Decoded::Whole(vec![], 5));
        assert_eq!(decode(b"xyz\r\n"), Decoded::Broken);
    }
}
