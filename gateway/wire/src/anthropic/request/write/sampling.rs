//! How an answer is drawn: what Anthropic takes of it depends on the model and on thinking.

use super::told::Told;
use crate::anthropic::model::Model;
use crate::hub::Chat;
use crate::json::text::Json;
use crate::json::write::Writer;

/// Writes what can be said of temperature, the other two and the words to stop at.
///
/// Sources: Anthropic's Messages reference (a temperature is 0 to 1), its page on extended thinking (with it no other
/// temperature than 1, no `top_k`, a `top_p` of at least 0.95), and its notes on the models since Opus 4.1 (temperature
/// or `top_p`) and 4.7 (neither).
pub(super) fn write(out: &mut Writer, chat: &Chat, model: Model, thinks: bool, told: &mut Told) {
    let temperature = chat.temperature.as_ref().filter(|json| number(json).is_some());
    let is_default = temperature.and_then(number) == Some(1.0);
    let free = model.samples && !thinks;
    let temperature = temperature.filter(|_| free || is_default && model.samples);
    if let Some(temperature) = temperature {
        out.key("temperature");
        if number(temperature).is_some_and(|number| number > 1.0) {
            told.once("temperature");
            out.value(b"1");
        } else {
            out.json(temperature);
        }
    } else if chat.temperature.is_some() && !is_default {
        told.once("temperature");
    }
    if let Some(top_p) = &chat.top_p {
        let least = if thinks { 0.95 } else { 0.0 };
        let top = number(top_p).unwrap_or(0.0);
        if model.samples && temperature.is_none() && top >= least {
            out.key("top_p");
            out.json(top_p);
        } else if top < 1.0 {
            told.once("top_p");
        }
    }
    if let Some(top_k) = &chat.top_k {
        if free {
            out.key("top_k");
            out.json(top_k);
        } else {
            told.once("top_k");
        }
    }
    stop(out, chat, told);
}

/// Anthropic refuses words of white space alone.
fn stop(out: &mut Writer, chat: &Chat, told: &mut Told) {
    let words: Vec<_> = chat.stop.iter().filter(|word| !word.is_blank()).collect();
    if words.len() < chat.stop.len() {
        told.once("stop");
    }
    if words.is_empty() {
        return;
    }
    out.key("stop_sequences");
    out.open('[');
    words.iter().for_each(|word| out.text(word));
    out.close(']');
}

fn number(json: &Json) -> Option<f64> {
    std::str::from_utf8(json.bytes()).ok()?.parse().ok()
}
