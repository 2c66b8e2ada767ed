//! An upstream's answer, wherever it comes from.

use super::h1::LinkBody;
use super::head::Head;
use super::mock::MockBody;
use bytes::Bytes;
use std::task::{Context, Poll};
use weir_config::{Failure, FailureClass};

/// The head of an answer and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: AnswerBody,
}

/// An answer's body; dropping it cancels the upstream.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    Server(LinkBody),
    Mock(MockBody),
}

impl AnswerBody {
    /// The next piece; `None` at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        match self {
            Self::Server(body) => {
                body.poll_data(cx).map(|piece| piece.map(|data| data.map_err(|_| broken())))
            }
            Self::Mock(body) => body.poll_data(cx).map(|piece| piece.map(Ok)),
        }
    }

    /// The next piece; `None` at its end.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, Failure>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    /// The caller has the whole answer: the little that may still come is read without anybody waiting for it, for
    /// the connection's sake. To drop the body closes the connection.
    pub(crate) fn finish(self) {
        match self {
            Self::Server(body) => body.finish(),
            Self::Mock(_) => {}
        }
    }

    /// Whether a part of the request is still to be sent, and so still held.
    pub(crate) fn is_sending(&self) -> bool {
        matches!(self, Self::Server(body) if body.is_sending())
    }

    /// The length that was announced, if it was.
    pub(crate) fn exact_len(&self) -> Option<u64> {
        match self {
            Self::Server(body) => body.exact_len(),
            Self::Mock(_) => None,
        }
    }
}

/// The answer broke off.
pub(super) fn broken() -> Failure {
    Failure::new(FailureClass::ServerError, "the upstream broke the connection off")
}
