//! A request as its caller wrote it: what routing needs is read, the rest stays bytes.
//!
//! To an account that speaks the caller's API goes the caller's text, byte for byte but for what must be rewritten
//! (semantics S2.7). No DOM: numbers would be rewritten, unknown fields reordered, and it costs ten times as much. No
//! copy either: what is rewritten stands between slices of what the caller wrote, however many attempts there are.

mod bad_request;
mod facts;
pub(crate) mod fields;
pub(crate) mod pieces;

pub use bad_request::BadRequest;
pub use facts::{Additions, Facts};
pub use pieces::Pieces;

use crate::api::Api;
use crate::openai;
use crate::reading::Reading;
use crate::through::Through;
use bytes::{Buf, Bytes};
use weir_config::VendorRow;

/// UTF-8's byte order mark. Some programs write one in front of their JSON, which has no place for it (RFC 8259,
/// section 8.1): it is passed over, and not sent on.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    body: Bytes,
    facts: Facts,
    places: Places,
}

/// A request as an account is sent it.
#[derive(Debug)]
pub struct Encoded {
    /// The path of the endpoint, behind the account's base path.
    pub path: &'static str,
    /// The body. The caller's own bytes alone, if nothing changes.
    pub body: Pieces,
}

/// The caller's API, and where in the body that has what may be rewritten.
#[derive(Debug, Clone)]
enum Places {
    Chat(openai::Places),
}

impl Asked {
    /// Reads the body of a request of `api`.
    ///
    /// # Errors
    /// If it is not in UTF-8, or no request of `api` as far as it is read: see there.
    pub fn read(api: Api, mut body: Bytes) -> Result<Self, BadRequest> {
        if body.starts_with(BYTE_ORDER_MARK) {
            body.advance(BYTE_ORDER_MARK.len());
        }
        let text = fields::utf8(&body)?;
        let (facts, places) = match api {
            Api::Chat => {
                let (facts, places) = openai::read(text)?;
                (facts, Places::Chat(places))
            }
        };
        Ok(Self { body, facts, places })
    }

    /// The API that its caller speaks.
    pub fn api(&self) -> Api {
        match self.places {
            Places::Chat(_) => Api::Chat,
        }
    }

    /// What is known of it.
    #[inline]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The request for an account that speaks `to` and calls the model `upstream_model`.
    pub fn encode(&self, to: Api, upstream_model: &str, additions: Additions) -> Encoded {
        let body = match (&self.places, to) {
            (Places::Chat(places), Api::Chat) => {
                places.rewrite(&self.body, &self.facts, upstream_model, additions)
            }
        };
        Encoded { path: to.path(), body }
    }

    /// How the answer of an account that speaks `from`, of a vendor of `row`, becomes this caller's. The model that
    /// answers has this `context_window`, if that is known: no side of an answer has more tokens.
    pub fn reading(&self, from: Api, row: &'static VendorRow, context_window: Option<u64>) -> Reading {
        match (&self.places, from) {
            (Places::Chat(_), Api::Chat) => Reading::Through(Through::new(&self.facts, row, context_window)),
        }
    }

    /// How often [`Asked::holds`] searches the body at most.
    pub const SEARCHES: usize = 2;

    /// Whether the caller wrote `text`, as far as the body is still there.
    pub fn holds(&self, text: &str) -> bool {
        let written = |text: &str| memchr::memmem::find(&self.body, text.as_bytes()).is_some();
        written(text) || text.contains('/') && written(&text.replace('/', r"\/"))
    }

    /// Gives the body's bytes up, because nobody else will be asked: encoding it afterwards makes no sense.
    pub fn forget_body(&mut self) {
        self.body = Bytes::new();
    }
}
