//! One try at one target, up to its commit (semantics S2.1, S2.2): until then nothing has reached the caller, and
//! any failure can move on.

use crate::call::{Call, Offer, now_unix, unix};
use crate::collected::Collected;
use crate::drain;
use crate::flow::Flow;
use crate::upstream::{Account, Answer, AnswerBody, SPEAKS};
use bytes::Bytes;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass, Model};
use weir_wire::sse::Beginning;
use weir_wire::{Additions, AnswerFacts, Asked, Brief, Reading};

/// A unary answer up to this size is held whole before it is committed.
const HOLD_UNARY: u64 = 4 << 20;
/// So much of an error's body is read, and for so long: its status alone moves on as well, and a unary attempt
/// has no other timer that would end the wait within minutes.
const ERROR_BODY: usize = 1 << 20;
/// One longer than this has no more time than [`ERROR_BODY_WITHIN`].
const SHORT_ERROR: usize = 64 << 10;
const ERROR_BODY_WITHIN: Duration = Duration::from_secs(1);
/// So much of a request is searched, all searches together, for the addresses in a message: a worker does nothing else
/// meanwhile.
const SEARCHED: usize = 64 << 20;
/// So much white space may stand before an answer: some servers send it to keep a connection alive while they work.
const MAX_BLANK: usize = 64 << 10;

/// An answer that is the caller's from here on.
#[derive(Debug)]
pub(crate) enum Committed {
    /// All of a unary answer.
    Whole(Whole),
    /// An answer that is still coming.
    Flow(Box<Flow>),
}

/// All of a unary answer.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) body: Bytes,
    /// How many bytes of memory the body takes.
    pub(crate) room: u64,
    pub(crate) model: Arc<Model>,
    pub(crate) facts: AnswerFacts,
}

/// Asks the target at position `at`; it is `now`. `plain`: without anything that the gateway puts into requests.
pub(crate) async fn attempt(
    call: &mut Call,
    at: usize,
    now: Instant,
    plain: bool,
) -> Result<Committed, Failure> {
    let account = &offer(call, at)?.target.account;
    let deadline = now + account.provider.timeouts.total;
    if call.request.facts().stream {
        // When the request came is near enough for what an account has taught, and known.
        let today = unix(call.recorder.event.began_at);
        let asks = !plain
            && !call.request.facts().includes_usage
            && account.wants_usage_option(call.tenant(), today);
        return match Box::pin(stream(call, at, deadline, asks)).await {
            Ok(committed) => {
                if asks || call.request.facts().includes_usage {
                    offer(call, at)?.target.account.refuses_usage_option.unlearn();
                }
                Ok(committed)
            }
            Err(failure) => Err(blaming(failure, asks)),
        };
    }
    let timer = call.timer.clone();
    let answer = pin!(unary(call, at, deadline));
    let late = || Err(timeout("the upstream did not answer within the provider's total time"));
    timer.until(deadline, answer).await.unwrap_or_else(late).map_err(|failure| blaming(failure, false))
}

/// A vendor may quote what a caller wrote: only what was put into the request can have been refused.
fn blaming(failure: Failure, added: bool) -> Failure {
    Failure {
        refuses_addition: failure.refuses_addition && added,
        names_addition: failure.names_addition && added,
        ..failure
    }
}

fn timeout(what: &str) -> Failure {
    Failure::new(FailureClass::Timeout, what)
}

fn garbled(what: &str) -> Failure {
    Failure::new(FailureClass::Garbled, what)
}

async fn unary(call: &mut Call, at: usize, deadline: Instant) -> Result<Committed, Failure> {
    let Offer { target, model, .. } = offer(call, at)?;
    let account = Arc::clone(&target.account);
    let body = call.request.encode(SPEAKS, &model.upstream_name, Additions::default()).body;
    let mut answer = call.client().chat(&account, &body, false).await?;
    accept(call, &account, &mut answer).await?;
    let (ready, whole) = hold(call, &mut answer.body).await?;
    let reading = reading(call, &account, &model);
    if !whole {
        return Box::pin(large(answer, ready, reading, account, model, deadline)).await;
    }
    // When the request came is near enough for a date inside of an answer, and known.
    let now = unix(call.recorder.event.began_at);
    let facts = reading.whole(ready.bytes(), now)?;
    let room = ready.room() as u64;
    Ok(Committed::Whole(Whole { body: ready.into_bytes(), room, model, facts }))
}

