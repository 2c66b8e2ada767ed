//! One connection: request after request, each answered by the script or by prepared bytes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use tokio::time::Instant;

use crate::log::{Cancelled, Log};
use crate::play::{End, play};
use crate::prepared::Prepared;
use crate::render::render;
use crate::request;
use crate::script::Script;
use crate::wire::Wire;

/// What all connections of a scripted upstream share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) script: Mutex<Script>,
    pub(crate) log: Log,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self { script: Mutex::new(Script::new()), log: Log::new() }
    }

    pub(crate) fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers from the script, and remembers everything.
pub(crate) async fn scripted(stream: impl Wire, shared: Arc<Shared>) {
    let connection = shared.log.change(|log| {
        log.open += 1;
        log.connections += 1;
        log.connections
    });
    let _open = Open(&shared.log);
    let mut buffer = BytesMut::new();
    while let Some(framed) = request::read(&stream, &mut buffer).await {
        let seen = shared.log.change(|log| {
            let seen = framed.take(&mut buffer, log.seen.len() as u64 + 1, connection);
            log.seen.push(seen.clone());
            seen
        });
        let answer = shared.script(|script| script.next(&seen));
        let ops = render(&answer, &seen);
        let mut written = 0;
        match play(&stream, &mut buffer, &ops, &mut written).await {
            End::Finished => shared.log.change(|log| log.finished += 1),
            End::Cut => return shared.log.change(|log| log.finished += 1),
            End::Reset => {
                stream.reset();
                return shared.log.change(|log| log.finished += 1);
            }
            End::ClientLeft => {
                let at = Instant::now().into_std();
                let cancelled = Cancelled { request: seen.number, connection, at, written };
                return shared.log.change(|log| log.cancelled.push(cancelled));
            }
        }
    }
}

/// Answers from prepared bytes, and counts.
pub(crate) async fn prepared(stream: impl Wire, prepared: Arc<Prepared>) {
    let mut buffer = BytesMut::new();
    while let Some(framed) = request::read(&stream, &mut buffer).await {
        let answer = prepared.pick(framed.head(&buffer), framed.body(&buffer));
        framed.skip(&mut buffer);
        match play(&stream, &mut buffer, &answer, &mut 0).await {
            End::Finished => {}
            End::Reset => return stream.reset(),
            End::Cut | End::ClientLeft => return,
        }
    }
}

struct Open<'a>(&'a Log);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.change(|log| log.open = log.open.saturating_sub(1));
    }
}
