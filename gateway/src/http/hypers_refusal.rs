//! What hyper writes when it refuses a head by itself.

/// The status with which hyper refuses a head, if `written` is such an answer: all it writes has this form, and nothing
/// of ours is without a request id.
pub(super) fn refused_by_hyper(written: &[u8]) -> Option<u16> {
    let rest = written.strip_prefix(b"HTTP/1.1 4")?;
    if written.len() > 256 || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let text = std::str::from_utf8(written).ok()?;
    let bare = text.contains("\r\ncontent-length: 0\r\n") && !text.contains("\r\nx-request-id:");
    let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
    digits.parse::<u16>().ok().filter(|_| bare).map(|rest| 400 + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hypers_own_answers_are_taken_for_refusals() {
        let date = "date: Tue, 01 Dec 2026 01:00:00 GMT\r\n\r\n";
        let own = |status: &str| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{date}").into_bytes()
        };
        assert_eq!(refused_by_hyper(&own("400 Bad Request")), Some(400));
        assert_eq!(refused_by_hyper(&own("431 Request Header Fields Too Large")), Some(431));
        for other in [
            own("200 OK"),
            own("503 Service Unavailable"),
            own("404 Not Found\r\nx-request-id: req_1"),
            [own("400 Bad Request"), b"{}".to_vec()].concat(),
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n".to_vec(),
            b"HTTP/1.1 4".to_vec(),
            b"{\"choices\":[]}".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(refused_by_hyper(&other), None, "{}", String::from_utf8_lossy(&other));
        }
    }
}
