//! The cases. `\n` in a head stands for CRLF.

use super::server::Does;
use super::{Answer, Case, Outcome};

/// A body that does not fit into what lies between two sockets.
const LARGE: usize = 32 << 20;

/// A whole answer of 200 that says `body`, on a connection that carries another.
fn ok(body: &str) -> Answer {
    Answer {
        status: 200,
        headers: Vec::new(),
        compressed: false,
        body: body.to_owned(),
        whole: true,
        reused: true,
    }
}

impl Answer {
    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn compressed(self) -> Self {
        Self { compressed: true, ..self }
    }

    /// The last on its connection.
    fn last(self) -> Self {
        Self { reused: false, ..self }
    }

    fn cut(self) -> Self {
        Self { whole: false, ..self.last() }
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// The server reads a request and says `text`.
fn said(name: &'static str, text: &str, expected: impl Into<Outcome>) -> Case {
    let server = vec![Does::ReadHead, Does::ReadBody, Does::Say(text.replace('\n', "\r\n").into())];
    Case { name, sends: 2, server, expected: expected.into(), reference: None }
}

impl Case {
    fn and_closes(mut self) -> Self {
        self.server.push(Does::Close);
        self
    }

    fn reference(self, why: &'static str, other: impl Into<Outcome>) -> Self {
        Self { reference: Some((why, other.into())), ..self }
    }
}

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    [heads(), ends(), chunked(), timing(), refused()].into_iter().flatten().collect()
}

fn heads() -> Vec<Case> {
    let many: String = (0..5_000).map(|n| format!("x-{n}: y\n")).collect();
    let large = "y".repeat(200 << 10);
    vec![
        said(
            "a success has the headers that are wanted",
            "HTTP/1.1 200 OK\nX-Wanted: 1\nx-wanted: 2\nx-other: 3\ncontent-length: 2\nRetry-After: 9\n\nok",
            ok("ok").header("retry-after", "9").header("x-wanted", "1").header("x-wanted", "2"),
        ),
        said(
            "a failure has all headers",
            "HTTP/1.1 429 Slow Down\nX-Other: 3\nRetry-After: 7\nContent-Length: 2\n\nno",
            ok("no")
                .status(429)
                .header("content-length", "2")
                .header("retry-after", "7")
                .header("x-other", "3"),
        ),
        said("a status without words", "HTTP/1.1 200\ncontent-length: 2\n\nok", ok("ok")),
        said("blank lines in front", "\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\nok", ok("ok")),
        said(
            "interim answers",
            "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nlink: <x>\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\nok",
            ok("ok"),
        ),
        said("many lines", &format!("HTTP/1.1 200 OK\n{many}content-length: 2\n\nok"), ok("ok")),
        said("a head that is too large", &format!("HTTP/1.1 200 OK\nx: {large}\n\n"), Outcome::NotHttp),
        said(
            "a compressed answer",
            "HTTP/1.1 200 OK\ncontent-encoding: gzip\ncontent-length: 2\n\nok",
            ok("ok").compressed(),
        ),
        said(
            "an answer in no coding",
            "HTTP/1.1 200 OK\ncontent-encoding: identity\ncontent-length: 2\n\nok",
            ok("ok"),
        ),
        said("another protocol", "SSH-2.0-OpenSSH\n", Outcome::NotHttp),
        said("no head at all", "", Outcome::Broken).and_closes(),
        said("half a head", "HTTP/1.1 200 OK\ncontent-", Outcome::Broken).and_closes(),
        said("only an interim answer", "HTTP/1.1 100 Continue\n\n", Outcome::Broken).and_closes(),
        said("a folded line", "HTTP/1.1 200 OK\nx: 1\n 2\ncontent-length: 2\n\nok", Outcome::NotHttp),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        said("an empty body", "HTTP/1.1 200 OK\ncontent-length: 0\n\n", ok("")),
        said("the length, twice", "HTTP/1.1 200 OK\ncontent-length: 2\ncontent-length: 2\n\nok", ok("ok")),
        said("a body cut short", "HTTP/1.1 200 OK\ncontent-length: 9\n\nok", ok("ok").cut()).and_closes(),
        said("a body until the end", "HTTP/1.1 200 OK\n\nok", ok("ok").last()).and_closes(),
        said("nothing until the end", "HTTP/1.1 200 OK\n\n", ok("").last()).and_closes(),
        said("204", "HTTP/1.1 204 No Content\n\n", ok("").status(204)),
        said(
            "304, which tells the length of what it does not send",
            "HTTP/1.1 304 Not Modified\ncontent-length: 9\n\n",
            ok("").status(304).header("content-length", "9"),
        ),
        said(
            "a server that closes, and says so",
            "HTTP/1.1 200 OK\nconnection: close\ncontent-length: 2\n\nok",
            ok("ok").last(),
        ),
        said(
            "the same among others",
            "HTTP/1.1 200 OK\nconnection: x, Close\ncontent-length: 2\n\nok",
            ok("ok").last(),
        ),
        said("HTTP/1.0", "HTTP/1.0 200 OK\ncontent-length: 2\n\nok", ok("ok").last()),
        said("a server that closes unasked", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok", ok("ok").last())
            .and_closes(),
        said("more than the body", "HTTP/1.1 200 OK\ncontent-length: 2\n\nokay", ok("ok").last()),
        said(
            "a second answer that nobody asked for",
            "HTTP/1.1 200 OK\ncontent-length: 2\n\nokHTTP/1.1 200 OK\ncontent-length: 6\n\nsecond",
            ok("ok").last(),
        ),
    ]
}

fn chunked() -> Vec<Case> {
    let answer = |name, chunks: &str, expected: Answer| {
        said(name, &format!("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n{chunks}"), expected)
    };
    let extension = "x".repeat(1_000);
    vec![
        answer("chunks", "5\nHello\n2\n, \n00A\n0123456789\n0\n\n", ok("Hello, 0123456789")),
        answer("no chunks", "0\n\n", ok("")),
        answer("extensions", &format!("2;a=\"b\";c\nok\n0;{extension}\n\n"), ok("ok")),
        answer("trailers", "2\nok\n0\nx-wanted: late\nx: y\n\n", ok("ok")),
        answer("no last chunk", "2\nok\n", ok("ok").cut()).and_closes(),
        answer("a cut chunk", "5\nok", ok("ok").cut()).and_closes(),
        answer("cut trailers", "2\nok\n0\nx: y\n", ok("ok").cut()).and_closes(),
        answer("a size that is none", "2\nok\nzz\n", ok("ok").cut()),
        answer("a size beyond all sizes", "2\nok\n10000000000000000\n", ok("ok").cut()),
        answer("a chunk longer than its size", "2\nokay\n0\n\n", ok("ok").cut()),
        answer("more after the last chunk", "2\nok\n0\n\nmore", ok("ok").last()),
    ]
}

fn timing() -> Vec<Case> {
    let early = |name, head: &'static str, rest: &'static str, expected: Answer| Case {
        name,
        sends: LARGE,
        server: vec![Does::ReadHead, Does::Say(head.into()), Does::ReadBody, Does::Say(rest.into())],
        expected: expected.into(),
        reference: None,
    };
    let slow = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-wanted: 1\r\ntransfer-encoding: chunked\r\n\r\n\
                5;x\r\nHello\r\n1\r\n!\r\n0\r\nx: y\r\n\r\n";
    vec![
        Case {
            name: "byte by byte",
            sends: 2,
            server: vec![Does::ReadHead, Does::ReadBody, Does::Dribble(slow)],
            expected: ok("Hello!").header("x-wanted", "1").into(),
            reference: None,
        },
        Case {
            name: "a large request",
            sends: LARGE,
            server: Vec::new(),
            expected: ok("second").into(),
            reference: None,
        },
        early(
            "an answer that begins before all is sent",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nearly\r\n",
            "6\r\n, late\r\n0\r\n\r\n",
            ok("early, late"),
        ),
        early(
            "a refusal before all is sent",
            "HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno",
            "",
            ok("no").status(413).header("content-length", "2").last(),
        )
        .reference(
            "nobody wants the rest of what was refused, and to send it costs time",
            ok("no").status(413).header("content-length", "2"),
        ),
    ]
}

/// Answers that we refuse, because another reader might see another answer in them. The reference takes some.
fn refused() -> Vec<Case> {
    let two = "two readers may find two ends";
    vec![
        said("the length as a list", "HTTP/1.1 200 OK\ncontent-length: 2, 2\n\nok", Outcome::NotHttp)
            .reference(two, ok("ok")),
        said("two lengths", "HTTP/1.1 200 OK\ncontent-length: 2\ncontent-length: 3\n\nok", Outcome::NotHttp),
        said("a length with a sign", "HTTP/1.1 200 OK\ncontent-length: +2\n\nok", Outcome::NotHttp),
        said(
            "a length and chunks",
            "HTTP/1.1 200 OK\ncontent-length: 2\ntransfer-encoding: chunked\n\n2\nok\n0\n\n",
            Outcome::NotHttp,
        )
        .reference(two, ok("ok")),
        said(
            "a coding under the chunks",
            "HTTP/1.1 200 OK\ntransfer-encoding: gzip, chunked\n\n2\nok\n0\n\n",
            Outcome::NotHttp,
        )
        .reference("it was not asked for, and nobody would take it off", ok("ok")),
        said(
            "chunks of HTTP/1.0, which knows none",
            "HTTP/1.0 200 OK\ntransfer-encoding: chunked\n\n2\nok\n0\n\n",
            Outcome::NotHttp,
        ),
        said("another protocol from here on", "HTTP/1.1 101 Switching Protocols\n\n", Outcome::NotHttp)
            .reference("nobody asked to switch", ok("").status(101).last()),
        said(
            "HTTP/1.0 that would stay",
            "HTTP/1.0 200 OK\nconnection: keep-alive\ncontent-length: 2\n\nok",
            ok("ok").last(),
        )
        .reference("few such servers know when another request may come", ok("ok")),
    ]
}
