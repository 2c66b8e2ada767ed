//! The smallest HTTP client that still checks everything: bytes prepared beforehand, one connection, and for
//! every answer its status, its length, its JSON or each of its frames.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BytesMut};
use serde::de::IgnoredAny;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::dechunk::Dechunk;

/// What a whole answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Json,
    /// An event stream of so many JSON frames and `[DONE]`.
    Frames(usize),
}

/// When the body began, a stream's with its first content, and when it ended.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub first: Instant,
    pub end: Instant,
}

pub struct Connection {
    stream: TcpStream,
    wire: BytesMut,
    body: Vec<u8>,
}

enum Framing {
    Length(usize),
    Chunked(Dechunk),
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        // They grow where they must: thousands of large ones would be a load on the caches that no caller is.
        Ok(Self { stream, wire: BytesMut::with_capacity(4 << 10), body: Vec::new() })
    }

    /// Sends the request and takes the answer; `arrived` hears of body bytes as they come.
    pub async fn exchange(
        &mut self,
        request: &[u8],
        expect: Expect,
        mut arrived: impl FnMut(&[u8]),
    ) -> Result<Times> {
        self.stream.write_all(request).await?;
        let (status, mut framing) = self.head().await?;
        ensure!(status == 200, "status {status}: {}", String::from_utf8_lossy(&self.wire));
        self.body.clear();
        let mut first = None;
        loop {
            let before = self.body.len();
            let done = match &mut framing {
                Framing::Length(length) => {
                    let n = self.wire.len().min(*length - before);
                    self.body.extend_from_slice(&self.wire.split_to(n));
                    self.body.len() == *length
                }
                Framing::Chunked(dechunk) => dechunk.feed(&mut self.wire, &mut self.body)?,
            };
            if self.body.len() > before {
                if first.is_none() && has_begun(&self.body, expect) {
                    first = Some(Instant::now());
                }
                arrived(self.body.get(before..).unwrap_or_default());
            }
            if done {
                break;
            }
            self.more().await.context("in the body")?;
        }
        let end = Instant::now();
        check(&self.body, expect)?;
        Ok(Times { first: first.unwrap_or(end), end })
    }

    pub async fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
        let (status, body) = self.whole(request.as_bytes()).await?;
        ensure!(status == 200, "status {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// The status of an answer, whatever it is, read to its end.
    pub async fn status(&mut self, request: &[u8]) -> Result<u16> {
        Ok(self.whole(request).await?.0)
    }

    /// Status and body of an answer whose length is told.
    async fn whole(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        let (status, Framing::Length(length)) = self.head().await? else { bail!("no content-length") };
        while self.wire.len() < length {
            self.more().await?;
        }
        Ok((status, self.wire.split_to(length).to_vec()))
    }

    async fn more(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.wire).await? > 0, "the connection was closed");
        Ok(())
    }

    /// Status of an answer, and how its end is found.
    async fn head(&mut self) -> Result<(u16, Framing)> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(length) = response.parse(&self.wire)? else {
                self.more().await.context("before the headers")?;
                continue;
            };
            let status = response.code.unwrap_or_default();
            let mut framing = None;
            for header in response.headers.iter() {
                if header.name.eq_ignore_ascii_case("content-length") {
                    framing = Some(Framing::Length(std::str::from_utf8(header.value)?.parse()?));
                } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                    framing = Some(Framing::Chunked(Dechunk::default()));
                }
            }
            self.wire.advance(length);
            return Ok((status, framing.context("an answer of unknown length")?));
        }
    }
}

/// Whether an answer has said something: a stream's first event only says who will.
fn has_begun(body: &[u8], expect: Expect) -> bool {
    let content = br#""content":""#;
    let says = |at: &[u8]| at.starts_with(content) && !matches!(at.get(content.len()), None | Some(b'"'));
    expect == Expect::Json || (0..body.len()).any(|at| body.get(at..).is_some_and(says))
}

fn check(body: &[u8], expect: Expect) -> Result<()> {
    match expect {
        Expect::Json => {
            serde_json::from_slice::<IgnoredAny>(body).context("an answer that is no JSON")?;
        }
        Expect::Frames(frames) => check_frames(body, frames)?,
    }
    Ok(())
}

fn check_frames(body: &[u8], expected: usize) -> Result<()> {
    let text = std::str::from_utf8(body).context("a stream that is no UTF-8")?;
    let text = text.strip_suffix("data: [DONE]\n\n").context("a stream without [DONE]")?;
    let mut found = 0;
    for frame in text.split_terminator("\n\n").filter(|frame| !frame.starts_with(':')) {
        ensure!(frame.starts_with("data: {") && frame.ends_with('}'), "a broken frame: {frame:?}");
        found += 1;
    }
    ensure!(found == expected, "{found} frames in place of {expected}");
    Ok(())
}
