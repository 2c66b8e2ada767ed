//! What is said on the wire: requests, answers, server-sent events, vendors' errors.
//!
//! Pure: bytes in, bytes out, and the time is an argument. It opens no connection, knows no route and no key,
//! and decides nothing but what bytes mean. Where both sides speak the same [`Api`] the caller's and the
//! vendor's bytes pass through (semantics S2.7); what is read of them is read in place.
//!
//! # The seam
//! The gateway names what this page lists, and no API's own folder. [`Asked`] is a caller's request, whatever its API.
//! It is [encoded](Asked::encode) for an account, once for each attempt, and says how that account's answer is
//! [read](Asked::reading). A [`Reading`] is the answer, unary or a stream: bytes go in, bytes for the caller come out.
//!
//! ```
//! use weir_wire::{Account, Additions, Api, Asked, Envelope, StreamEnd};
//! # use weir_config::{UnixSeconds, Vendor};
//! let body = r#"{"model":"public","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
//! let asked = Asked::read(Api::Chat, body.into())?;
//! assert_eq!(asked.facts().model, "public");
//!
//! // To an account that speaks the same API: the caller's bytes, but for what is rewritten.
//! let account = Account::new(Api::Chat, Vendor::OpenAI.row(), "upstream");
//! let encoded = asked.encode(&account, Additions::default())?;
//! assert_eq!(encoded.path, "/chat/completions");
//! assert_eq!(encoded.body.concat(), body.replace("public", "upstream").as_bytes());
//!
//! // And its answer, as it comes.
//! let now = UnixSeconds(1_780_000_000);
//! let mut reading = asked.reading(&account, Envelope { id: "1", created: now });
//! let event = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n";
//! assert_eq!(reading.feed(event.into(), now), event);
//! assert!(reading.is_committed() && reading.failure().is_none());
//! assert_eq!(reading.end(now).end, StreamEnd::Complete);
//!
//! // To one that speaks another API: written anew.
//! let account = Account::new(Api::Messages, Vendor::Anthropic.row(), "upstream");
//! assert_eq!(asked.encode(&account, Additions::default())?.path, "/messages");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where a dialect is added
//! 1. A variant of [`Api`]. The compiler then asks for an arm in each place below, and nowhere in the gateway.
//! 2. A folder beside `openai/` with the dialect's own words: which fields of a request are read, what errors, pings and
//!    counts look like.
//! 3. Its requests: how they are read into the hub's `Chat` and written from it, and, in `asked.rs`, what is rewritten
//!    where both sides speak it.
//! 4. Its answers: how they are decoded into the hub's `Event`s and written from them (`translated/`), and a form in
//!    `through/` where both sides speak it. Nothing is written for a pair of dialects.
//!
//! What serves all of them lies in `failure/`, `json/`, `sse/`, `sanitise/`, `media.rs` and `usage.rs`.

mod anthropic;
mod api;
mod asked;
mod failure;
mod hub;
mod json;
mod listed;
mod media;
mod models;
mod openai;
mod reading;
mod reply;
mod sanitise;
pub mod sse;
mod through;
mod translated;
mod usage;
mod words;

pub use api::Api;
pub use asked::{Account, Additions, Asked, BadRequest, Encoded, Envelope, Facts, Pieces};
pub use failure::failure;
pub use hub::{Dropped, Unsayable};
pub use json::Brief;
pub use json::scan::Position;
pub use listed::Listed;
pub use openai::{Gist, GistReader};
pub use reading::{AnswerFacts, Ending, Reading, StreamEnd, Whole};
pub use reply::{Events, Reply};
pub use sanitise::Withheld;
pub use usage::{BYTES_PER_TOKEN, Counted, most_tokens};
pub use words::Words;
