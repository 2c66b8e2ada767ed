//! Reads the head of an upstream's answer: its status, the few headers that matter, and how its body ends
//! (RFC 9112, section 6.3).
//!
//! Strict where two readers could disagree on where the body ends: such an answer is refused, and its connection
//! with it.

use super::super::head::Head;
use crate::coding::is_coding;
use http::{HeaderName, HeaderValue, StatusCode};

/// The bytes of a head.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// Header lines that nearly every head has room in; one with more is looked at again, with room for all that fit.
const MANY_LINES: usize = 96;
const MOST_LINES: usize = MAX_HEAD / 4;

/// The head of an answer, and what it says of the connection.
#[derive(Debug)]
pub(in crate::upstream) struct Framed {
    pub(in crate::upstream) head: Head,
    pub(in crate::upstream) length: Length,
    /// The connection may carry another exchange.
    pub(super) keep_alive: bool,
}

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Length {
    /// After so many bytes.
    Known(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// The bytes are no head of an HTTP answer, or one that can be read in two ways.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's answer is not plain HTTP/1.1")]
pub(super) struct NotHttp;

/// Looks for a head in what comes piece by piece. It is parsed when its first bytes are there, so that what is no HTTP
/// is known at once, and when it is complete: an upstream that dribbles costs no more than one that doesn't.
#[derive(Debug)]
pub(super) struct Search {
    /// Headers of a success to keep.
    keep: &'static [&'static str],
    /// So many bytes hold no blank line but in front of the head.
    searched: usize,
    /// Something else than blank lines has come.
    begun: bool,
}

impl Search {
    /// One that keeps `keep` of a success's headers.
    pub(super) fn for_those(keep: &'static [&'static str]) -> Self {
        Self { keep, searched: 0, begun: false }
    }

    /// The head at the beginning of `bytes`, all that has come so far; and its length. Once it is found, the next one is
    /// looked for.
    pub(super) fn head(&mut self, bytes: &[u8]) -> Result<Option<(Framed, usize)>, NotHttp> {
        let had_begun = self.begun;
        let ends = self.finds_blank_line(bytes);
        if self.begun == had_begun && !ends && bytes.len() < MAX_HEAD {
            return Ok(None);
        }
        let found = Framed::parse(bytes, self.keep)?;
        if found.is_some() {
            *self = Self::for_those(self.keep);
        }
        Ok(found)
    }

    /// Whether there is a blank line in what was not searched yet.
    fn finds_blank_line(&mut self, bytes: &[u8]) -> bool {
        // It may have begun two bytes before: a line's end and a carriage return.
        let from = if self.begun { self.searched.saturating_sub(2) } else { self.searched };
        let mut unseen = bytes.get(from..).unwrap_or_default();
        self.searched = bytes.len();
        if !self.begun {
            let first = unseen.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
            self.begun = first.is_some();
            unseen = first.and_then(|first| unseen.get(first..)).unwrap_or_default();
        }
        memchr::memchr_iter(b'\n', unseen).any(|at| {
            let next = unseen.get(at + 1..).unwrap_or_default();
            next.starts_with(b"\n") || next.starts_with(b"\r\n")
        })
    }
}

impl Framed {
    /// Reads the head at the beginning of `bytes`, with those of a success's headers that are in `keep`; gives its
    /// length too. `None`: it is not complete.
    fn parse(bytes: &[u8], keep: &[&str]) -> Result<Option<(Self, usize)>, NotHttp> {
        let mut few = [httparse::EMPTY_HEADER; MANY_LINES];
        let mut answer = httparse::Response::new(&mut few);
        match answer.parse(bytes) {
            Err(httparse::Error::TooManyHeaders) => {}
            parsed => return Self::of(&answer, parsed, bytes, keep),
        }
        let mut many = vec![httparse::EMPTY_HEADER; MOST_LINES];
        let mut answer = httparse::Response::new(&mut many);
        let parsed = answer.parse(bytes);
        Self::of(&answer, parsed, bytes, keep)
    }

