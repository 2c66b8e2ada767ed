//! A caller on a bare socket: it sees an answer's bytes as they come, and leaves at a known instant.

use crate::harness::{KEY, World};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long it waits for bytes. Only a failing test ever waits that long.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Caller {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Caller {
    /// Sends a chat on a connection of its own.
    pub async fn send(world: &World, body: &Value) -> Self {
        let mut stream = TcpStream::connect(world.data).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let body = body.to_string();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Reads until `text` has come, and gives all that has, headers and framing included.
    pub async fn read_until(&mut self, text: &str) -> String {
        let reading = async {
            while !contains(&self.read, text.as_bytes()) {
                let came = self.stream.read_buf(&mut self.read).await.unwrap();
                assert!(
                    came > 0,
                    "the gateway closed before {text:?}: {}",
                    String::from_utf8_lossy(&self.read)
                );
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        let all = String::from_utf8_lossy(&self.read).into_owned();
        assert!(read.is_ok(), "no {text:?} in {all:?}");
        all
    }

    /// Closes the connection; says when.
    pub fn leave(self) -> Instant {
        let at = Instant::now();
        drop(self.stream);
        at
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
