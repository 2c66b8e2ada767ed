//! One try at one target, up to its commit (semantics S2.1, S2.2): until then nothing has reached the caller, and
//! any failure can move on.

use crate::call::{Call, Offer, now_unix, unix};
use crate::drain;
use crate::passed::Passed;
use crate::upstream::{Account, Answer, AnswerBody, Content};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass, Model, Usage};
use weir_wire::openai::{self, ChatStream, Ending, StreamEnd};

/// A unary answer up to this size is held whole before it is committed.
const HOLD_UNARY: u64 = 4 << 20;
/// So much of a stream is held until its first content.
const HOLD_STREAM: usize = 256 << 10;
const HOLD_EVENTS: u64 = 64;
/// So much of an error's body is read, and for so long: its status alone moves on as well, and a unary attempt
/// has no other timer that would end the wait within minutes.
const ERROR_BODY: usize = 64 << 10;
const ERROR_BODY_WITHIN: Duration = Duration::from_secs(1);

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
    pub(crate) model: Arc<Model>,
    pub(crate) usage: Option<Usage>,
    pub(crate) output_bytes: u64,
}

/// An answer that is still coming.
#[derive(Debug)]
pub(crate) struct Flow {
    /// What was held until the commit.
    pub(crate) ready: Bytes,
    /// `None` once the upstream has ended.
    pub(crate) rest: Option<AnswerBody>,
    pub(crate) decoder: Decoder,
    pub(crate) account: Arc<Account>,
    pub(crate) model: Arc<Model>,
    /// Without a byte for so long a stream has failed; `None`: unary.
    pub(crate) idle: Option<Duration>,
    /// When the attempt's whole time is over.
    pub(crate) deadline: Instant,
}

/// How a flow's bytes are understood.
pub(crate) enum Decoder {
    /// A stream of chat chunks.
    Events(Box<ChatStream>),
    /// A unary answer too large to hold: passed on as it comes.
    Opaque(Passed),
}

impl fmt::Debug for Decoder {
    /// Which one: what it holds is the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events(_) => "Events",
            Self::Opaque(_) => "Opaque",
        })
    }
}

/// Asks the target at position `at`; it is `now`.
pub(crate) async fn attempt(call: &mut Call, at: usize, now: Instant) -> Result<Committed, Failure> {
    let deadline = now + offer(call, at)?.target.account.provider.timeouts.total;
    if call.request.stream() {
        return Box::pin(stream(call, at, deadline)).await;
    }
    let timer = call.timer.clone();
    let answer = pin!(unary(call, at, deadline));
    let late = || Err(timeout("the upstream did not answer within the provider's total time"));
    timer.until(deadline, answer).await.unwrap_or_else(late)
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
    let body = call.request.encode(&model.upstream_name, false);
    let mut answer = call.client().chat(&account, body, false).await?;
    accept(&account, &mut answer).await?;
    let (ready, whole) = hold(call, &mut answer.body).await?;
    if !whole {
        return Box::pin(large(answer, ready, account, model, deadline)).await;
    }
    // When the request came is near enough for a date inside of an answer, and known.
    let now = unix(call.recorder.event.began_at);
    let facts = openai::answer(account.provider.vendor.row(), &ready, now)?;
    let (usage, output_bytes) = (facts.usage, facts.output_bytes);
    Ok(Committed::Whole(Whole { body: ready, model, usage, output_bytes }))
}

/// The body as far as it may be held, and whether that is all of it: not past 4 MiB, and not beyond what the
/// memory budget has to spare.
async fn hold(call: &mut Call, body: &mut AnswerBody) -> Result<(Bytes, bool), Failure> {
    let known = body.exact_len().unwrap_or(0);
    let mut held = Collected::default();
    if known > HOLD_UNARY || !call.hold(known).await {
        return Ok((Bytes::new(), false));
    }
    while let Some(piece) = body.data().await {
        held.push(piece?, known);
        // Nobody waits for the whole of it any more.
        let most = if call.caller_has_left() { drain::BYTES as u64 } else { HOLD_UNARY };
        if held.len() as u64 > most || !call.hold(held.room() as u64).await {
            return Ok((held.into_bytes(), false));
        }
    }
    Ok((held.into_bytes(), true))
}

/// An answer that is too large to hold is committed on its first look: it claims to be JSON and begins as such.
async fn large(
    mut answer: Answer,
    mut ready: Bytes,
    account: Arc<Account>,
    model: Arc<Model>,
    deadline: Instant,
) -> Result<Committed, Failure> {
    if ready.is_empty() {
        ready = answer.body.data().await.unwrap_or_else(|| Ok(Bytes::new()))?;
    }
    if answer.head.content != Content::Json || ready.trim_ascii_start().first() != Some(&b'{') {
        return Err(garbled("the upstream's answer is not JSON"));
    }
    let rest = Some(answer.body);
    let mut passed = Passed::default();
    passed.add(&ready);
    let decoder = Decoder::Opaque(passed);
    Ok(Committed::Flow(Box::new(Flow { ready, rest, decoder, account, model, idle: None, deadline })))
}

fn offer(call: &Call, at: usize) -> Result<Offer<'_>, Failure> {
    call.offer(at)
        .ok_or_else(|| Failure::new(FailureClass::ModelMissing, "the provider does not offer this model"))
}

