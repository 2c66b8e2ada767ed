//! What an answer used and what it cost, put into the request's event.

use crate::attempt::{Decoder, Flow, Whole};
use crate::call::Call;
use weir_config::{Model, Usage};

/// Bytes per token where nobody told us: the usual rule of thumb for English text.
const BYTES_PER_TOKEN: u64 = 4;

/// What is known of an answer's usage.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// What the vendor has counted so far.
    told: Option<Usage>,
    /// And counts no further.
    is_final: bool,
    /// Roughly how many bytes of text were seen.
    output_bytes: u64,
}

/// Books a flow that has ended, one way or another.
pub(crate) fn settle(call: &mut Call, flow: &Flow) {
    let known = match &flow.decoder {
        Decoder::Events(stream) => {
            Known { told: stream.usage(), is_final: stream.finished(), output_bytes: stream.output_bytes() }
        }
        Decoder::Opaque(passed) => {
            Known { told: passed.usage(), is_final: true, output_bytes: passed.bytes() }
        }
    };
    book(call, &flow.model, known);
}

/// Books a whole answer.
pub(crate) fn settle_whole(call: &mut Call, whole: &Whole) {
    book(call, &whole.model, Known { told: whole.usage, is_final: true, output_bytes: whole.output_bytes });
}

/// Books a request that was sent and not answered yet: it is billed, most likely.
pub(crate) fn settle_sent(call: &mut Call, model: &Model) {
    book(call, model, Known { told: None, is_final: false, output_bytes: 0 });
}

/// Books nothing after all: the attempt is over, and what it brought is booked by whoever goes on with it.
pub(crate) fn unsettle(call: &mut Call) {
    let event = &mut call.recorder.event;
    (event.usage, event.assumed, event.cost) = (None, false, None);
}

fn book(call: &mut Call, model: &Model, known: Known) {
    let estimate = Usage {
        input: (call.request.len() as u64).div_ceil(BYTES_PER_TOKEN),
        output: known.output_bytes.div_ceil(BYTES_PER_TOKEN),
        ..Usage::default()
    };
    let usage = match known.told {
        Some(told) if known.is_final => told,
        // Some vendors count along: what they said before it broke off is the least that it was.
        Some(told) => {
            Usage { output: told.output.max(estimate.output.saturating_sub(told.reasoning)), ..told }
        }
        None => estimate,
    };
    let event = &mut call.recorder.event;
    event.usage = Some(usage);
    event.assumed = known.told.is_none() || !known.is_final;
    event.cost = model.prices.map(|prices| prices.charge(&usage));
}
