//! A stream up to its first content, with which it is committed.

use super::call::Call;
use super::charge::{Known, book};
use super::commit::Committed;
use super::flow::Flow;
use super::missed::{BLANK, Lack, Missed, garbled, late};
use super::plan::Offer;
use super::refusal::ShortBody;
use super::times::{Times, within, within_telling};
use crate::clock;
use crate::collected::Collected;
use crate::upstream::Answer;
use bytes::Bytes;
use std::pin::pin;
use std::time::Instant;
use weir_wire::Reading;
use weir_wire::sse::Beginning;

/// Commits `answer` with its first content; of one that brings none, what was `seen` is told.
pub(super) async fn first_content(
    call: &mut Call,
    offer: &Offer,
    mut answer: Answer,
    times: Times,
    seen: &mut Known,
) -> Result<Committed, Missed> {
    let mut reading = offer.reading(&call.request, call.envelope());
    let mut ready = Collected::default();
    let ended = hold(call, offer, &mut answer, times, &mut reading, &mut ready, seen).await;
    if ended.is_err() && seen.is_nothing() {
        *seen = Known::of(&reading);
    }
    let rest = (!ended?).then_some(answer.body);
    Ok(Committed::Flow(Box::new(Flow::new(offer, times, reading, ready.into_bytes(), rest))))
}

/// Takes events into `ready` until there is content in them; whether the stream has ended with it.
async fn hold(
    call: &mut Call,
    offer: &Offer,
    answer: &mut Answer,
    times: Times,
    reading: &mut Reading,
    ready: &mut Collected,
    seen: &mut Known,
) -> Result<bool, Missed> {
    let timer = call.timer.clone();
    let mut next = if answer.head.claims_events {
        within(&timer, times.first_byte, true, pin!(answer.body.data())).await?.transpose()?
    } else {
        Some(unlabelled(call, reading, answer, times.first_byte, seen).await?)
    };
    loop {
        let ended = next.is_none();
        let today = clock::today();
        ready.push(match next {
            Some(piece) => reading.feed(piece, today),
            None => reading.end(today).bytes,
        });
        if reading.is_committed() {
            return Ok(ended);
        }
        if let Some(failure) = reading.failure() {
            return Err(failure.clone().into());
        }
        if ended || reading.is_over() {
            return Err(garbled("the upstream's stream ended before any content").into());
        }
        if !call.count_stream(ready.room() + reading.held_bytes()).await {
            return Err(Missed::Lacking(Lack::Memory));
        }
        let now = clock::now();
        if now >= times.first_token {
            return Err(late(true).into()); // whatever else comes all the while
        }
        let until = times.first_token.min(now + times.idle);
        // Whoever leaves meanwhile pays for what has been told by now.
        let waits = || book(call, offer, Known::of(reading));
        next = within_telling(&timer, until, true, pin!(answer.body.data()), waits).await?.transpose()?;
    }
}

/// The first bytes of an answer that is not labelled as a stream: it is one all the same if it begins as one.
async fn unlabelled(
    call: &mut Call,
    reading: &Reading,
    answer: &mut Answer,
    until: Instant,
    seen: &mut Known,
) -> Result<Bytes, Missed> {
    let timer = call.timer.clone();
    let mut begun = Collected::default();
    let mut beginning = Beginning::default();
    while begun.len() <= BLANK
        && let Some(piece) = within(&timer, until, true, pin!(answer.body.data())).await?
    {
        begun.push(piece?);
        match beginning.is_stream(begun.bytes()) {
            Some(true) => return Ok(begun.into_bytes()),
            Some(false) => break,
            None if !call.count_stream(begun.room()).await => return Err(Missed::Lacking(Lack::Memory)),
            None => {}
        }
    }
    Err(no_stream(call, reading, answer, begun, until, seen).await)
}

/// A 200 that is no stream although one was asked for: an error inside, or something else altogether.
async fn no_stream(
    call: &mut Call,
    reading: &Reading,
    answer: &mut Answer,
    begun: Collected,
    until: Instant,
    seen: &mut Known,
) -> Missed {
    let mut body = ShortBody::begun(begun.bytes(), until);
    drop(begun);
    while body.read_more(answer).await {
        if !call.count_stream(body.text().len()).await {
            return Missed::Lacking(Lack::Memory);
        }
    }
    let failure = match reading.whole(&Bytes::copy_from_slice(body.text()), clock::today()) {
        Err(failure) => failure,
        Ok(whole) => {
            *seen = Known::of_whole(&whole.facts);
            garbled("the upstream answered a stream's request with something else")
        }
    };
    failure.into()
}
