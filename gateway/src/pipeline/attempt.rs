//! One try at one target, up to its commit (semantics S2.1, S2.2): until then nothing has reached the caller, and
//! any failure can move on.

use super::call::{Call, NO_ROOM};
use super::charge::{Known, charge};
use super::commit::Committed;
use super::first_content::first_content;
use super::plan::Offer;
use super::refusal::refusal;
use super::whole::{large, whole};
use crate::clock;
use crate::collected::Collected;
use crate::timer::SharedTimer;
use crate::upstream::{Accept, Answer, Client, Request};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass};

/// How a target is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Without anything that the gateway puts into requests.
    pub(crate) plain: bool,
    /// On a connection of its own: a kept one has just been closed on the attempt before.
    pub(crate) fresh: bool,
}

/// Why an attempt brought no answer.
#[derive(Debug)]
pub(crate) enum Missed {
    /// The target failed.
    Failed(Failure),
    /// This process had too little of something to go on. Whoever was asked is not to blame.
    Lacking(Lack),
}

/// What this process had too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A descriptor or port for a connection to an upstream.
    Socket,
    /// Room in the memory budget for the answer.
    Memory,
}

impl Lack {
    /// What the caller is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Socket => "The gateway has no socket left to ask an upstream on.",
            Self::Memory => NO_ROOM,
        }
    }
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Until when each step of an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The head of the answer, and the first byte behind it.
    pub(super) first_byte: Instant,
    /// A stream's first content.
    pub(super) first_token: Instant,
    /// Between two pieces of a stream.
    pub(super) idle: Duration,
    /// The whole answer.
    pub(super) deadline: Instant,
}

impl Times {
    /// Of an attempt at `offer` that began at `began`. A unary answer has no time but the whole.
    fn new(offer: &Offer, began: Instant, stream: bool) -> Self {
        let timeouts = offer.target.provider.timeouts;
        let deadline = began + timeouts.total;
        let first_token = if stream { deadline.min(began + timeouts.first_token) } else { deadline };
        let first_byte = if stream { first_token.min(began + timeouts.first_byte) } else { deadline };
        Self { first_byte, first_token, idle: timeouts.idle, deadline }
    }
}

/// Asks `offer`, from `began` on. What it comes to is put into the request's event, however it ends; what a committed
/// flow does, when that ends.
pub(crate) async fn attempt(
    call: &mut Call,
    offer: &Offer,
    began: Instant,
    manner: Manner,
) -> Result<Committed, Missed> {
    let health = &offer.target.health;
    let includes = call.request.stream() && call.request.includes_usage();
    // When the request came is near enough for what an account has taught, and known.
    let today = clock::seconds(call.recorder.event.began_at);
    let asks = call.request.stream()
        && !manner.plain
        && !includes
        && offer.target.wants_usage_option(call.tenant(), today);
    let mut seen = Known::default();
    let missed = match ask(call, offer, began, manner, asks, &mut seen).await {
        Ok(committed) => {
            if asks || includes {
                health.refuses_usage_option.unlearn();
            }
            return Ok(committed);
        }
        Err(missed) => blaming(missed, asks),
    };
    let is_free = matches!(&missed, Missed::Failed(failure) if failure.is_free() && seen.told.is_none());
    book(call, offer, seen, is_free);
    Err(missed)
}

/// Notes what the attempt under way comes to, by what is `seen` of its answer.
fn book(call: &mut Call, offer: &Offer, seen: Known, is_free: bool) {
    let asked = call.request.text_bytes();
    if let Some(attempt) = &mut call.recorder.event.attempt {
        attempt.charge = (!is_free).then(|| charge(&offer.model, asked, seen));
    }
}

/// A vendor may quote what a caller wrote: only what was put into the request can have been refused.
fn blaming(missed: Missed, added: bool) -> Missed {
    match missed {
        Missed::Failed(failure) => Missed::Failed(Failure {
            refuses_addition: failure.refuses_addition && added,
            names_addition: failure.names_addition && added,
            ..failure
        }),
        lacking @ Missed::Lacking(_) => lacking,
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
    let stream = call.request.stream();
    let times = Times::new(offer, began, stream);
    let timer = call.timer.clone();
    let body = call.request.encode(&offer.model.upstream_name, asks);
    book(call, offer, Known::default(), false);
    let starved = AtomicBool::new(false);
    let accept_kind = if stream { Accept::Events } else { Accept::Json };
    let sending = async {
        let mut answer = client(call, offer, manner, &starved)
            .send(&offer.target.site, &Request::chat(&body, accept_kind))
            .await?;
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
        None => Ok(Box::pin(large(&timer, answer, held, offer, times.deadline, seen)).await?),
    }
}

/// What an attempt needs of the worker; `starved` is set where there is no socket left.
fn client<'a>(call: &'a Call, offer: &Offer, manner: Manner, starved: &'a AtomicBool) -> Client<'a> {
    Client {
        dialer: &call.gateway.dialer,
        allow_private: &call.settings.egress.allow_private,
        connect: offer.target.provider.timeouts.connect,
        worker: call.worker.index,
        random: call.worker.random(),
        fresh: manner.fresh,
        starved,
    }
}

/// Lets only a plain 2xx through; anything else becomes its failure.
async fn accept(call: &Call, offer: &Offer, answer: &mut Answer) -> Result<(), Failure> {
    if !answer.head.status.is_success() {
        return Err(Box::pin(refusal(call, &offer.target, answer)).await);
    }
    if answer.head.compressed {
        return Err(garbled("the upstream compressed its answer, although it was asked not to"));
    }
    Ok(())
}

/// What `coming` brings, unless `until` passes first. Pinned by who calls: as an argument it would count twice in the
/// size of a request.
pub(super) async fn within<T>(
    timer: &SharedTimer,
    until: Instant,
    stream: bool,
    coming: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Failure> {
    timer.until(until, coming).await.ok_or_else(|| late(stream))
}

/// An answer, or a stream's first content, that did not come in time.
pub(super) fn late(stream: bool) -> Failure {
    let text = if stream {
        "the upstream's stream did not begin in time"
    } else {
        "the upstream did not answer within the provider's total time"
    };
    Failure::new(FailureClass::Timeout, text)
}

pub(super) fn garbled(what: &str) -> Failure {
    Failure::new(FailureClass::Garbled, what)
}
