//! Performs an answer on a connection, and notices at any moment that the client has left.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use crate::render::Op;
use crate::request;
use crate::wire::Wire;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Said in full; the connection can take another request.
    Finished,
    /// The script ended the connection.
    Cut,
    /// The same, and by a reset.
    Reset,
    /// The client closed before the end.
    ClientLeft,
}

/// What a client may send ahead while its answer is under way.
const AHEAD: usize = 1 << 20;

pub(crate) async fn play(stream: &impl Wire, buffer: &mut BytesMut, ops: &[Op], written: &mut usize) -> End {
    for op in ops {
        let goes_on = match op {
            Op::Write(bytes) => write(stream, buffer, bytes, written).await,
            Op::Wait(pause) => stays_for(stream, buffer, sleep(*pause)).await,
            Op::Hold(gate) => stays_for(stream, buffer, gate.pass()).await,
            Op::Forever { frame, every } => forever(stream, buffer, frame, *every, written).await,
            Op::Hang => stays_for(stream, buffer, pending()).await,
            Op::Close => return End::Cut,
            Op::Reset => return End::Reset,
        };
        if !goes_on {
            return End::ClientLeft;
        }
    }
    End::Finished
}

async fn forever(
    stream: &impl Wire,
    buffer: &mut BytesMut,
    frame: &[u8],
    every: Duration,
    written: &mut usize,
) -> bool {
    loop {
        if !write(stream, buffer, frame, written).await {
            return false;
        }
        if !every.is_zero() && !stays_for(stream, buffer, sleep(every)).await {
            return false;
        }
    }
}

async fn write(stream: &impl Wire, buffer: &mut BytesMut, mut bytes: &[u8], written: &mut usize) -> bool {
    // Writing to a reader that keeps up never waits: without this, one stream would starve all others.
    consume_budget().await;
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(n) => {
                *written += n;
                bytes = bytes.get(n..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let writable = async {
                    // An error shows itself in the next write.
                    let _ = stream.writable().await;
                };
                if !stays_for(stream, buffer, writable).await {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
    true
}

/// Whether the client was still there when `what` was done.
async fn stays_for(stream: &impl Wire, buffer: &mut BytesMut, what: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = what => true,
        () = leaves(stream, buffer) => false,
    }
}

/// Returns when the client has closed. A client that only half-closes counts as gone, as at most servers.
async fn leaves(stream: &impl Wire, buffer: &mut BytesMut) {
    while buffer.len() < AHEAD {
        if !request::more(stream, buffer).await {
            return;
        }
    }
    pending().await
}
