//! The server of a case: says what it is told to, byte by byte if need be.

use std::borrow::Cow;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a server answers where nothing else is told.
pub(super) const SECOND: &str = "second";

/// One thing that a server does.
#[derive(Debug, Clone)]
pub(super) enum Does {
    /// Reads the head of a request.
    ReadHead,
    /// Reads what is left of its body.
    ReadBody,
    Say(Cow<'static, str>),
    /// Says it in pieces of one byte.
    Dribble(&'static str),
    /// Says no more.
    Close,
}

pub(super) struct Server {
    stream: TcpStream,
    read: Vec<u8>,
    /// What is to come of the request's body.
    left: usize,
}

impl Server {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new(), left: 0 }
    }

    /// Does `all`, and then answers every request.
    pub(super) async fn run(mut self, all: &[Does]) -> io::Result<()> {
        for does in all {
            match does {
                Does::ReadHead => self.read_head().await?,
                Does::ReadBody => self.read_body().await?,
                Does::Say(text) => self.stream.write_all(text.as_bytes()).await?,
                Does::Dribble(text) => {
                    for byte in text.as_bytes() {
                        self.stream.write_all(&[*byte]).await?;
                        tokio::task::yield_now().await;
                    }
                }
                Does::Close => self.stream.shutdown().await?,
            }
        }
        loop {
            self.read_head().await?;
            self.read_body().await?;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{SECOND}", SECOND.len());
            self.stream.write_all(answer.as_bytes()).await?;
        }
    }

    async fn read_head(&mut self) -> io::Result<()> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|end| end == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        self.left = length.map_or(0, |length| length.parse().unwrap());
        Ok(())
    }

    async fn read_body(&mut self) -> io::Result<()> {
        while self.left > 0 {
            if self.read.is_empty() {
                self.read_more().await?;
            }
            let length = self.left.min(self.read.len());
            self.read.drain(..length);
            self.left -= length;
        }
        Ok(())
    }

    async fn read_more(&mut self) -> io::Result<()> {
        self.read.reserve(64 << 10);
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
