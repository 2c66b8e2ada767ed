//! One try at one target, up to its commit (semantics S2.1, S2.2): until then nothing has reached the caller, and
//! any failure can move on.

use super::call::Call;
use super::charge::{Known, book};
use super::commit::Committed;
use super::first_content::first_content;
use super::missed::{Lack, Missed, garbled};
use super::plan::Offer;
use super::refusal::refusal;
use super::times::{Times, within};
use super::whole::{large, whole};
use crate::clock;
use crate::collected::Collected;
use crate::upstream::{Accept, Answer, Client, Lines, Request};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use weir_config::{Failure, FailureClass};
use weir_wire::{Asked, Encoded};

/// A request of more bytes is translated on another thread.
const LONG: usize = 1 << 20;

/// How a target is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Without anything that the gateway puts into requests.
    pub(crate) plain: bool,
    /// On a connection of its own: a kept one has just been closed on the attempt before.
    pub(crate) fresh: bool,
}

/// Asks `offer`, from `began` on. What it comes to is put into the request's event, however it ends; what a committed
/// flow does, when that ends.
pub(crate) async fn attempt(
    call: &mut Call,
    offer: &Offer,
    began: Instant,
    manner: Manner,
) -> Result<Committed, Missed> {
    let facts = call.request.facts();
    let includes = facts.stream && facts.includes_usage;
    // When the request came is near enough for what a target has taught, and known.
    let today = clock::seconds(call.recorder.event.began_at);
    let asks = facts.stream && !manner.plain && !includes && offer.wants_usage_option(call.tenant(), today);
    let mut seen = Known::default();
    let missed = match ask(call, offer, began, manner, asks, &mut seen).await {
        Ok(committed) => {
            if asks || includes {
                offer.health.refuses_usage_option.unlearn();
            }
            return Ok(committed);
        }
        Err(missed) => blaming(missed, asks),
    };
    let is_free = matches!(&missed, Missed::Failed(failure) if failure.is_refusal() && seen.is_nothing());
    if is_free {
        call.recorder.event.attempt.iter_mut().for_each(|attempt| attempt.charge = None);
    } else {
        book(call, offer, seen);
    }
    Err(missed)
}

/// A vendor may quote what a caller wrote: only what was put into the request can have been refused.
fn blaming(missed: Missed, added: bool) -> Missed {
    match missed {
        Missed::Failed(failure) => Missed::Failed(Failure {
            refuses_addition: failure.refuses_addition && added,
            names_addition: failure.names_addition && added,
            ..failure
        }),
        other @ (Missed::Unsayable(_) | Missed::Lacking(_)) => other,
    }
}

async fn ask(
    call: &mut Call,
    offer: &Offer,
    began: Instant,
    manner: Manner,
    asks: bool,
    seen: &mut Known,
) -> Result<Committed, Missed> {
    let stream = call.request.facts().stream;
    let times = Times::new(offer, began, stream);
    let timer = call.timer.clone();
    let encoded = if is_long(call, offer) {
        Box::pin(encode_elsewhere(call.request.clone(), offer.clone(), asks)).await
    } else {
        offer.encode(&call.request, asks).map_err(Missed::Unsayable)
    };
    let Encoded { path, body, dropped } = encoded?;
    call.dropped = dropped;
    call.out = lines(call, offer);
    let accepts = if stream { Accept::Events } else { Accept::Json };
    book(call, offer, Known::default());
    let starved = AtomicBool::new(false);
    let sending = async {
        let request = Request::post(path, &body, accepts).ok_or_else(no_path)?;
        let request = Request { lines: &call.out, ..request };
        let sent = || note_sent(call, offer);
        let client = client(call, offer, manner, &starved, &sent);
        let mut answer = client.send(&offer.target.site, &request).await?;
        accept(call, offer, &mut answer).await?;
        Ok::<_, Failure>(answer)
    };
    let sent = within(&timer, times.first_byte, stream, pin!(sending)).await;
    if starved.load(Ordering::Relaxed) {
        return Err(Missed::Lacking(Lack::Socket));
    }
    let mut answer = sent??;
    if stream {
        return Box::pin(first_content(call, offer, answer, times, seen)).await;
    }
    let mut held = Collected::of_length(answer.body.exact_len());
    match whole(call, offer, &mut answer.body, &mut held, times.deadline, seen).await? {
        Some(whole) => Ok(Committed::Whole(whole)),
        // It is translated whole or not at all.
        None if call.request.is_translated(offer.speaks()) => Err(Missed::Lacking(Lack::Memory)),
        None => {
            let reading = offer.reading(&call.request, call.envelope());
            Ok(Box::pin(large(&timer, answer, held, reading, offer, times, seen)).await?)
        }
    }
}

