//! What an attempt comes to, from what is known of its usage.

use super::call::Call;
use super::plan::Offer;
use crate::observe::Charge;
use std::sync::atomic::Ordering;
use weir_config::{Model, Usage};
use weir_wire::{AnswerFacts, BYTES_PER_TOKEN, Counted, Reading, most_tokens};

/// What is known of an answer's usage. Nothing at first, of a request that was sent and is not answered yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// What the vendor has counted so far.
    pub(crate) told: Option<Counted>,
    /// And counts no further.
    pub(crate) is_final: bool,
    /// Roughly how many bytes of text were seen.
    pub(crate) output_bytes: u64,
}

impl Known {
    /// Whether nothing was seen of an answer.
    pub(crate) fn is_nothing(&self) -> bool {
        self.told.is_none() && self.output_bytes == 0
    }

    /// Of an answer that is there whole.
    pub(crate) fn of_whole(facts: &AnswerFacts) -> Self {
        Self { told: facts.usage, is_final: true, output_bytes: facts.output_bytes }
    }

    /// Of an answer that is being read, as far as it has come.
    pub(crate) fn of(reading: &Reading) -> Self {
        Self { told: reading.usage(), is_final: reading.is_finished(), output_bytes: reading.output_bytes() }
    }
}

/// Notes what the attempt under way at `offer` comes to, by what is `known` of its answer.
pub(super) fn book(call: &mut Call, offer: &Offer, known: Known) {
    let asked = call.request.facts().text_bytes;
    if let Some(attempt) = &mut call.recorder.event.attempt {
        // Whoever answers has worked on the request, though some of it may be on its way yet.
        if !known.is_nothing() {
            attempt.sent.store(true, Ordering::Relaxed);
        }
        attempt.charge = Some(charge(&offer.model, asked, known));
    }
}

/// What the vendor counted, if it can be true (semantics S4.1); what it did not is estimated, and the whole flagged.
/// Also an estimate is at most what `model` has room for. `asked` is how many bytes of text the request has.
pub(crate) fn charge(model: &Model, asked: u64, known: Known) -> Charge {
    let told = known.told.unwrap_or_default().believed(model.context_window);
    let most = most_tokens(model.context_window);
    let mut usage = told.usage;
    if !told.input {
        let Usage { output, reasoning, .. } = usage;
        let input = asked.div_ceil(BYTES_PER_TOKEN).min(most);
        usage = Usage { input, output, reasoning, ..Usage::default() };
    }
    let output = known.output_bytes.div_ceil(BYTES_PER_TOKEN).min(most);
    if !told.output {
        (usage.output, usage.reasoning) = (output, 0);
    } else if !known.is_final {
        // Some vendors count along: what they said before it broke off is the least that it was.
        usage.output = usage.output.max(output.saturating_sub(usage.reasoning));
    }
    Charge {
        usage,
        assumed: !(told.input && told.output && known.is_final),
        cost: model.prices.map(|prices| prices.charge(&usage)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::TokenClass;

    #[test]
    fn s4_1_of_an_input_that_cannot_be_true_no_class_is_charged_beside_the_estimate() {
        let model = Model { context_window: Some(1_000), ..Model::unlisted("m") };
        let usage = Usage {
            input: 1,
            cache_read: 600,
            cache_write: 600,
            cache_write_1h: 600,
            output: 5,
            ..Usage::default()
        };
        let told = Some(Counted { usage, input: true, output: true });
        let charge = charge(&model, 400, Known { told, is_final: true, output_bytes: 20 });
        assert!(charge.assumed);
        let counted = TokenClass::ALL.map(|class| charge.usage.of(class));
        assert_eq!(counted, [100, 0, 0, 0, 5, 0]);
    }
}