/// The body as far as it may be held, and whether that is all of it: not past 4 MiB, and not beyond what the
/// memory budget has to spare.
async fn hold(call: &mut Call, body: &mut AnswerBody) -> Result<(Collected, bool), Failure> {
    let told = body.exact_len();
    let mut held = Collected::of_length(told);
    if told.is_some_and(|told| told > HOLD_UNARY) {
        return Ok((held, false));
    }
    let mut beginning = Beginning::default();
    while let Some(piece) = body.data().await {
        held.push(piece?);
        match beginning.is_stream(held.bytes()) {
            Some(true) => {
                // It may never end.
                return Err(garbled("the upstream answered with a stream, which was not asked for"));
            }
            None if held.len() > MAX_BLANK => return Err(blank()),
            _ => {}
        }
        // Nobody waits for the whole of it any more.
        let most = if call.caller_has_left() { drain::BYTES as u64 } else { HOLD_UNARY };
        if held.len() as u64 > most || !call.hold(held.room() as u64).await {
            return Ok((held, false));
        }
    }
    Ok((held, true))
}

fn blank() -> Failure {
    garbled("the upstream answered with nothing but white space")
}

/// An answer that is too large to hold is committed on what has come of it: it is an object, and tells of no error.
async fn large(
    mut answer: Answer,
    begun: Collected,
    mut reading: Reading,
    account: Arc<Account>,
    model: Arc<Model>,
    deadline: Instant,
) -> Result<Committed, Failure> {
    let mut held = Collected::default();
    held.push(reading.feed(begun.into_bytes(), now_unix()));
    while reading.begins().is_none()
        && let Some(piece) = answer.body.data().await
    {
        held.push(reading.feed(piece?, now_unix()));
        if reading.begins().is_none() && held.len() > MAX_BLANK {
            return Err(blank());
        }
    }
    if reading.begins() != Some(true) {
        return Err(garbled("the upstream's answer is not a JSON object"));
    }
    if let Some(failure) = reading.failure() {
        return Err(failure.clone());
    }
    Ok(Committed::Flow(Box::new(Flow {
        ready: held.into_bytes(),
        rest: Some(answer.body),
        reading,
        account,
        model,
        idle: None,
        first_token: deadline,
        deadline,
    })))
}

fn offer(call: &Call, at: usize) -> Result<Offer<'_>, Failure> {
    call.offer(at)
        .ok_or_else(|| Failure::new(FailureClass::ModelMissing, "the provider does not offer this model"))
}

/// How this answer becomes the caller's.
fn reading(call: &Call, account: &Account, model: &Model) -> Reading {
    call.request.reading(SPEAKS, account.provider.vendor.row(), model.context_window)
}

/// Lets only a plain 2xx through; anything else becomes its failure.
async fn accept(call: &Call, account: &Account, answer: &mut Answer) -> Result<(), Failure> {
    if !answer.head.status.is_success() {
        return Err(Box::pin(refused(call, account, answer)).await);
    }
    if answer.head.compressed {
        return Err(garbled("the upstream compressed its answer, although it was asked not to"));
    }
    Ok(())
}

/// Reads an error's body, as far as it comes, and classifies it.
async fn refused(call: &Call, account: &Account, answer: &mut Answer) -> Failure {
    let mut body = ShortBody::begun(b"", Instant::now() + ERROR_BODY_WITHIN);
    while body.read_more(answer).await {}
    let row = account.provider.vendor.row();
    let left = Cell::new(SEARCHED);
    let wrote = |url: &str| {
        let rest = left.get().checked_sub(Asked::SEARCHES * call.request.facts().length);
        rest.inspect(|rest| left.set(*rest)).is_some() && call.request.holds(url)
    };
    // Not the address that we call: whether a caller has guessed it is nobody's business.
    let is_callers = |url: &str| !url.contains(account.host()) && wrote(url);
    let head = &answer.head;
    weir_wire::failure(row, head.status.as_u16(), &head.headers, body.text(), now_unix(), &is_callers)
}