/// Whether to translate the request for `offer` takes long: a worker does nothing else meanwhile.
fn is_long(call: &Call, offer: &Offer) -> bool {
    call.request.facts().length > LONG && call.request.is_translated(offer.speaks())
}

/// `request` as `offer` is sent it, made on another thread.
async fn encode_elsewhere(request: Asked, offer: Offer, asks: bool) -> Result<Encoded, Missed> {
    let encoding = tokio::task::spawn_blocking(move || offer.encode(&request, asks));
    let encoded =
        encoding.await.map_err(|_| Failure::new(FailureClass::Garbled, "the request cannot be translated"));
    encoded?.map_err(Missed::Unsayable)
}

/// The lines that `offer`'s vendor wants, and those of the caller's that go on where both speak the same.
fn lines(call: &Call, offer: &Offer) -> Lines {
    let mut lines = Lines::default();
    let forwards = !call.request.is_translated(offer.speaks());
    let forwarded = call.lines.iter().filter(|_| forwards);
    let own = offer.target.provider.vendor.row().lines.iter();
    let own = own.filter(|(name, _)| !call.lines.iter().any(|(other, _)| forwards && other == name));
    let all = own.copied().chain(forwarded.map(|(name, value)| (*name, value.as_str())));
    for (name, value) in all {
        drop(lines.add(name, &[value])); // what cannot stand in a head is not sent
    }
    lines
}

/// The model's name cannot stand where the provider's API has it.
fn no_path() -> Failure {
    let text = "the upstream has no path for a model of this name";
    Failure::new(FailureClass::ModelMissing, text)
}

/// All of the request is on its way to `offer`: from here on it costs, and one whose vendor keeps billing goes on.
fn note_sent(call: &Call, offer: &Offer) {
    if let Some(attempt) = &call.recorder.event.attempt {
        attempt.sent.store(true, Ordering::Relaxed);
    }
    call.set_keeps_billing(offer.target.keeps_billing());
}

/// What an attempt needs of the worker; `starved` is set where there is no socket left, `sent` called when the request
/// goes out.
fn client<'a>(
    call: &'a Call,
    offer: &Offer,
    manner: Manner,
    starved: &'a AtomicBool,
    sent: &'a (dyn Fn() + Sync),
) -> Client<'a> {
    Client {
        dialer: &call.gateway.dialer,
        allow_private: &call.settings.egress.allow_private,
        connect: offer.target.provider.timeouts.connect,
        worker: call.worker.index,
        random: call.worker.random(),
        fresh: manner.fresh,
        starved,
        sent,
    }
}

/// Lets only a plain 2xx through; anything else becomes its failure.
async fn accept(call: &Call, offer: &Offer, answer: &mut Answer) -> Result<(), Failure> {
    if let Some(attempt) = &call.recorder.event.attempt {
        attempt.status.store(answer.head.status.as_u16(), Ordering::Relaxed);
    }
    if !answer.head.status.is_success() {
        return Err(Box::pin(refusal(call, &offer.target, answer)).await);
    }
    if answer.head.compressed {
        return Err(garbled("the upstream compressed its answer, although it was asked not to"));
    }
    Ok(())
}
