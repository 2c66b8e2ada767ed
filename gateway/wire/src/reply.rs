//! Answers of the gateway's own making: the vendor Mock's. It speaks one API; callers of others get them translated, as
//! any vendor's.

mod content;

pub use content::Reply;

use crate::api::Api;
use crate::openai;
use bytes::Bytes;

impl Reply {
    /// What answers are in.
    pub const API: Api = Api::Chat;

    /// As the body of a unary answer.
    pub fn whole(&self) -> Bytes {
        openai::whole(self)
    }

    /// As the events of a stream, a word each.
    pub fn events(self) -> Events {
        Events { reply: self, next: Some(openai::Step::Role) }
    }
}

/// The events of a stream, each made when it is taken: all that is held is what they say.
#[derive(Debug)]
pub struct Events {
    reply: Reply,
    next: Option<openai::Step>,
}

impl Events {
    /// Whether all have been taken.
    pub fn is_over(&self) -> bool {
        self.next.is_none()
    }
}

impl Iterator for Events {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let (event, next) = openai::event_at(&self.reply, self.next.take()?);
        self.next = next;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, Envelope};
    use std::borrow::Cow;
    use weir_config::{UnixSeconds, Usage};

    fn reply(text: &'static str) -> Reply {
        let usage = Usage { input: 5, cache_read: 2, output: 3, reasoning: 1, ..Usage::default() };
        let text = Cow::Borrowed(text);
        Reply { id: "x-1".to_owned(), created: UnixSeconds(7), model: "m".to_owned(), text, usage }
    }

    #[test]
    fn s9_3_events_are_made_as_they_are_taken() {
        let mut events = reply("one two").events();
        let mut taken = Vec::new();
        while !events.is_over() {
            assert_eq!(events.reply, reply("one two"), "nothing but what is said is held");
            taken.extend(events.next());
        }
        assert_eq!(taken.len(), 6, "role, two words, finish, usage, end");
        assert_eq!(events.next(), None);
    }

    #[test]
    fn what_a_reply_says_is_read_as_any_vendors() {
        let asked = |stream: bool| {
            let body =
                format!(r#"{{"model":"m","stream":{stream},"stream_options":{{"include_usage":true}}}}"#);
            crate::Asked::read(Api::Chat, body.into()).unwrap()
        };
        let envelope = Envelope { id: "1", created: UnixSeconds(0) };
        let account = Account::new(Reply::API, weir_config::Vendor::Mock.row(), "m");
        let usage = crate::Counted { usage: reply("").usage, input: true, output: true };
        let whole = asked(false).reading(&account, envelope).whole(&reply("a b").whole(), UnixSeconds(0));
        assert_eq!(whole.unwrap().facts.usage, Some(usage));
        let mut reading = asked(true).reading(&account, envelope);
        for event in reply("a b").events() {
            assert_eq!(reading.feed(event.clone(), UnixSeconds(0)), event);
        }
        assert_eq!((reading.usage(), reading.output_bytes(), reading.done_seen()), (Some(usage), 3, true));
    }
}
