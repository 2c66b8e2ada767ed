//! A unary answer: held whole up to 4 MiB before it is committed, and committed on its beginning if it is larger.

use super::call::Call;
use super::charge::{Known, charge};
use super::commit::{Committed, Whole};
use super::flow::{Decoder, Flow};
use super::missed::{BLANK, garbled};
use super::plan::Offer;
use super::presence::DRAINED;
use super::times::within;
use crate::clock;
use crate::collected::Collected;
use crate::timer::SharedTimer;
use crate::upstream::{Answer, AnswerBody};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use weir_config::Failure;
use weir_wire::openai::{self, LongAnswer};
use weir_wire::sse::Beginning;

/// An answer up to this size is held whole.
const HELD: u64 = 4 << 20;

/// All of the answer with this `body`, into `held`; `None`: it is too large to be held. Of one that is no answer, what
/// was `seen` is told.
pub(super) async fn whole(
    call: &mut Call,
    offer: &Offer,
    body: &mut AnswerBody,
    held: &mut Collected,
    deadline: Instant,
    seen: &mut Known,
) -> Result<Option<Whole>, Failure> {
    let is_whole = hold(call, body, held, deadline).await.inspect_err(|_| *seen = cut(held, offer))?;
    if !is_whole {
        return Ok(None);
    }
    let window = offer.model.context_window;
    // When the request came is near enough for a date inside of an answer, and known.
    let now = clock::seconds(call.recorder.event.began_at);
    let row = offer.target.provider.vendor.row();
    let facts = openai::answer(row, held.bytes(), window, now).inspect_err(|_| *seen = cut(held, offer))?;
    let charge = charge(&offer.model, call.request.text_bytes(), Known::of_whole(&facts));
    if let Some(attempt) = &mut call.recorder.event.attempt {
        attempt.charge = Some(charge);
    }
    let room = held.room() as u64;
    Ok(Some(Whole { body: std::mem::take(held).into_bytes(), room }))
}

/// What was seen of an answer that did not come whole.
fn cut(held: &Collected, offer: &Offer) -> Known {
    let mut begun = LongAnswer::default();
    begun.feed(held.bytes());
    Known { is_final: false, ..Known::of_whole(&begun.facts(offer.model.context_window)) }
}

/// Takes the body as far as it may be `held`, and says whether that is all of it: not past 4 MiB, and not beyond what
/// the memory budget has to spare.
async fn hold(
    call: &mut Call,
    body: &mut AnswerBody,
    held: &mut Collected,
    deadline: Instant,
) -> Result<bool, Failure> {
    if body.exact_len().is_some_and(|told| told > HELD) {
        return Ok(false);
    }
    let timer = call.timer.clone();
    let mut beginning = Beginning::default();
    while let Some(piece) = within(&timer, deadline, false, pin!(body.data())).await? {
        held.push(piece?);
        match beginning.is_stream(held.bytes()) {
            Some(true) => {
                // It may never end.
                return Err(garbled("the upstream answered with a stream, which was not asked for"));
            }
            None if held.len() > BLANK => return Err(blank()),
            _ => {}
        }
        // Nobody waits for the whole of it any more.
        let most = if call.caller_has_left() { DRAINED as u64 } else { HELD };
        if held.len() as u64 > most || !call.hold(held.room() as u64).await {
            return Ok(false);
        }
    }
    Ok(true)
}

fn blank() -> Failure {
    garbled("the upstream answered with nothing but white space")
}

/// An answer that is too large to hold is committed on what has come of it: it is an object, and tells of no error.
pub(super) async fn large(
    timer: &SharedTimer,
    mut answer: Answer,
    mut held: Collected,
    offer: &Offer,
    deadline: Instant,
    seen: &mut Known,
) -> Result<Committed, Failure> {
    let mut begun = LongAnswer::default();
    begun.feed(held.bytes());
    while begun.begins().is_none()
        && let Some(piece) = within(timer, deadline, false, pin!(answer.body.data())).await?
    {
        let piece = piece?;
        begun.feed(&piece);
        held.push(piece);
        if begun.begins().is_none() && held.len() > BLANK {
            return Err(blank());
        }
    }
    if begun.begins() != Some(true) {
        return Err(garbled("the upstream's answer is not a JSON object"));
    }
    if let Some(failure) = begun.failure(offer.target.provider.vendor.row(), b"", clock::today()) {
        *seen = cut(&held, offer);
        return Err(failure);
    }
    Ok(Committed::Flow(Box::new(Flow {
        ready: held.into_bytes(),
        rest: Some(answer.body),
        decoder: Decoder::Opaque(begun),
        target: Arc::clone(&offer.target),
        model: Arc::clone(&offer.model),
        idle: None,
        first_token: deadline,
        deadline,
        whole: None,
    })))
}
