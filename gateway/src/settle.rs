//! What an answer used and what it cost, put into the request's event.

use crate::attempt::{Decoder, Flow, Whole};
use crate::call::Call;
use weir_config::{Model, Usage};

/// Bytes per token where nobody told us: the usual rule of thumb for English text.
const BYTES_PER_TOKEN: u64 = 4;

/// Books a flow that has ended, one way or another.
pub(crate) fn settle(call: &mut Call, flow: &Flow) {
    let (usage, output_bytes) = match &flow.decoder {
        Decoder::Events(stream) => (stream.usage(), stream.output_bytes()),
        Decoder::Opaque => (None, 0),
    };
    book(call, &flow.model, usage, output_bytes);
}

/// Books a whole answer.
pub(crate) fn settle_whole(call: &mut Call, whole: &Whole) {
    book(call, &whole.model, whole.usage, whole.output_bytes);
}

fn book(call: &mut Call, model: &Model, told: Option<Usage>, output_bytes: u64) {
    let usage = told.unwrap_or_else(|| Usage {
        input: (call.request.len() as u64).div_ceil(BYTES_PER_TOKEN),
        output: output_bytes.div_ceil(BYTES_PER_TOKEN),
        ..Usage::default()
    });
    let event = &mut call.recorder.event;
    event.usage = Some(usage);
    event.assumed = told.is_none();
    event.cost = model.prices.map(|prices| prices.charge(&usage));
}
