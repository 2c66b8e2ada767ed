//! The frames of a stream, and the message that a unary answer is.

use super::blocks::{Block, Blocks, Kind, Piece};
use super::outcome::Outcome;
use crate::json::scan;
use crate::json::text::{Json, Text};
use crate::json::write::Writer;

fn end(out: &mut Writer) {
    out.raw(b"\n\n");
}

pub(super) fn message_start(id: &str, model: &Text, outcome: &Outcome, out: &mut Writer) {
    out.begin(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    out.open('{');
    head(id, model, out);
    out.key("content");
    out.open('[');
    out.close(']');
    out.raw(b",\"stop_reason\":null,\"stop_sequence\":null");
    usage(outcome, out);
    out.raw(b"}}");
    end(out);
}

/// What is known of a message from its beginning.
fn head(id: &str, model: &Text, out: &mut Writer) {
    out.key("id");
    out.string(id);
    out.raw(b",\"type\":\"message\",\"role\":\"assistant\"");
    out.key("model");
    out.text(model);
}

pub(super) fn block_start(at: u64, block: &Block, out: &mut Writer) {
    out.begin(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    out.number(at);
    out.raw(b",\"content_block\":");
    match &block.kind {
        Kind::Text => out.raw(b"{\"type\":\"text\",\"text\":\"\"}"),
        Kind::Thinking => out.raw(b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
        Kind::Redacted { data } => redacted(data, out),
        Kind::Call { id, name, .. } => {
            call(id, name, out);
            out.raw(b"{}}");
        }
    }
    out.raw(b"}");
    end(out);
}

fn redacted(data: &Text, out: &mut Writer) {
    out.open('{');
    out.raw(b"\"type\":\"redacted_thinking\",\"data\":");
    out.text(data);
    out.close('}');
}

/// A call as far as its input.
fn call(id: &Text, name: &Text, out: &mut Writer) {
    out.open('{');
    out.raw(b"\"type\":\"tool_use\",\"id\":");
    out.text(id);
    out.key("name");
    out.text(name);
    out.key("input");
}

pub(super) fn delta(at: u64, piece: &Piece, out: &mut Writer) {
    out.begin(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    out.number(at);
    out.raw(match piece {
        Piece::Text(_) => b",\"delta\":{\"type\":\"text_delta\",\"text\":".as_slice(),
        Piece::Thinking(_) => b",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":",
        Piece::Signature(_) => b",\"delta\":{\"type\":\"signature_delta\",\"signature\":",
        Piece::Arguments(_) => b",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":",
    });
    out.text(piece.text());
    out.raw(b"}}");
    end(out);
}

pub(super) fn block_stop(at: u64, out: &mut Writer) {
    out.begin(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    out.number(at);
    out.raw(b"}");
    end(out);
}

pub(super) fn message_delta(outcome: &Outcome, out: &mut Writer) {
    out.begin(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":");
    out.open('{');
    stop(outcome, out);
    out.close('}');
    usage(outcome, out);
    out.raw(b"}");
    end(out);
}

pub(super) fn message_stop(out: &mut Writer) {
    out.begin(b"event: message_stop\ndata: {\"type\":\"message_stop\"}");
    end(out);
}

/// Why it ended.
fn stop(outcome: &Outcome, out: &mut Writer) {
    let stop = outcome.stop();
    out.key("stop_reason");
    out.string(stop.reason);
    out.key("stop_sequence");
    match stop.sequence {
        Some(sequence) => out.text(sequence),
        None => out.value(b"null"),
    }
    if let Some(explanation) = stop.refusal {
        out.raw(b",\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":");
        if explanation.is_empty() {
            out.value(b"null")
        } else {
            out.joined(explanation)
        }
        out.raw(b"}");
    }
}

/// What was used. Tokens that were read from or written to a cache are not in `input_tokens`; reasoning is in
/// `output_tokens`.
fn usage(outcome: &Outcome, out: &mut Writer) {
    let usage = outcome.usage();
    out.key("usage");
    out.open('{');
    for (key, count) in [
        ("input_tokens", usage.input),
        ("cache_creation_input_tokens", usage.cache_write.saturating_add(usage.cache_write_1h)),
        ("cache_read_input_tokens", usage.cache_read),
    ] {
        out.key(key);
        out.number(count);
    }
    out.key("cache_creation");
    out.open('{');
    out.key("ephemeral_5m_input_tokens");
    out.number(usage.cache_write);
    out.key("ephemeral_1h_input_tokens");
    out.number(usage.cache_write_1h);
    out.close('}');
    out.key("output_tokens");
    out.number(usage.output.saturating_add(usage.reasoning));
    if usage.reasoning > 0 {
        out.key("output_tokens_details");
        out.open('{');
        out.key("thinking_tokens");
        out.number(usage.reasoning);
        out.close('}');
    }
    if let Some(tier) = outcome.tier() {
        out.key("service_tier");
        out.string(tier);
    }
    out.close('}');
}

/// A whole message.
pub(super) fn message(id: &str, model: &Text, blocks: &mut Blocks, outcome: &mut Outcome, out: &mut Writer) {
    out.open('{');
    head(id, model, out);
    out.key("content");
    out.open('[');
    while let Some(block) = blocks.leave() {
        outcome.take_block(&block, blocks.is_empty());
        content(&block, out);
    }
    out.close(']');
    stop(outcome, out);
    usage(outcome, out);
    out.close('}');
}

fn content(block: &Block, out: &mut Writer) {
    let said = |is: fn(&Piece) -> bool| block.pieces.iter().filter(move |piece| is(piece)).map(Piece::text);
    match &block.kind {
        Kind::Text => {
            out.open('{');
            out.raw(b"\"type\":\"text\",\"text\":");
            out.joined(said(|_| true));
            out.close('}');
        }
        Kind::Thinking => {
            out.open('{');
            out.raw(b"\"type\":\"thinking\",\"thinking\":");
            out.joined(said(|piece| matches!(piece, Piece::Thinking(_))));
            out.key("signature");
            out.joined(said(|piece| matches!(piece, Piece::Signature(_))));
            out.close('}');
        }
        Kind::Redacted { data } => redacted(data, out),
        Kind::Call { id, name, arguments, .. } => {
            call(id, name, out);
            if arguments.has_begun() {
                input(said(|_| true), out);
            } else {
                out.value(b"{}");
            }
            out.close('}');
        }
    }
}

/// The arguments of a call, as they were said. What is no object, because it was cut off mostly, stands in one: there
/// Anthropic's page on fine-grained tool streaming puts invalid JSON.
fn input<'a>(pieces: impl Iterator<Item = &'a Text> + Clone, out: &mut Writer) {
    let said: String = pieces.clone().map(Text::said).collect();
    if scan::object(&said, &[]).is_ok() {
        return out.json(&Json::read(said.into()));
    }
    out.open('{');
    out.key("INVALID_JSON");
    out.joined(pieces);
    out.close('}');
}
