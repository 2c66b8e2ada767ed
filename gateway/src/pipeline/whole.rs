//! A unary answer: held whole up to 4 MiB before it is committed, and committed on its beginning if it is larger.

use super::call::Call;
use super::charge::{Known, book};
use super::commit::{Committed, Whole};
use super::drain::DRAINED;
use super::flow::Flow;
use super::missed::{BLANK, garbled};
use super::plan::Offer;
use super::times::{Times, within, within_telling};
use crate::clock;
use crate::collected::Collected;
use crate::observe::Caller;
use crate::timer::SharedTimer;
use crate::upstream::{Answer, AnswerBody};
use bytes::Bytes;
use std::pin::pin;
use std::time::Instant;
use weir_config::Failure;
use weir_wire::Reading;
use weir_wire::sse::Beginning;

/// An answer up to this size is held whole.
const HELD: u64 = 4 << 20;
/// One that must be translated, up to this.
const TRANSLATED: u64 = 32 << 20;

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
    let is_whole = hold(call, offer, body, held, deadline).await;
    let mut reading = offer.reading(&call.request, call.envelope());
    if !is_whole.inspect_err(|_| *seen = cut(std::mem::take(held).into_bytes(), &mut reading))? {
        return Ok(None);
    }
    // When the request came is near enough for a date inside of an answer, and known.
    let now = clock::seconds(call.recorder.event.began_at);
    let room = held.room() as u64;
    let answer = std::mem::take(held).into_bytes();
    let read = reading.whole(&answer, now);
    let weir_wire::Whole { facts, body } = read.inspect_err(|_| *seen = cut(answer.clone(), &mut reading))?;
    book(call, offer, Known::of_whole(&facts));
    Ok(Some(Whole { body: body.unwrap_or(answer), room }))
}

/// What was seen of an answer that is none, or did not come whole: as much as `came`.
fn cut(came: Bytes, reading: &mut Reading) -> Known {
    reading.feed(came, clock::today());
    Known::of(reading)
}

/// Takes the body as far as it may be `held`, and says whether that is all of it: not past 4 MiB, and not beyond what
/// the memory budget has to spare.
async fn hold(
    call: &mut Call,
    offer: &Offer,
    body: &mut AnswerBody,
    held: &mut Collected,
    deadline: Instant,
) -> Result<bool, Failure> {
    if body.exact_len().is_some_and(|told| told > most(call, offer)) {
        return beyond(call, offer);
    }
    let timer = call.timer.clone();
    let mut beginning = Beginning::default();
    let mut part = Part::default();
    while let Some(piece) = {
        let waits = || part.book(call, offer, held);
        within_telling(&timer, deadline, false, pin!(body.data()), waits).await?
    } {
        held.push(piece?);
        match beginning.is_stream(held.bytes()) {
            Some(true) => {
                // It may never end.
                return Err(garbled("the upstream answered with a stream, which was not asked for"));
            }
            None if held.len() > BLANK => return Err(blank()),
            _ => {}
        }
        if held.len() as u64 > most(call, offer) {
            return beyond(call, offer);
        }
        let room = held.room() as u64;
        if !within(&timer, deadline, false, pin!(call.make_room(room))).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many bytes of an answer of `offer` are held at most.
fn most(call: &Call, offer: &Offer) -> u64 {
    match () {
        () if Caller::has_left() => DRAINED as u64, // nobody waits for the whole of it any more
        () if call.request.is_translated(offer.speaks()) => TRANSLATED,
        () => HELD,
    }
}

/// What comes of one that is larger: what is translated is so whole or not at all.
fn beyond(call: &Call, offer: &Offer) -> Result<bool, Failure> {
    if call.request.is_translated(offer.speaks()) { Err(too_large()) } else { Ok(false) }
}

/// A part of an answer, as far as it has been read. Whoever leaves while the rest comes pays for that much.
#[derive(Default)]
struct Part {
    reading: Option<Reading>,
    /// How many bytes.
    read: usize,
}

impl Part {
    /// Reads what of `held` is new, and notes what the attempt comes to with it.
    fn book(&mut self, call: &mut Call, offer: &Offer, held: &Collected) {
        let new = held.bytes().get(self.read..).unwrap_or_default();
        if new.is_empty() {
            return;
        }
        let reading = self.reading.get_or_insert_with(|| offer.reading(&call.request, call.envelope()));
        reading.feed(Bytes::copy_from_slice(new), clock::today());
        self.read += new.len();
        book(call, offer, Known::of(reading));
    }
}

fn too_large() -> Failure {
    garbled("the upstream's answer is larger than 32 MiB, the most that is translated")
}

fn blank() -> Failure {
    garbled("the upstream answered with nothing but white space")
}

/// An answer that is too large to hold is committed on what has come of it: it is an object, and tells of no error.
pub(super) async fn large(
    timer: &SharedTimer,
    mut answer: Answer,
    held: Collected,
    mut reading: Reading,
    offer: &Offer,
    times: Times,
    seen: &mut Known,
) -> Result<Committed, Failure> {
    let mut ready = Collected::default();
    ready.push(reading.feed(held.into_bytes(), clock::today()));
    while reading.begins().is_none()
        && let Some(piece) = within(timer, times.deadline, false, pin!(answer.body.data())).await?
    {
        ready.push(reading.feed(piece?, clock::today()));
        if reading.begins().is_none() && ready.len() > BLANK {
            return Err(blank());
        }
    }
    if reading.begins() != Some(true) {
        return Err(garbled("the upstream's answer is not a JSON object"));
    }
    if let Some(failure) = reading.failure() {
        *seen = Known::of(&reading);
        return Err(failure.clone());
    }
    let rest = Some(answer.body);
    Ok(Committed::Flow(Box::new(Flow::new(offer, times, reading, ready.into_bytes(), rest))))
}
