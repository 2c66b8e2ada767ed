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

use crate::anthropic;
use crate::api::Api;
use crate::hub::{Chat, Dropped, Names, OPENAI_NAME, To, Unsayable, Written};
use crate::json::text::Text;
use crate::openai;
use crate::reading::Reading;
use crate::through::Through;
use crate::translated::{Answering, Translated};
use bytes::{Buf, Bytes};
use std::sync::{Arc, OnceLock};
use weir_config::{UnixSeconds, VendorRow};

/// UTF-8's byte order mark. Some programs write one in front of their JSON, which has no place for it (RFC 8259,
/// section 8.1): it is passed over, and not sent on.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    body: Bytes,
    facts: Facts,
    places: Places,
    /// For accounts that speak another API: read once, however many are asked.
    chat: OnceLock<Arc<Result<Chat, Unsayable>>>,
}

/// A request as an account is sent it.
#[derive(Debug)]
pub struct Encoded {
    /// The path of the endpoint, behind the account's base path.
    pub path: &'static str,
    /// The body. The caller's own bytes alone, if nothing changes.
    pub body: Pieces,
    /// Tuning fields that the account's API has no place for.
    pub dropped: Dropped,
}

/// Who is asked: an account and one of its models.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// What it speaks.
    pub speaks: Api,
    /// Its vendor's.
    pub row: &'static VendorRow,
    /// The model's name there.
    pub model: &'a str,
    /// The model's window in tokens, if that is known: no side of an answer has more.
    pub context_window: Option<u64>,
    /// The most tokens of an answer that the model gives, if that is known.
    pub max_output_tokens: Option<u64>,
    /// What tells this account from all others, in 1 to 16 letters and digits.
    pub mark: &'a str,
}

impl<'a> Account<'a> {
    /// One that speaks `speaks`, of a vendor of `row`, and its `model`, of which nothing else is known.
    pub fn new(speaks: Api, row: &'static VendorRow, model: &'a str) -> Self {
        Self { speaks, row, model, context_window: None, max_output_tokens: None, mark: "" }
    }
}

/// What an answer is told under.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// What no other answer is called.
    pub id: &'a str,
    /// When it was asked for.
    pub created: UnixSeconds,
}

/// The caller's API, and where in the body that has what may be rewritten.
#[derive(Debug, Clone)]
enum Places {
    Chat(openai::Places),
    Messages(anthropic::Places),
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
            Api::Messages => {
                let (facts, places) = anthropic::facts(text)?;
                (facts, Places::Messages(places))
            }
        };
        Ok(Self { body, facts, places, chat: OnceLock::new() })
    }

    /// The API that its caller speaks.
    pub fn api(&self) -> Api {
        match self.places {
            Places::Chat(_) => Api::Chat,
            Places::Messages(_) => Api::Messages,
        }
    }

    /// What is known of it.
    #[inline]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The request for `account`.
    ///
    /// # Errors
    /// The account's API cannot say what it asks; or, where the caller's own was not read for it yet, that it is none.
    pub fn encode(&self, account: &Account<'_>, additions: Additions) -> Result<Encoded, Unsayable> {
        let path = account.speaks.path();
        let as_it_is = |body| Encoded { path, body, dropped: Dropped::new() };
        match (&self.places, account.speaks) {
            (Places::Chat(places), Api::Chat) => {
                Ok(as_it_is(places.rewrite(&self.body, &self.facts, account.model, additions)))
            }
            (Places::Messages(places), Api::Messages) => {
                Ok(as_it_is(places.rewrite(&self.body, &self.facts, account.model)))
            }
            (_, to) => {
                let Written { body, dropped } = self.translate(to, account)?;
                Ok(Encoded { path, body, dropped })
            }
        }
    }

    /// Whether it must be translated for an account that speaks `to`, which takes time with its length.
    pub fn is_translated(&self, to: Api) -> bool {
        self.api() != to
    }

    fn translate(&self, to: Api, account: &Account<'_>) -> Result<Written, Unsayable> {
        let Account { row, model, max_output_tokens, mark, .. } = *account;
        let (chat, written) = (self.chat()?, To { row, model, max_output_tokens, account: mark });
        match to {
            Api::Chat => openai::write(chat, &written),
            Api::Messages => anthropic::write(chat, &written),
        }
    }

    /// What it asks, whatever its API.
    fn chat(&self) -> Result<&Chat, Unsayable> {
        let chat = self.chat.get_or_init(|| {
            let chat = match self.places {
                Places::Chat(_) => openai::read_chat(&self.body),
                Places::Messages(_) => anthropic::read_chat(&self.body),
            };
            Arc::new(chat.map_err(Unsayable::from))
        });
        chat.as_ref().as_ref().map_err(Clone::clone)
    }

    /// How the answer of `account` becomes this caller's.
    pub fn reading(&self, account: &Account<'_>, envelope: Envelope<'_>) -> Reading {
        let Account { row, context_window, speaks, .. } = *account;
        if self.api() == speaks {
            return Reading::Through(Through::new(speaks, &self.facts, row, context_window));
        }
        let answering = self.answering(account, envelope);
        let stream = self.facts.stream;
        Reading::Translated(Box::new(Translated::new(speaks, row, context_window, stream, answering)))
    }

    fn answering(&self, account: &Account<'_>, envelope: Envelope<'_>) -> Answering {
        let most = match account.speaks {
            Api::Chat => OPENAI_NAME,
            Api::Messages => anthropic::NAME,
        };
        Answering {
            api: self.api(),
            id: match self.api() {
                Api::Chat => format!("{}{}", openai::ID, envelope.id),
                Api::Messages => format!("{}{}", anthropic::ID, envelope.id),
            },
            created: envelope.created,
            model: Text::new(account.model),
            includes_usage: self.facts.includes_usage,
            asked_bytes: self.facts.text_bytes,
            account: account.mark.to_owned(),
            names: Arc::new(self.chat().map(|chat| Names::of(chat, most)).unwrap_or_default()),
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
        self.chat = OnceLock::new();
    }
}
