//! What an answer used and what it cost, put into the request's event.

use crate::attempt::Whole;
use crate::call::Call;
use crate::flow::Flow;
use weir_config::Model;
use weir_wire::{Counted, most_tokens};

/// Bytes per token where nobody told us: the usual rule of thumb for English text.
const BYTES_PER_TOKEN: u64 = 4;

/// What is known of an answer's usage.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// What the vendor has counted so far.
    told: Option<Counted>,
    /// And counts no further.
    is_final: bool,
    /// Roughly how many bytes of text were seen.
    output_bytes: u64,
}

/// Books a flow that has ended, one way or another.
pub(crate) fn settle(call: &mut Call, flow: &Flow) {
    let reading = &flow.reading;
    let known = Known {
        told: reading.usage(),
        is_final: reading.is_finished(),
        output_bytes: reading.output_bytes(),
    };
    book(call, &flow.model, known);
}

/// Books a whole answer.
pub(crate) fn settle_whole(call: &mut Call, whole: &Whole) {
    let known = Known { told: whole.facts.usage, is_final: true, output_bytes: whole.facts.output_bytes };
    book(call, &whole.model, known);
}

/// Books a request that was sent and not answered yet: it is billed, most likely.
pub(crate) fn settle_sent(call: &mut Call, model: &Model) {
    book(call, model, Known::default());
}

/// Books nothing after all: the attempt is over, and what it brought is booked by whoever goes on with it.
pub(crate) fn unsettle(call: &mut Call) {
    let event = &mut call.recorder.event;
    (event.usage, event.assumed, event.cost) = (None, false, None);
}

/// What the vendor counted, if it can be true (semantics S4.1); what it did not is estimated, and the whole flagged.
/// Also an estimate is at most what the model has room for.
fn book(call: &mut Call, model: &Model, known: Known) {
    let told = known.told.unwrap_or_default().believed(model.context_window);
    let most = most_tokens(model.context_window);
    let mut usage = told.usage;
    if !told.input {
        usage.input = call.request.facts().text_bytes.div_ceil(BYTES_PER_TOKEN).min(most);
        usage.cache_read = 0;
    }
    let output = known.output_bytes.div_ceil(BYTES_PER_TOKEN).min(most);
    if !told.output {
        (usage.output, usage.reasoning) = (output, 0);
    } else if !known.is_final {
        // Some vendors count along: what they said before it broke off is the least that it was.
        usage.output = usage.output.max(output.saturating_sub(usage.reasoning));
    }
    let event = &mut call.recorder.event;
    event.usage = Some(usage);
    event.assumed = !(told.input && told.output && known.is_final);
    event.cost = model.prices.map(|prices| prices.charge(&usage));
}
