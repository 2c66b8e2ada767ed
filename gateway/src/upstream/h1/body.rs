//! The body of an upstream's answer, as it comes over its connection, and what becomes of the connection after it.

use super::chunks::Chunks;
use super::head::Length;
use super::pool::Pooled;
use crate::tasks;
use bytes::Bytes;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// So much is still read of an answer that its caller has whole, and for so long.
const LAST_BYTES: usize = 16 << 10;
const LAST_WITHIN: Duration = Duration::from_millis(50);

/// An answer's body. Gives its connection back to the pool when it has ended well; dropped earlier, it closes
/// the connection, which is how an upstream is cancelled (semantics S2.4).
#[derive(Debug)]
pub(crate) struct LinkBody {
    pooled: Option<Box<Pooled>>,
    rest: Rest,
}

/// What is to come of the body.
#[derive(Debug)]
enum Rest {
    Bytes(u64),
    Chunks(Chunks),
    UntilClose,
}

/// The body broke off.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke the connection off")]
pub(crate) struct BodyBroken;

impl LinkBody {
    pub(in crate::upstream) fn new(length: Length, pooled: Box<Pooled>) -> Self {
        let rest = match length {
            Length::Known(length) => Rest::Bytes(length),
            Length::Chunked => Rest::Chunks(Chunks::default()),
            Length::UntilClose => Rest::UntilClose,
        };
        Self { pooled: Some(pooled), rest }
    }

    /// The length that is left, if it was announced.
    pub(crate) fn exact_len(&self) -> Option<u64> {
        match self.rest {
            Rest::Bytes(left) => Some(left),
            _ => None,
        }
    }

    /// Whether a part of the request is still to be sent.
    pub(crate) fn is_sending(&self) -> bool {
        self.pooled.as_ref().is_some_and(|pooled| pooled.link.is_sending())
    }

    /// The next piece of the body: all of it that has come. `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        loop {
            match self.buffered() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => {}
                Err(broken) => {
                    self.pooled = None;
                    return Poll::Ready(Some(Err(broken)));
                }
            }
            let Some(Pooled { link, .. }) = self.pooled.as_deref_mut() else { return Poll::Ready(None) };
            link.go_on_sending(cx);
            match ready!(link.poll_input(cx)) {
                Ok(1..) => {}
                Ok(_) if matches!(self.rest, Rest::UntilClose) => self.pooled = None,
                _ => {
                    self.pooled = None;
                    return Poll::Ready(Some(Err(BodyBroken)));
                }
            }
        }
    }

    /// What is there already, as far as it belongs to the body. Lets go of the connection at the body's end.
    fn buffered(&mut self) -> Result<Option<Bytes>, BodyBroken> {
        let Some(Pooled { link, .. }) = self.pooled.as_deref_mut() else { return Ok(None) };
        let (piece, ended) = match &mut self.rest {
            Rest::Bytes(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(link.input.len());
                *left -= length as u64;
                (link.input.split_to(length).freeze(), *left == 0)
            }
            Rest::Chunks(chunks) => {
                let piece = chunks.take(&mut link.input).map_err(|_| BodyBroken)?;
                (piece, *chunks == Chunks::Ended)
            }
            Rest::UntilClose => (link.input.split().freeze(), false),
        };
        if ended
            && let Some(mut pooled) = self.pooled.take()
            && pooled.link.may_be_kept()
        {
            pooled.link.ready_again();
            pooled.put();
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// The caller has its answer: reads the little that may still come, without being waited for, so that the
    /// connection can be used again. Many an upstream sends the end of a stream's HTTP body some time after its last
    /// event, and a handshake costs more than to wait for it.
    pub(in crate::upstream) fn finish(mut self) {
        if self.pooled.is_none() || matches!(self.rest, Rest::UntilClose) {
            return;
        }
        tasks::spawn("last bytes of an answer", async move {
            let rest = async {
                let mut left = LAST_BYTES;
                while let Some(Ok(piece)) = poll_fn(|cx| self.poll_data(cx)).await {
                    let Some(fewer) = left.checked_sub(piece.len()) else { return };
                    left = fewer;
                }
            };
            drop(tokio::time::timeout(LAST_WITHIN, rest).await);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::origin;
    use super::super::{Link, Owner, Pool};
    use super::*;
    use crate::sockets::Network;
    use crate::upstream::stream::Stream;
    use crate::upstream::{Accept, Request};
    use std::sync::Arc;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    struct World {
        pool: Arc<Pool>,
        owner: Owner,
        server: TcpStream,
        body: LinkBody,
    }

    impl World {
        /// An answer whose head and `first` bytes have come.
        async fn begun(first: &str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = Network::kernel().connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let (pool, owner) = (Pool::new(1, 9), Owner::default());
            let link = Link::new(Stream::Plain(client), Instant::now(), 0);
            let mut pooled = Pooled::new(link, &pool, &owner);
            let answer = format!("HTTP/1.1 200 OK\r\n{first}");
            server.write_all(answer.as_bytes()).await.unwrap();
            let request = Request::post("/chat/completions", &[], Accept::Json).unwrap();
            let head = pooled.link.exchange(&origin(), &request, &|| {}).await.unwrap();
            Self { pool, owner, server, body: LinkBody::new(head.length, pooled) }
        }

        /// A stream that has said that it is done.
        async fn done() -> Self {
            let mut world = Self::begun("transfer-encoding: chunked\r\n\r\ne\r\ndata: [DONE]\n\n\r\n").await;
            let piece = poll_fn(|cx| world.body.poll_data(cx)).await.unwrap().unwrap();
            assert_eq!(piece, "data: [DONE]\n\n");
            world
        }

        /// Whether the connection is there to be used again, within a second.
        async fn is_kept(&self) -> bool {
            let mut look = tokio::time::interval(Duration::from_millis(5));
            for _ in 0..200 {
                look.tick().await;
                if self.pool.take(&self.owner, Instant::now()).await.is_some() {
                    return true;
                }
            }
            false
        }
    }

    /// Reads until the other side has closed.
    async fn is_closed(mut server: TcpStream) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), server.read_to_end(&mut rest)).await.is_ok()
    }

    #[tokio::test]
    async fn s1_14_the_last_bytes_of_an_answer_are_read_and_its_connection_kept() {
        for last in ["0\r\n\r\n", "7\r\n: more\n\r\n0\r\n\r\n"] {
            let mut world = World::done().await;
            std::mem::replace(&mut world.body, LinkBody { pooled: None, rest: Rest::Bytes(0) }).finish();
            world.server.write_all(last.as_bytes()).await.unwrap();
            assert!(world.is_kept().await, "{last:?}");
        }
    }

    #[tokio::test]
    async fn s1_14_last_bytes_that_do_not_come_or_do_not_end_are_not_waited_for() {
        let world = World::done().await;
        let began = Instant::now();
        let World { pool: _pool, owner: _owner, server, body } = world;
        body.finish();
        assert!(is_closed(server).await);
        assert!(began.elapsed() >= LAST_WITHIN, "{:?}", began.elapsed());

        let World { pool: _pool, owner: _owner, mut server, body } = World::done().await;
        body.finish();
        let much = format!("{:x}\r\n{}\r\n", 2 * LAST_BYTES, "x".repeat(2 * LAST_BYTES));
        server.write_all(much.as_bytes()).await.unwrap();
        assert!(is_closed(server).await);
    }

    #[tokio::test]
    async fn s2_4_an_answer_that_is_dropped_is_cancelled() {
        let World { pool: _pool, owner: _owner, server, body } = World::done().await;
        drop(body);
        assert!(is_closed(server).await);
    }
}
