//! One HTTP/1.1 connection to an upstream, used by one request at a time.
//!
//! Ours rather than a client library's. A request here is a few lines, most of them constant, and a body; an answer is a
//! status, a few headers and a body. A general client builds maps, hands messages between tasks and gives a chunk
//! at a time: it cost a quarter of the gateway's instructions, and what an upstream had sent in one go could not
//! be passed on in one. HTTP/1.1 only; what is not plain is refused (`head`, `chunks`).

use super::super::request::Request;
use super::super::stream::Stream;
use super::head::{Framed, Search};
use super::origin::Origin;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// A connection is used for so long, and up to twice as long: a busy one is never idle, and would go to an address for
/// ever that its name has long left. Spread, so that connections made together do not end together.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// The pieces that one write takes: a head and what a body usually has.
const PIECES: usize = 6;
/// Read at once: enough for most answers, and a part of what one stream may hold.
const READ: usize = 8 << 10;

/// A connection.
pub(in crate::upstream) struct Link {
    stream: Stream,
    /// Read and not yet used.
    pub(super) input: BytesMut,
    /// The head of the request; kept for its room.
    head: Vec<u8>,
    /// What of a request is still to be sent although its answer has begun.
    upload: Option<Box<Upload>>,
    /// Whether it has carried an exchange before.
    pub(in crate::upstream) reused: bool,
    /// The exchange under way allows another after it.
    keep: bool,
    /// Where it leads.
    pub(in crate::upstream) peer: Option<SocketAddr>,
    /// From when on it is not used again.
    pub(super) retire: Instant,
}

/// The rest of a request's body, and how much of head and body together has been sent.
struct Upload {
    body: Vec<Bytes>,
    sent: usize,
}

impl fmt::Debug for Link {
    /// Without bytes: the credential is in the head, and what callers and models say in the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reused, keep, retire, .. } = self;
        let mut link = f.debug_struct("Link");
        link.field("reused", reused).field("keep", keep).field("retire", retire).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::upstream) enum NoAnswer {
    /// The connection ended before a byte of an answer came.
    #[error("the upstream closed the connection without an answer")]
    Closed,
    /// It ended within the head of the answer, or after an interim one.
    #[error("the upstream broke the connection off")]
    Broken,
    /// What came is no HTTP.
    #[error("the upstream's answer is not plain HTTP/1.1")]
    NotHttp,
}

impl Link {
    /// A connection opened `now`; `random` spreads the ends of those that were opened together.
    pub(in crate::upstream) fn new(stream: Stream, now: Instant, random: u64) -> Self {
        Self {
            peer: stream.peer(),
            stream,
            input: BytesMut::new(),
            head: Vec::new(),
            upload: None,
            reused: false,
            keep: false,
            retire: now + life(random),
        }
    }

    /// Sends `request` to `origin`, which is where this connection leads, and waits for the head of the answer, which
    /// may come before all is sent: the rest of a request that is being answered goes out while the answer is read;
    /// that of one that was refused does not, and the connection is not used again. `sent_all` is called once all of it
    /// has gone out.
    pub(in crate::upstream) async fn exchange(
        &mut self,
        origin: &Origin,
        request: &Request<'_>,
        sent_all: &(dyn Fn() + Sync),
    ) -> Result<Framed, NoAnswer> {
        let body = request.body;
        origin.write_head(request, &mut self.head);
        let mut sent = 0;
        let mut sending = Poll::Pending;
        let mut search = Search::for_those(request.keep);
        let mut heard = false;
        self.keep = false;
        let answer = poll_fn(|cx| {
            if sending.is_pending() {
                // A failed write is not the end: an answer may have come that says why.
                sending = self.poll_send(cx, body, &mut sent).map(|sent| sent.is_ok());
                if sending == Poll::Ready(true) {
                    sent_all();
                }
            }
            self.poll_head(cx, &mut heard, &mut search)
        })
        .await?;
        self.keep = match sending {
            Poll::Ready(all) => answer.keep_alive && all,
            Poll::Pending => answer.keep_alive && answer.head.status.is_success(),
        };
        if sending.is_pending() && answer.head.status.is_success() {
            self.upload = Some(Box::new(Upload { body: body.to_vec(), sent }));
        }
        Ok(answer)
    }

    /// Sends what has not been sent of the head and `body`, in as few writes as the kernel takes.
    fn poll_send(&mut self, cx: &mut Context<'_>, body: &[Bytes], sent: &mut usize) -> Poll<io::Result<()>> {
        let Self { stream, head, .. } = self;
        loop {
            let (unsent, count) = unsent(head, body, *sent);
            let unsent = unsent.get(..count).unwrap_or_default();
            if unsent.is_empty() {
                return Pin::new(stream).poll_flush(cx);
            }
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written;
        }
    }

    /// Sends on what is left of the request. Where that fails, the answer may still come whole.
    pub(super) fn go_on_sending(&mut self, cx: &mut Context<'_>) {
        let Some(mut upload) = self.upload.take() else { return };
        let Upload { body, sent } = &mut *upload;
        match self.poll_send(cx, body, sent) {
            Poll::Pending => self.upload = Some(upload),
            Poll::Ready(all) => self.keep &= all.is_ok(),
        }
    }

    /// Whether a part of the request is still to be sent.
    pub(super) fn is_sending(&self) -> bool {
        self.upload.is_some()
    }

