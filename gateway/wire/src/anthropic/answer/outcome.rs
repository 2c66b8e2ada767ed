//! Why a message ended, and what it used.

use super::blocks::{Block, Kind, Piece};
use crate::hub::{Event, Finish, Reason};
use crate::json::text::Text;
use crate::usage::Counted;
use weir_config::Usage;

/// So many bytes of a refusal's words are told again as its explanation.
const MOST_EXPLANATION: usize = 4 << 10;

/// What is told at the end.
#[derive(Default)]
pub(super) struct Outcome {
    finish: Option<Finish>,
    counted: Counted,
    estimate: Counted,
    tier: Option<Text>,
    /// The words of a refusal.
    refusal: Vec<Text>,
    refusal_bytes: usize,
    refused: bool,
    /// A tool is called.
    calls: bool,
    /// A call has not all of its arguments.
    is_cut: bool,
}

/// Why a message ended, in the words of Messages.
pub(super) struct Stop<'a> {
    pub(super) reason: &'static str,
    pub(super) sequence: Option<&'a Text>,
    /// What explains a refusal; `None`: it is none.
    pub(super) refusal: Option<&'a [Text]>,
}

impl Outcome {
    /// Takes what is no content; whether it was none.
    pub(super) fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Finish(finish) => {
                let apart = |text: &Option<Text>| text.as_ref().map(Text::apart);
                self.finish = Some(Finish {
                    reason: finish.reason,
                    native: None,
                    stop_sequence: apart(&finish.stop_sequence),
                    explanation: apart(&finish.explanation),
                });
            }
            Event::Usage(counted) => self.counted = *counted,
            Event::Tier(tier) => self.tier = Some(tier.apart()),
            Event::Refusal(words) => {
                self.refused |= !words.is_empty();
                self.refusal_bytes += words.len();
                if self.refusal_bytes <= MOST_EXPLANATION {
                    self.refusal.push(words.apart());
                }
                return false;
            }
            _ => return false,
        }
        true
    }

    pub(super) fn estimate(&mut self, counted: Counted) {
        self.estimate = counted;
    }

    /// Takes a block that is written; `is_last`: nothing more comes, and none follows. What is to be written of it
    /// yet: a call without arguments has none, unless the answer was cut off before they began.
    pub(super) fn take_block(&mut self, block: &Block, is_last: bool) -> Option<Piece> {
        let Kind::Call { arguments, .. } = &block.kind else { return None };
        self.calls = true;
        let may_be_cut = is_last && self.reason() == Reason::Length;
        self.is_cut |= (arguments.has_begun() || may_be_cut) && !arguments.is_whole();
        (!arguments.has_begun() && !may_be_cut).then(|| Piece::Arguments(Text::new("{}")))
    }

    fn reason(&self) -> Reason {
        self.finish.as_ref().map_or(Reason::Stop, |finish| finish.reason)
    }

    /// Calls decide, whatever the vendor says: agents stall or loop otherwise. But where one was cut off, that is why.
    pub(super) fn stop(&self) -> Stop<'_> {
        let finish = self.finish.as_ref();
        let reason = match self.reason() {
            Reason::Length if !self.calls || self.is_cut => "max_tokens",
            Reason::Filter if !self.calls || self.is_cut => "refusal",
            _ if self.calls => "tool_use",
            _ if self.refused => "refusal",
            _ if finish.is_some_and(|finish| finish.stop_sequence.is_some()) => "stop_sequence",
            _ => "end_turn",
        };
        let sequence = finish.and_then(|finish| finish.stop_sequence.as_ref());
        let explanation = finish.and_then(|finish| finish.explanation.as_ref()).map(std::slice::from_ref);
        Stop {
            reason,
            sequence: sequence.filter(|_| reason == "stop_sequence"),
            refusal: (reason == "refusal").then(|| explanation.unwrap_or(&self.refusal)),
        }
    }

    /// What was used: each side as its vendor counted it, else as we do.
    pub(super) fn usage(&self) -> Usage {
        let (told, ours) = (self.counted, self.estimate);
        let input = if told.input { told.usage } else { ours.usage };
        let output = if told.output { told.usage } else { ours.usage };
        Usage { output: output.output, reasoning: output.reasoning, ..input }
    }

    /// The service tier, in the words of Messages. Of most vendors' tiers it knows nothing, and SDKs read no others.
    pub(super) fn tier(&self) -> Option<&'static str> {
        match &*self.tier.as_ref()?.said() {
            "default" | "standard" => Some("standard"),
            "priority" => Some("priority"),
            "batch" => Some("batch"),
            _ => None,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.refusal.iter().map(Text::len).sum()
    }
}
