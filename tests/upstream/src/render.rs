//! Turns an `Answer` into a list of operations on a connection: where each write begins and ends, and what
//! happens between two of them. Pure; `play` performs it.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::answer::{Body, Step};
use crate::{Answer, At, Framing, Gate, Seen, Writes};

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Write(Bytes),
    Wait(Duration),
    Hold(Gate),
    Forever { frame: Bytes, every: Duration },
    Reset,
    Close,
    Hang,
}

impl From<Step> for Op {
    fn from(step: Step) -> Self {
        match step {
            Step::Wait(pause) => Self::Wait(pause),
            Step::Hold(gate) => Self::Hold(gate),
            Step::Reset => Self::Reset,
            Step::Close => Self::Close,
            Step::Hang => Self::Hang,
        }
    }
}

/// How often `Answer::by` may answer with another `Answer::by`.
const DEPTH: usize = 8;

pub(crate) fn render(answer: &Answer, seen: &Seen) -> Vec<Op> {
    let mut answer = answer.clone();
    for _ in 0..DEPTH {
        let Body::By(decide) = &answer.body else { break };
        answer = decide(seen);
    }
    let mut content_type = None;
    let (events, is_stream) = match &answer.body {
        Body::Bytes(bytes) | Body::Raw(bytes) => (vec![bytes.clone()], false),
        Body::Events(events) => (events.clone(), true),
        Body::Chat(chat) if chat.is_stream(seen) => {
            content_type = Some("text/event-stream");
            (chat.frames(seen), true)
        }
        Body::Chat(chat) => {
            content_type = Some("application/json");
            (vec![chat.unary(seen)], false)
        }
        Body::Message(message) if message.is_stream(seen) => {
            content_type = Some("text/event-stream; charset=utf-8");
            (message.frames(seen), true)
        }
        Body::Message(message) => {
            content_type = Some("application/json");
            (vec![message.unary(seen)], false)
        }
        Body::Endless { .. } | Body::By(_) => (Vec::new(), true),
    };
    let raw = matches!(answer.body, Body::Raw(_));
    let default = match (raw, is_stream) {
        (true, _) => Framing::UntilClose,
        (_, true) => Framing::Chunked,
        (_, false) => Framing::Length,
    };
    let framing = answer.framing.unwrap_or(default);
    let length = events.iter().map(Bytes::len).sum();
    let head = if raw { Bytes::new() } else { head(&answer, content_type, framing, length) };
    let writes = answer.writes.clone().unwrap_or(if is_stream { Writes::PerEvent } else { Writes::Joined });

    let mut list = List { ops: Vec::new(), joined: writes == Writes::Joined };
    list.steps(&answer, |at| at == At::Start);
    list.head(&answer, &head);
    list.body(&answer, &events, &writes, framing);
    if let Body::Endless { frame, every } = &answer.body {
        let frame = if framing == Framing::Chunked { chunk(frame) } else { frame.clone() };
        list.ops.push(Op::Forever { frame, every: *every });
    }
    list.steps(&answer, |at| at == At::End);
    if framing == Framing::Chunked {
        list.write(Bytes::from_static(b"0\r\n\r\n"));
    }
    list.steps(&answer, |at| at == At::After);
    if framing == Framing::UntilClose {
        list.ops.push(Op::Close);
    }
    list.ops
}

fn head(answer: &Answer, content_type: Option<&str>, framing: Framing, length: usize) -> Bytes {
    let has = |name: &str| answer.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    let mut add = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
    for (name, value) in &answer.headers {
        add(name, value);
    }
    if let Some(value) = content_type.filter(|_| !has("content-type")) {
        add("content-type", value);
    }
    match framing {
        Framing::Length if !has("content-length") => add("content-length", &length.to_string()),
        Framing::Chunked if !has("transfer-encoding") => add("transfer-encoding", "chunked"),
        Framing::UntilClose => add("connection", "close"),
        _ => {}
    }
    head.push_str("\r\n");
    head.into()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Status",
    }
}

/// One chunk of a chunked body.
pub(crate) fn chunk(data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + 16);
    out.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.put_slice(data);
    out.put_slice(b"\r\n");
    out.freeze()
}

struct List {
    ops: Vec<Op>,
    joined: bool,
}

impl List {
    fn write(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        match self.ops.last_mut() {
            Some(Op::Write(last)) if self.joined => {
                let mut both = BytesMut::from(std::mem::take(last));
                both.extend_from_slice(&bytes);
                *last = both.freeze();
            }
            _ => self.ops.push(Op::Write(bytes)),
        }
    }

    fn steps(&mut self, answer: &Answer, here: impl Fn(At) -> bool) {
        self.ops.extend(answer.steps.iter().filter(|(at, _)| here(*at)).map(|(_, step)| step.clone().into()));
    }

    fn head(&mut self, answer: &Answer, head: &Bytes) {
        let mut cuts: Vec<usize> = answer
            .steps
            .iter()
            .filter_map(|(at, _)| if let At::Head(n) = at { Some(*n) } else { None })
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut from = 0;
        for cut in cuts {
            let to = cut.clamp(from, head.len());
            self.write(head.slice(from..to));
            self.steps(answer, |at| at == At::Head(cut));
            from = to;
        }
        self.write(head.slice(from..));
    }

    fn body(&mut self, answer: &Answer, events: &[Bytes], writes: &Writes, framing: Framing) {
        let whole: Bytes = match events {
            [one] => one.clone(),
            many => many.concat().into(),
        };
        let ends: Vec<usize> = events
            .iter()
            .scan(0, |end, event| {
                *end += event.len();
                Some(*end)
            })
            .collect();
        // A step after event n stands at that event's end; past the last one it stands at the end of the body.
        let place = |at: At| match at {
            At::Byte(n) => Some(n.min(whole.len())),
            At::Event(0) => Some(0),
            At::Event(n) => Some(ends.get(n - 1).copied().unwrap_or(whole.len())),
            _ => None,
        };
        let mut cuts: Vec<usize> = answer.steps.iter().filter_map(|(at, _)| place(*at)).collect();
        match writes {
            Writes::Size(size) => cuts.extend(sizes(&[*size], whole.len())),
            Writes::Sizes(list) => cuts.extend(sizes(list, whole.len())),
            Writes::PerEvent | Writes::Joined => cuts.extend(&ends),
        }
        if !answer.every.is_zero() {
            cuts.extend(&ends);
        }
        cuts.extend([0, whole.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut from = 0;
        for cut in cuts {
            let piece = whole.slice(from..cut);
            let framed = framing == Framing::Chunked && !piece.is_empty();
            self.write(if framed { chunk(&piece) } else { piece });
            self.steps(answer, |at| place(at) == Some(cut));
            if !answer.every.is_zero() && cut < whole.len() && ends.binary_search(&cut).is_ok() {
                self.ops.push(Op::Wait(answer.every));
            }
            from = cut;
        }
    }
}

/// Where writes of these sizes end.
fn sizes(sizes: &[usize], total: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut end = 0;
    for size in sizes.iter().cycle() {
        end += (*size).max(1);
        if end >= total {
            break;
        }
        ends.push(end);
    }
    ends
}