async fn stream(call: &mut Call, at: usize, deadline: Instant, asks: bool) -> Result<Committed, Failure> {
    let Offer { target, model, .. } = offer(call, at)?;
    let account = Arc::clone(&target.account);
    let timeouts = account.provider.timeouts;
    let body = call.request.encode(SPEAKS, &model.upstream_name, Additions { usage: asks }).body;
    let began = Instant::now();
    let first_token = (began + timeouts.first_token).min(deadline);
    let first_byte = (began + timeouts.first_byte).min(first_token);
    let begin = async {
        let mut answer = call.client().chat(&account, &body, true).await?;
        accept(call, &account, &mut answer).await?;
        Ok(answer)
    };
    let mut answer = within(first_byte, begin).await??;
    let mut reading = reading(call, &account, &model);
    let mut ready = Collected::default();
    let mut next = if answer.head.claims_events {
        within(first_byte, answer.body.data()).await?.transpose()?
    } else {
        Some(unlabelled(call, &reading, &mut answer, first_byte).await?)
    };
    loop {
        let ended = next.is_none();
        let now = now_unix();
        let bytes = match next {
            Some(piece) => reading.feed(piece, now),
            None => reading.end(now).bytes,
        };
        ready.push(bytes);
        if reading.is_committed() {
            return Ok(Committed::Flow(Box::new(Flow {
                ready: ready.into_bytes(),
                rest: (!ended).then_some(answer.body),
                reading,
                account,
                model,
                idle: Some(timeouts.idle),
                first_token,
                deadline,
            })));
        }
        if let Some(failure) = reading.failure() {
            return Err(failure.clone());
        }
        if ended || reading.is_over() {
            return Err(garbled("the upstream's stream ended before any content"));
        }
        if !call.count_stream(ready.room() + reading.held_bytes()).await {
            return Err(no_room(call));
        }
        let now = Instant::now();
        if now >= first_token {
            return Err(late()); // whatever else comes all the while
        }
        next = within((now + timeouts.idle).min(first_token), answer.body.data()).await?.transpose()?;
    }
}

/// The attempt is given up for want of memory: what it failed with is told nobody.
fn no_room(call: &mut Call) -> Failure {
    call.crowded = true;
    Failure::new(FailureClass::Overloaded, "this gateway has no memory left for the upstream's answer")
}

fn late() -> Failure {
    timeout("the upstream's stream did not begin in time")
}

async fn within<T>(until: Instant, coming: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout_at(until.into(), coming).await.map_err(|_| late())
}

/// The first bytes of an answer that is not labelled as a stream: it is one all the same if it begins as one.
async fn unlabelled(
    call: &mut Call,
    reading: &Reading,
    answer: &mut Answer,
    until: Instant,
) -> Result<Bytes, Failure> {
    let mut begun = Collected::default();
    let mut beginning = Beginning::default();
    while begun.len() <= MAX_BLANK
        && let Some(piece) = within(until, answer.body.data()).await?
    {
        begun.push(piece?);
        match beginning.is_stream(begun.bytes()) {
            Some(true) => return Ok(begun.into_bytes()),
            Some(false) => break,
            None if !call.count_stream(begun.room()).await => return Err(no_room(call)),
            None => {}
        }
    }
    Err(no_stream(call, reading, answer, begun, until).await)
}

/// A 200 that is no stream although one was asked for: an error inside, or something else altogether.
async fn no_stream(
    call: &mut Call,
    reading: &Reading,
    answer: &mut Answer,
    begun: Collected,
    until: Instant,
) -> Failure {
    let mut body = ShortBody::begun(begun.bytes(), until);
    drop(begun);
    while body.read_more(answer).await {
        if !call.count_stream(body.text().len()).await {
            return no_room(call);
        }
    }
    match reading.whole(body.text(), now_unix()) {
        Err(failure) => failure,
        Ok(_) => garbled("the upstream answered a stream's request with something else"),
    }
}

/// The body of an answer that is none, as far as it is needed, and as it comes within its time.
struct ShortBody {
    body: Brief,
    read: usize,
    until: Instant,
}

impl ShortBody {
    /// One that has `begun`, read until `until` at the latest.
    fn begun(begun: &[u8], until: Instant) -> Self {
        let mut body = Brief::default();
        body.feed(begun);
        Self { body, read: begun.len(), until }
    }

    /// What is kept of it.
    fn text(&self) -> &[u8] {
        self.body.text()
    }

    /// Takes the next piece; whether there was one.
    async fn read_more(&mut self, answer: &mut Answer) -> bool {
        if self.read > ERROR_BODY {
            return false;
        }
        if self.read > SHORT_ERROR {
            self.until = self.until.min(Instant::now() + ERROR_BODY_WITHIN);
        }
        let piece = tokio::time::timeout_at(self.until.into(), answer.body.data()).await;
        let Ok(Some(Ok(piece))) = piece else { return false };
        self.body.feed(&piece);
        self.read += piece.len();
        true
    }
}
