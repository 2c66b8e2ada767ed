//! Responses to requests that an upstream answered.

use super::OutBody;
use super::body::PIECE;
use super::outbox::Outbox;
use crate::limits::Share;
use crate::pipeline::{About, Answer};
use bytes::Bytes;
use http::Response;

/// Bodies of so many bytes stay in the memory budget while they are sent: a socket's buffer takes less at once. On
/// HTTP/2, where a caller may have many answers and take none of them, all that are larger than one piece.
const COUNTED: usize = 64 << 10;

/// The response that hands `answer` out and tells `about` it.
pub(super) fn respond(about: &About, answer: Answer) -> Response<OutBody> {
    let body = match answer {
        Answer::Whole(body, share) => OutBody::Whole(Some(until_taken(body, share))),
        Answer::Relay(relay) => OutBody::Relay(relay),
    };
    let mut response = Response::new(body);
    *response.headers_mut() = about.headers();
    response
}

/// A large body counts in the memory budget until its caller has taken it.
fn until_taken(body: Bytes, share: Share) -> Bytes {
    struct Sending {
        body: Bytes,
        _share: Share,
    }
    impl AsRef<[u8]> for Sending {
        fn as_ref(&self) -> &[u8] {
            &self.body
        }
    }
    let counted = if Outbox::current().is_some() { PIECE + 1 } else { COUNTED };
    if body.len() < counted { body } else { Bytes::from_owner(Sending { body, _share: share }) }
}