    fn of(
        answer: &httparse::Response<'_, '_>,
        parsed: httparse::Result<usize>,
        bytes: &[u8],
        keep: &[&str],
    ) -> Result<Option<(Self, usize)>, NotHttp> {
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            _ => return Err(NotHttp),
        };
        let code = answer.code.ok_or(NotHttp)?;
        let mut framed = Self {
            head: Head::new(StatusCode::from_u16(code).map_err(|_| NotHttp)?, false),
            length: Length::UntilClose,
            keep_alive: answer.version == Some(1),
        };
        framed.read(answer.headers)?;
        if framed.length == Length::Chunked && answer.version == Some(0) {
            return Err(NotHttp); // HTTP/1.0 knows no chunks: to other readers they are the body (RFC 9112, section 6.1)
        }
        framed.keep(answer.headers, keep);
        if matches!(code, 204 | 304) {
            framed.length = Length::Known(0);
        }
        Ok(Some((framed, length)))
    }

    fn read(&mut self, headers: &[httparse::Header<'_>]) -> Result<(), NotHttp> {
        let mut known: Option<u64> = None;
        let mut chunked = false;
        for httparse::Header { name, value } in headers {
            match name.len() {
                10 if name.eq_ignore_ascii_case("connection") => {
                    self.keep_alive &= !contains_close(value);
                }
                12 if name.eq_ignore_ascii_case("content-type") => self.head.claims_events = is_events(value),
                14 if name.eq_ignore_ascii_case("content-length") => {
                    let length = decimal(value)?;
                    if known.replace(length).is_some_and(|before| before != length) {
                        return Err(NotHttp);
                    }
                }
                16 if name.eq_ignore_ascii_case("content-encoding") => {
                    self.head.compressed |= is_coding(value);
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                        return Err(NotHttp);
                    }
                    chunked = true;
                }
                _ => {}
            }
        }
        self.length = match (chunked, known) {
            (true, Some(_)) => return Err(NotHttp),
            (true, None) => Length::Chunked,
            (false, Some(length)) => Length::Known(length),
            (false, None) => Length::UntilClose,
        };
        Ok(())
    }

    /// Keeps what somebody reads: usually nothing of a success.
    fn keep(&mut self, headers: &[httparse::Header<'_>], keep: &[&str]) {
        let all = !self.head.status.is_success();
        if all || !keep.is_empty() {
            let is_kept = |name: &str| all || keep.iter().any(|kept| kept.eq_ignore_ascii_case(name));
            let kept = headers.iter().filter(|header| is_kept(header.name));
            self.head.headers = kept.filter_map(owned).collect();
        }
    }
}

fn owned(header: &httparse::Header<'_>) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(header.name.as_bytes()).ok()?, HeaderValue::from_bytes(header.value).ok()?))
}