    /// The head of the answer. `heard`: whether an interim one has come, by which the upstream has taken the request.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        heard: &mut bool,
        search: &mut Search,
    ) -> Poll<Result<Framed, NoAnswer>> {
        loop {
            match ready!(self.poll_input(cx)) {
                Ok(0) | Err(_) if self.input.is_empty() && !*heard => {
                    return Poll::Ready(Err(NoAnswer::Closed));
                }
                Ok(0) | Err(_) => return Poll::Ready(Err(NoAnswer::Broken)),
                Ok(_) => {}
            }
            while let Some((answer, length)) = search.head(&self.input).map_err(|_| NoAnswer::NotHttp)? {
                self.input.advance(length);
                match answer.head.status.as_u16() {
                    101 => return Poll::Ready(Err(NoAnswer::NotHttp)),
                    100..200 => *heard = true, // "wait": the answer is still to come
                    _ => return Poll::Ready(Ok(answer)),
                }
            }
        }
    }

    /// Reads more; the number of bytes, 0 at the end.
    pub(super) fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(READ);
        pin!(self.stream.read_buf(&mut self.input)).poll(cx)
    }

    /// Whether its exchange, which has ended, allows another: both said all they had to say, and nothing more.
    pub(super) fn may_be_kept(&self) -> bool {
        self.keep && self.upload.is_none() && self.input.is_empty()
    }

    /// Makes it ready for another exchange. The last one's credential is nobody's business any more.
    pub(super) fn ready_again(&mut self) {
        self.head.clear();
        self.reused = true;
    }

    /// Whether another exchange may begin: nothing was left over, and the upstream has not closed.
    pub(super) fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.may_be_kept() && self.poll_input(cx).is_pending()
    }
}

/// How long a connection is used at most.
fn life(random: u64) -> Duration {
    let more = (LIFE.as_nanos() * u128::from(random)) >> 64;
    LIFE + Duration::from_nanos(u64::try_from(more).unwrap_or(0))
}

/// What is left of `head` and then `body` after `sent` bytes of them, and in how many pieces: as much of it as one write
/// takes.
fn unsent<'a>(head: &'a [u8], body: &'a [Bytes], sent: usize) -> ([IoSlice<'a>; PIECES], usize) {
    let mut slices = [IoSlice::new(&[]); PIECES];
    let (mut skip, mut count) = (sent, 0);
    let mut room = slices.iter_mut();
    for piece in std::iter::once(head).chain(body.iter().map(|piece| &**piece)) {
        let left = piece.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(piece.len());
        if left.is_empty() {
            continue;
        }
        let Some(slice) = room.next() else { break };
        *slice = IoSlice::new(left);
        count += 1;
    }
    (slices, count)
}

#[cfg(test)]
mod tests {
    use super::super::tests::origin;
    use super::*;
    use crate::sockets::Network;
    use crate::upstream::{Accept, Request};
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    /// A connection, and its server's side.
    async fn linked() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Network::kernel().connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (Link::new(Stream::Plain(client), Instant::now(), 0), server)
    }

    #[tokio::test]
    async fn s1_7_only_a_close_before_any_byte_of_an_answer_is_one_without_an_answer() {
        let wait = "HTTP/1.1 100 Continue\r\n\r\n";
        for (says, closed) in
            [("", true), (wait, false), ("HTTP/1.1 102 Wait\r\n\r\nHTTP", false), ("H", false)]
        {
            let (mut link, mut server) = linked().await;
            server.write_all(says.as_bytes()).await.unwrap();
            server.shutdown().await.unwrap();
            let error = link
                .exchange(&origin(), &Request::post("/chat/completions", &[], Accept::Json).unwrap(), &|| {})
                .await
                .unwrap_err();
            assert_eq!(matches!(error, NoAnswer::Closed), closed, "{says:?}: {error}");
            assert_eq!(matches!(error, NoAnswer::Broken), !closed, "{says:?}: {error}");
        }
    }

    #[tokio::test]
    async fn s10_2_a_connection_shows_no_credential() {
        let (mut link, mut server) = linked().await;
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer").await.unwrap();
        let prompt = [Bytes::from_static(b"prompt")];
        link.exchange(&origin(), &Request::post("/chat/completions", &prompt, Accept::Json).unwrap(), &|| {})
            .await
            .unwrap();
        link.upload = Some(Box::new(Upload { body: prompt.to_vec(), sent: 0 }));
        assert!(link.head.windows(9).any(|part| part == b"sk-secret") && !link.input.is_empty());
        let bytes = |text: &[u8]| format!("{text:?}").trim_matches(['[', ']']).to_owned();
        let shown = format!("{link:?} {:?}", origin());
        for secret in ["sk-secret", "prompt", "answer"] {
            let plain = shown.contains(secret);
            assert!(!plain && !shown.contains(&bytes(secret.as_bytes())), "{secret}: {shown}");
        }
        link.ready_again();
        assert!(link.head.is_empty());
    }

    #[test]
    fn s2_7_head_and_pieces_go_out_in_order_from_wherever_the_last_write_ended() {
        let pieces = |texts: &[&'static str]| -> Vec<Bytes> {
            texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
        };
        for body in [
            pieces(&[]),
            pieces(&["{}"]),
            pieces(&["before", "model", "after"]),
            pieces(&["before", "model", "", "\"", "option", "after"]),
            pieces(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]),
        ] {
            let all = [&b"head"[..], &body.concat()].concat();
            for sent in 0..=all.len() {
                let (slices, count) = unsent(b"head", &body, sent);
                let next: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                assert!(all[sent..].starts_with(&next), "{body:?} from {sent}");
                assert_eq!(next.is_empty(), sent == all.len(), "{body:?} from {sent}");
                assert!(count == PIECES || next.len() == all.len() - sent, "as much as there is room for");
            }
        }
    }

    #[test]
    fn s10_18_a_connection_lives_for_five_to_ten_minutes() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert_eq!((life(0), life(1 << 63)), (minutes(5), minutes(5) + minutes(5) / 2));
        assert!(life(u64::MAX) < minutes(10) && life(u64::MAX) > minutes(10) - Duration::from_millis(1));
    }
}
