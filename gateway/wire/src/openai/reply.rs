//! Answers and chunks as OpenAI writes them.

use crate::reply::Reply;
use bytes::Bytes;
use serde_json::{Value, json};
use weir_config::Usage;

/// Which event of a stream is next; a word by where it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Role,
    Word(usize),
    Usage,
    Done,
}

/// A whole answer.
pub(crate) fn whole(reply: &Reply) -> Bytes {
    let choice = json!({
        "index": 0, "logprobs": null, "finish_reason": "stop",
        "message": {"role": "assistant", "content": reply.text, "refusal": null},
    });
    body(reply, "chat.completion", json!([choice]), usage(reply)).to_string().into()
}

/// An event of the stream, and which one follows.
pub(crate) fn event_at(reply: &Reply, step: Step) -> (Bytes, Option<Step>) {
    match step {
        Step::Role => {
            let delta = json!({"role": "assistant", "content": ""});
            (chunk(reply, delta, None), Some(Step::Word(0)))
        }
        Step::Word(at) => match reply.text.get(at..).and_then(|rest| rest.split_inclusive(' ').next()) {
            Some(word) => (chunk(reply, json!({"content": word}), None), Some(Step::Word(at + word.len()))),
            None => (chunk(reply, json!({}), Some("stop")), Some(Step::Usage)),
        },
        Step::Usage => (event(reply, json!([]), usage(reply)), Some(Step::Done)),
        Step::Done => (Bytes::from_static(b"data: [DONE]\n\n"), None),
    }
}

fn chunk(reply: &Reply, delta: Value, finish_reason: Option<&str>) -> Bytes {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
    event(reply, json!([choice]), Value::Null)
}

fn event(reply: &Reply, choices: Value, usage: Value) -> Bytes {
    format!("data: {}\n\n", body(reply, "chat.completion.chunk", choices, usage)).into()
}

fn body(reply: &Reply, object: &str, choices: Value, usage: Value) -> Value {
    json!({
        "id": format!("chatcmpl-{}", reply.id), "object": object, "created": reply.created.0,
        "model": reply.model, "choices": choices, "usage": usage,
    })
}

fn usage(reply: &Reply) -> Value {
    let Usage { cache_read, output, reasoning, .. } = reply.usage;
    let (prompt, completion) = (reply.usage.all_input(), output + reasoning);
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cache_read},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    })
}
