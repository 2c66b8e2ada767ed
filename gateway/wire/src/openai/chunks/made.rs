//! Answers made up for tests, as the events that a decoder says.

use crate::hub::{Event, Finish, Reason};
use crate::json::text::Text;
use crate::usage::Counted;
use proptest::prelude::*;
use weir_config::Usage;

/// One block of an answer.
#[derive(Debug, Clone)]
pub(super) enum Block {
    Text(Vec<String>),
    Refusal(Vec<String>),
    Thinking(Vec<String>, Option<String>),
    Redacted(String),
    Call { id: Option<String>, name: String, arguments: Vec<String> },
}

/// A whole one.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) blocks: Vec<Block>,
    pub(super) reason: Option<Reason>,
    pub(super) explanation: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) tier: Option<&'static str>,
}

/// The pieces as texts.
fn texts(pieces: &[String]) -> impl Iterator<Item = Text> {
    pieces.iter().map(|piece| Text::new(piece))
}

fn text(text: Option<&String>) -> Option<Text> {
    text.map(|text| Text::new(text))
}

impl Answer {
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Start { id: Some(Text::new("msg_1")), model: None }];
        events.extend(self.tier.map(|tier| Event::Tier(Text::new(tier))));
        let mut calls = 0;
        for block in &self.blocks {
            match block {
                Block::Text(pieces) => events.extend(texts(pieces).map(Event::Text)),
                Block::Refusal(pieces) => events.extend(texts(pieces).map(Event::Refusal)),
                Block::Thinking(pieces, signature) => {
                    events.extend(texts(pieces).map(Event::Thinking));
                    events.extend(text(signature.as_ref()).map(Event::Signature));
                }
                Block::Redacted(data) => events.push(Event::Redacted(Text::new(data))),
                Block::Call { id, name, arguments } => {
                    events.push(Event::Call { call: calls, id: text(id.as_ref()), name: Text::new(name) });
                    events.extend(texts(arguments).map(|json| Event::Arguments { call: calls, json }));
                    calls += 1;
                }
            }
            events.push(Event::BlockEnd);
        }
        let finish = |reason| Finish {
            reason,
            native: Some(Text::new("native \"word\"")),
            stop_sequence: None,
            explanation: text(self.explanation.as_ref()),
        };
        events.extend(self.reason.map(finish).map(Event::Finish));
        let counted = |usage| Counted { usage, input: true, output: true };
        events.extend(self.usage.map(counted).map(Event::Usage));
        events
    }

    /// All text of one kind.
    pub(super) fn said(&self, wanted: fn(&Block) -> Option<&Vec<String>>) -> String {
        self.blocks.iter().filter_map(wanted).flatten().map(String::as_str).collect()
    }
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ -~é\\n\\u{1}😀]{0,5}", 0..4)
}

pub(super) fn any_answer() -> impl Strategy<Value = Answer> {
    let block = prop_oneof![
        pieces().prop_map(Block::Text),
        pieces().prop_map(Block::Refusal),
        (pieces(), prop::option::of("[a-zA-Z+/=]{1,6}"))
            .prop_map(|(texts, mark)| Block::Thinking(texts, mark)),
        "[a-zA-Z+/=]{1,6}".prop_map(Block::Redacted),
        (prop::option::of("[a-z_]{1,6}"), "[a-z]{1,5}", pieces())
            .prop_map(|(id, name, arguments)| Block::Call { id, name, arguments }),
    ];
    let reasons = [None, Some(Reason::Stop), Some(Reason::Length), Some(Reason::Calls), Some(Reason::Filter)];
    let counts = (0..9_000_u64, 0..9_000_u64, 0..9_000_u64, 0..9_000_u64, 0..9_000_u64);
    let usage = counts.prop_map(|(input, cache_read, cache_write, output, reasoning)| Usage {
        input,
        cache_read,
        cache_write,
        cache_write_1h: 7,
        output,
        reasoning,
    });
    (
        prop::collection::vec(block, 0..7),
        prop::sample::select(reasons.to_vec()),
        prop::option::of("[ -~]{1,9}"),
        prop::option::of(usage),
        prop::sample::select(vec![None, Some("standard"), Some("priority"), Some("batch")]),
    )
        .prop_map(|(blocks, reason, explanation, usage, tier)| Answer {
            blocks,
            reason,
            explanation,
            usage,
            tier,
        })
}