/// Lets only a plain 2xx through; anything else becomes its failure.
async fn accept(account: &Account, answer: &mut Answer) -> Result<(), Failure> {
    if !answer.head.status.is_success() {
        return Err(Box::pin(refused(account, answer)).await);
    }
    if answer.head.compressed {
        return Err(garbled("the upstream compressed its answer, although it was asked not to"));
    }
    Ok(())
}

/// Reads an error's body, as far as it comes, and classifies it.
async fn refused(account: &Account, answer: &mut Answer) -> Failure {
    let body = read_short(answer, Instant::now() + ERROR_BODY_WITHIN).await;
    let row = account.provider.vendor.row();
    openai::failure(row, answer.head.status.as_u16(), &answer.head.headers, &body, now_unix())
}

async fn stream(call: &mut Call, at: usize, deadline: Instant) -> Result<Committed, Failure> {
    let account = Arc::clone(&offer(call, at)?.target.account);
    let asks = account.wants_usage_option() && !call.request.includes_usage();
    match stream_once(call, at, deadline, asks).await {
        // Some servers know no `stream_options`: learned once per account, and this request goes on without.
        Err(failure) if asks && refuses_usage_option(&failure) => {
            account.refuses_usage_option.store(true, Ordering::Relaxed);
            stream_once(call, at, deadline, false).await
        }
        result => result,
    }
}

fn refuses_usage_option(failure: &Failure) -> bool {
    let names_it = |text: &str| text.contains("stream_options") || text.contains("include_usage");
    failure.class == FailureClass::CallerFault
        && (names_it(&failure.message) || failure.param.as_deref().is_some_and(names_it))
}

async fn stream_once(
    call: &mut Call,
    at: usize,
    deadline: Instant,
    asks: bool,
) -> Result<Committed, Failure> {
    let Offer { target, model, .. } = offer(call, at)?;
    let account = Arc::clone(&target.account);
    let timeouts = account.provider.timeouts;
    let body = call.request.encode(&model.upstream_name, asks);
    let first_byte = (Instant::now() + timeouts.first_byte).min(deadline);
    let late = || timeout("the upstream's stream did not begin in time");
    let begin = async {
        let mut answer = call.client().chat(&account, body, true).await?;
        accept(&account, &mut answer).await?;
        Ok(answer)
    };
    let mut answer = tokio::time::timeout_at(first_byte.into(), begin).await.map_err(|_| late())??;
    if answer.head.content != Content::EventStream {
        return Err(no_stream(&account, &mut answer, first_byte).await);
    }
    let mut decoder = ChatStream::new(account.provider.vendor.row(), !call.request.includes_usage());
    let mut ready = Collected::default();
    let mut wait_until = first_byte;
    loop {
        let piece =
            tokio::time::timeout_at(wait_until.into(), answer.body.data()).await.map_err(|_| late())?;
        let ended = piece.is_none();
        match piece {
            Some(piece) => ready.push(decoder.feed(piece?, now_unix()), 0),
            None => ready.push(begun_and_ended(&mut decoder)?, 0),
        }
        if let Some(failure) = decoder.failure() {
            return Err(failure.clone());
        }
        let full = decoder.events() > HOLD_EVENTS || ready.len() > HOLD_STREAM;
        if decoder.content_seen() || full || ended {
            let (ready, rest) = (ready.into_bytes(), (!ended).then_some(answer.body));
            let (decoder, idle) = (Decoder::Events(Box::new(decoder)), Some(timeouts.idle));
            return Ok(Committed::Flow(Box::new(Flow {
                ready,
                rest,
                decoder,
                account,
                model,
                idle,
                deadline,
            })));
        }
        wait_until = (Instant::now() + timeouts.idle).min(deadline);
    }
}

/// The last bytes of a stream that ended before it was committed: fine if it was a whole answer.
fn begun_and_ended(decoder: &mut ChatStream) -> Result<Bytes, Failure> {
    let Ending { bytes, end } = decoder.end(now_unix());
    if decoder.failure().is_none() && (end == StreamEnd::Truncated || !decoder.content_seen()) {
        return Err(Failure::new(FailureClass::Garbled, "the upstream's stream ended before any content"));
    }
    Ok(bytes)
}

/// A 200 that is no stream although one was asked for: an error inside, or something else altogether.
async fn no_stream(account: &Account, answer: &mut Answer, until: Instant) -> Failure {
    let body = read_short(answer, until).await;
    match openai::answer(account.provider.vendor.row(), &body, now_unix()) {
        Err(failure) => failure,
        Ok(_) => garbled("the upstream answered a stream's request with something else"),
    }
}

/// The body as far as it is needed, and as it comes until `until`.
async fn read_short(answer: &mut Answer, until: Instant) -> Bytes {
    let mut body = Collected::default();
    while let Ok(Some(Ok(piece))) = tokio::time::timeout_at(until.into(), answer.body.data()).await {
        body.push(piece, 0);
        if body.len() > ERROR_BODY {
            break;
        }
    }
    body.into_bytes()
}

/// Pieces put together; one piece alone is not copied.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    first: Bytes,
    all: BytesMut,
}

impl Collected {
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// How much memory it takes, with what it has not filled yet.
    pub(crate) fn room(&self) -> usize {
        self.first.len() + self.all.capacity()
    }

    /// Adds a piece; `expected` is how long the whole will be, where that is known.
    pub(crate) fn push(&mut self, piece: Bytes, expected: u64) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = piece;
            return;
        }
        if !self.first.is_empty() {
            let expected = usize::try_from(expected).unwrap_or(0);
            self.all.reserve(expected.max(self.first.len() + piece.len()));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&piece);
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}