fn contains_close(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

fn is_events(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/event-stream")
}

/// Digits and nothing else: no sign, no list.
fn decimal(value: &[u8]) -> Result<u64, NotHttp> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok()).ok_or(NotHttp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(head: &str) -> Result<Option<(Framed, usize)>, NotHttp> {
        Framed::parse(head.replace('\n', "\r\n").as_bytes(), &[])
    }

    fn length(headers: &str) -> Result<Length, NotHttp> {
        parse(&format!("HTTP/1.1 200 OK\n{headers}\n")).map(|head| head.unwrap().0.length)
    }

    #[test]
    fn s10_21_an_answer_whose_end_can_be_read_in_two_ways_is_none() {
        assert_eq!(length("Content-Length: 12\n"), Ok(Length::Known(12)));
        assert_eq!(length("Content-Length: 12\ncontent-length: 12\n"), Ok(Length::Known(12)));
        assert_eq!(length("Transfer-Encoding: Chunked\n"), Ok(Length::Chunked));
        assert_eq!(length(""), Ok(Length::UntilClose));
        for unclear in [
            "Content-Length: 12\nContent-Length: 13\n",
            "Content-Length: 12, 12\n",
            "Content-Length: +12\n",
            "Content-Length: \n",
            "Content-Length: 99999999999999999999\n",
            "Content-Length: 12\nTransfer-Encoding: chunked\n",
            "Transfer-Encoding: gzip, chunked\n",
            "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
        ] {
            assert_eq!(length(unclear), Err(NotHttp), "{unclear}");
        }
    }

    #[test]
    fn a_kept_connection_is_kept_only_where_both_say_so() {
        let kept = |head: &str| parse(head).unwrap().unwrap().0.keep_alive;
        assert!(kept("HTTP/1.1 200 OK\nContent-Length: 0\n\n"));
        assert!(!kept("HTTP/1.1 200 OK\nConnection: x, Close\n\n"));
        assert!(!kept("HTTP/1.0 200 OK\nContent-Length: 0\n\n"));
    }

    #[test]
    fn what_the_body_claims_to_be_is_read() {
        let head = |headers: &str| parse(&format!("HTTP/1.1 200 OK\n{headers}\n")).unwrap().unwrap().0.head;
        assert!(head("content-type: text/event-stream; charset=utf-8\n").claims_events);
        assert!(head("Content-Type: Text/Event-Stream\n").claims_events);
        for other in ["content-type: application/json\n", "content-type: text/event-streams\n", ""] {
            assert!(!head(other).claims_events, "{other}");
        }
        assert!(head("retry-after: 1\n").headers.is_empty());
        let error = parse("HTTP/1.1 429 Slow Down\nRetry-After: 7\n\n").unwrap().unwrap().0.head;
        assert_eq!(error.headers.get("retry-after").unwrap(), "7");
    }

    #[test]
    fn s10_20_an_answer_is_compressed_where_it_names_a_coding() {
        let compressed = |headers: &str| {
            parse(&format!("HTTP/1.1 200 OK\n{headers}\n")).unwrap().unwrap().0.head.compressed
        };
        for headers in [
            "content-encoding: gzip\n",
            "Content-Encoding: identity, BR\n",
            "content-encoding: none\ncontent-encoding: zstd\n",
            "content-encoding: deflate\ncontent-encoding: identity\n",
        ] {
            assert!(compressed(headers), "{headers}");
        }
        for headers in ["none", "", "utf-8", "Identity", "identity, none"] {
            assert!(!compressed(&format!("content-encoding: {headers}\n")), "{headers}");
        }
    }

    #[test]
    fn a_head_may_have_as_many_lines_as_fit() {
        let lines: String = (0..5_000).map(|n| format!("x-{n}: y\n")).collect();
        let (head, _) = parse(&format!("HTTP/1.1 200 OK\n{lines}content-length: 7\n\n")).unwrap().unwrap();
        assert_eq!(head.length, Length::Known(7));
    }

    /// What is found in the shortest beginning of `text` in which anything is.
    fn first_found(
        text: &[u8],
        cuts: &[usize],
        mut look: impl FnMut(&[u8]) -> Result<Option<(Framed, usize)>, NotHttp>,
    ) -> (usize, Result<usize, NotHttp>) {
        for cut in cuts {
            match look(&text[..*cut]) {
                Ok(None) => {}
                Ok(Some((_, length))) => return (*cut, Ok(length)),
                Err(error) => return (*cut, Err(error)),
            }
        }
        (usize::MAX, Err(NotHttp))
    }

    proptest! {
        #[test]
        fn s1_14_a_head_is_found_as_soon_as_it_is_there_however_it_was_cut(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "HTTP/1.1 200 OK", "\r\n", "\n", "\r", "a: b", "c:", " ", "x",
            ]), 0..12),
            is_head in any::<bool>(),
            cuts in prop::collection::vec(any::<usize>(), 0..40),
        ) {
            let text = if is_head { "HTTP/1.1 200 OK\r\n".to_owned() } else { String::new() } + &pieces.concat();
            let text = text.as_bytes();
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut % (text.len() + 1)).chain([text.len()]).collect();
            cuts.sort_unstable();
            let anew = first_found(text, &cuts, |bytes| Framed::parse(bytes, &[]));
            let mut search = Search::for_those(&[]);
            let found = first_found(text, &cuts, |bytes| search.head(bytes));
            // What is wrong in the middle may be known later.
            prop_assert!(anew == found || anew.1.is_err() && found.1.is_err() && anew.0 <= found.0, "{:?} {:?}", anew, found);
        }
    }

    #[test]
    fn s1_14_a_head_that_dribbles_is_not_parsed_anew_for_every_byte() {
        let lines: String = (0..5_000).map(|n| format!("x-{n}: y\r\n")).collect();
        let blanks = "\r\n".repeat(1_000);
        let text = format!("{blanks}HTTP/1.1 200 OK\r\n{lines}\r\n");
        let cuts: Vec<usize> = (1..=text.len()).collect();
        let (mut search, began) = (Search::for_those(&[]), std::time::Instant::now());
        let found = first_found(text.as_bytes(), &cuts, |bytes| search.head(bytes));
        assert_eq!(found, (text.len(), Ok(text.len())));
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn garbage_is_no_head_and_a_beginning_is_none_yet() {
        assert_eq!(parse("SSH-2.0-OpenSSH\n").unwrap_err(), NotHttp);
        assert!(parse("HTTP/1.1 200 OK\nContent-").unwrap().is_none());
        let endless = format!("HTTP/1.1 200 OK\nx: {}", "y".repeat(MAX_HEAD));
        assert_eq!(parse(&endless).unwrap_err(), NotHttp);
    }
}
