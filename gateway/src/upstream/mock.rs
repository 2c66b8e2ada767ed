//! The vendor Mock: answers from inside the gateway with the bytes a real upstream would send, so that a
//! quickstart, a load test and an example take the same path as traffic. It knows no account and costs nothing.

use super::head::Head;
use crate::clock;
use bytes::Bytes;
use http::StatusCode;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::coop;
use tokio::time::Sleep;
use weir_config::{Mock, MockReply, Usage};
use weir_wire::{Events, Gist, GistReader, Reply, Words};

const LOREM: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut \
     labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut \
     aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum \
     dolore eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia \
     deserunt mollit anim id est laborum.";

/// An echo says at most so many bytes of what the user said: what the Mock holds fits into what every stream counts.
const ECHO: usize = 16 << 10;
/// So much of a request is read at once: others have their turn in between.
const TURN: usize = 64 << 10;

/// A body that comes in timed pieces, each made when it is taken.
#[derive(Debug)]
pub(crate) struct MockBody {
    pieces: Pieces,
    /// Before each piece but the first.
    pause: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What is still to come.
enum Pieces {
    Whole(Bytes),
    Events(Box<Events>),
    Nothing,
}

impl fmt::Debug for Pieces {
    /// Without what is said: it is the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(_) => f.write_str("Whole"),
            Self::Events(_) => f.write_str("Events"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl Pieces {
    /// The next piece, made now.
    fn take(&mut self) -> Option<Bytes> {
        let (piece, is_last) = match self {
            Self::Whole(piece) => (Some(std::mem::take(piece)), true),
            Self::Events(events) => (events.next(), events.is_over()),
            Self::Nothing => return None,
        };
        if is_last {
            *self = Self::Nothing;
        }
        piece
    }
}

impl MockBody {
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // A body that is always ready must not keep its worker from others.
        let turn = ready!(coop::poll_proceed(cx));
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        turn.made_progress();
        let piece = self.pieces.take();
        if let (Some(pause), false) = (self.pause, matches!(self.pieces, Pieces::Nothing)) {
            self.timer = Some(Box::pin(tokio::time::sleep_until((clock::now() + pause).into())));
        }
        Poll::Ready(piece)
    }
}

/// Answers `body`, after the latency that `mock` says. `random` decides whether this one fails.
pub(super) async fn answer(mock: &Mock, body: &[Bytes], stream: bool, random: u64) -> (Head, MockBody) {
    if random % 100 < u64::from(mock.error_percent) {
        pause(mock.latency).await;
        return failed(mock.error_status);
    }
    // The caller's JSON was checked; what is no chat at all is answered as an empty one.
    let Gist { model, said, words } = read(body).await;
    let text = match mock.reply {
        MockReply::Lorem => Cow::Borrowed(LOREM),
        MockReply::Echo => Cow::Owned(said),
    };
    let reply = reply(model, text, words, random);
    if stream {
        pause(mock.first_byte).await;
        let pause = mock.tokens_per_second.map(|rate| Duration::from_secs(1) / rate.max(1));
        return answered(true, Pieces::Events(Box::new(reply.events())), pause);
    }
    pause(mock.latency).await;
    answered(false, Pieces::Whole(reply.whole()), None)
}

/// Where it lies: a request may have megabytes, and no attempt copies it.
async fn read(body: &[Bytes]) -> Gist {
    let mut reader = GistReader::new(ECHO);
    for part in body.iter().flat_map(|piece| piece.chunks(TURN)) {
        reader.feed(part);
        if part.len() == TURN {
            tokio::task::yield_now().await;
        }
    }
    reader.end()
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn answered(claims_events: bool, pieces: Pieces, pause: Option<Duration>) -> (Head, MockBody) {
    (Head::new(StatusCode::OK, claims_events), MockBody { pieces, pause, timer: None })
}

fn failed(status: u16) -> (Head, MockBody) {
    let message = format!("The mock provider was told to fail with {status}.");
    let error = Reply::API.error_body(&Words { message: &message, kind: "mock_error", ..Words::default() });
    let (mut head, body) = answered(false, Pieces::Whole(error), None);
    head.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (head, body)
}

/// Says `text` to a prompt of so many words.
fn reply(model: String, text: Cow<'static, str>, prompt: u64, random: u64) -> Reply {
    let output = text.split_inclusive(' ').count() as u64;
    let usage = Usage { input: prompt, output, ..Usage::default() };
    Reply { id: format!("mock-{random:016x}"), created: clock::today(), model, text, usage }
}

#[cfg(test)]
mod tests;
