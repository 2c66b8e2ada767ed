//! The body of a response, whatever it is made of, and how it is handed out.

use super::activity::Busy;
use super::outbox::{Outbox, Piece};
use crate::pipeline::{BrokenOff, Relay};
use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// So much is handed out in one piece.
pub(super) const PIECE: usize = 16 << 10;
/// Pieces on their way when another is handed out.
const AHEAD: usize = 1;
/// The end of an HTTP/2 answer of one piece is handed out with it while no more than this is on its way to its
/// connection: a caller who opens no window may keep so much, beside what its open streams have.
const LEFT_BEHIND: usize = 64 << 10;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum OutBody {
    /// Bytes that are there; `None` once they are sent.
    Whole(Option<Bytes>),
    /// An answer that is still coming.
    Relay(Relay),
}

impl OutBody {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        match self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Self::Relay(relay) => relay.poll_bytes(cx),
        }
    }

    fn is_ended(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Relay(relay) => relay.has_ended(),
        }
    }

    fn exact_len(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Relay(_) => None,
        }
    }
}

/// A body on its way to its caller. Its connection is busy until it has ended.
#[derive(Debug)]
pub(super) struct Outgoing {
    body: OutBody,
    /// Of the body, what has not been handed out.
    rest: Bytes,
    /// `None`: it is handed out whole, as HTTP/1.1 writes it.
    outbox: Option<Arc<Outbox>>,
    /// The answer is a single piece.
    short: bool,
    /// Only the end of its connection ends it, on HTTP/1.0.
    until_close: bool,
    busy: Busy,
}

impl Outgoing {
    /// Hands `body` out; on HTTP/1.1 `connection` is where it goes. Called in the task that sends it.
    pub(super) fn new(body: OutBody, version: Version, connection: &Arc<Outbox>, busy: Busy) -> Self {
        let on_http1 = || matches!(body, OutBody::Relay(_)).then(|| Arc::clone(connection));
        let outbox = Outbox::current().or_else(on_http1);
        let short = body.exact_len().is_some_and(|length| length <= PIECE as u64);
        let until_close = version < Version::HTTP_11 && body.exact_len().is_none();
        Self { body, rest: Bytes::new(), outbox, short, until_close, busy }
    }

    /// The next piece, which is none of the outbox's yet.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if self.rest.is_empty() {
            match ready!(self.body.poll_bytes(cx)) {
                Some(Ok(bytes)) => self.rest = bytes,
                ended => return Poll::Ready(ended),
            }
        }
        let most = if self.outbox.is_some() { PIECE } else { usize::MAX };
        let piece = self.rest.split_to(self.rest.len().min(most));
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Body for Outgoing {
    type Data = Piece;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BrokenOff>>> {
        let this = &mut *self;
        if let Some(outbox) = &this.outbox {
            ready!(outbox.poll_at_most(cx, AHEAD));
        }
        let piece = ready!(this.poll_piece(cx));
        if piece.is_none()
            && let Some(outbox) = this.outbox.as_ref().filter(|outbox| outbox.is_of_stream())
        {
            ready!(outbox.poll_at_most(cx, 0));
        }
        if this.until_close && matches!(piece, Some(Err(_))) {
            this.busy.broke_off();
        }
        let frame = |bytes| Frame::data(Piece::new(bytes, this.outbox.clone()));
        Poll::Ready(piece.map(|piece| piece.map(frame)))
    }

    fn is_end_stream(&self) -> bool {
        let all_handed_out = self.rest.is_empty() && self.body.is_ended();
        let may_end = |outbox: &Arc<Outbox>| {
            let may_stay = self.short && outbox.of_connection() <= LEFT_BEHIND;
            may_stay || outbox.is_empty() || !outbox.is_of_stream()
        };
        all_handed_out && self.outbox.as_ref().is_none_or(may_end)
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.body.exact_len().map(|length| length + self.rest.len() as u64);
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
