//! An upstream's refusal: its body is read as far as it is needed, and as it comes in time, and classified.

use super::call::Call;
use crate::clock;
use crate::live::LiveTarget;
use crate::upstream::Answer;
use std::cell::Cell;
use std::time::{Duration, Instant};
use weir_config::Failure;
use weir_wire::{Asked, Brief};

/// So much of an error's body is read, and for so long: its status alone moves on as well, and a unary attempt
/// has no other timer that would end the wait within minutes.
const BODY: usize = 1 << 20;
/// One longer than this has no more time than [`WITHIN`].
const SHORT: usize = 64 << 10;
const WITHIN: Duration = Duration::from_secs(1);
/// So much of a request is searched, all searches together, for the addresses in a message: a worker does nothing else
/// meanwhile.
const SEARCHED: usize = 64 << 20;

/// What `target` said to `call` in an `answer` that is no 2xx.
pub(super) async fn refusal(call: &Call, target: &LiveTarget, answer: &mut Answer) -> Failure {
    let mut body = ShortBody::begun(b"", clock::now() + WITHIN);
    while body.read_more(answer).await {}
    let row = target.provider.vendor.row();
    let left = Cell::new(SEARCHED);
    let wrote = |url: &str| {
        let rest = left.get().checked_sub(Asked::SEARCHES * call.request.facts().length);
        rest.inspect(|rest| left.set(*rest)).is_some() && call.request.holds(url)
    };
    // Not the address that we call: whether a caller has guessed it is nobody's business.
    let is_callers = |url: &str| !url.contains(target.site.host()) && wrote(url);
    let head = &answer.head;
    weir_wire::failure(row, head.status.as_u16(), &head.headers, body.text(), clock::today(), &is_callers)
}

/// The body of an answer that is none, as far as it is needed, and as it comes within its time.
pub(super) struct ShortBody {
    body: Brief,
    read: usize,
    until: Instant,
}

impl ShortBody {
    /// One that has `begun`, read until `until` at the latest.
    pub(super) fn begun(begun: &[u8], until: Instant) -> Self {
        let mut body = Brief::default();
        body.feed(begun);
        Self { body, read: begun.len(), until }
    }

    /// What is kept of it.
    pub(super) fn text(&self) -> &[u8] {
        self.body.text()
    }

    /// Takes the next piece; whether there was one.
    pub(super) async fn read_more(&mut self, answer: &mut Answer) -> bool {
        if self.read > BODY {
            return false;
        }
        if self.read > SHORT {
            self.until = self.until.min(clock::now() + WITHIN);
        }
        let piece = tokio::time::timeout_at(self.until.into(), answer.body.data()).await;
        let Ok(Some(Ok(piece))) = piece else { return false };
        self.body.feed(&piece);
        self.read += piece.len();
        true
    }
}
