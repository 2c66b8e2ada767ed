//! OpenAI chat completions, written by hand from OpenAI's recordings: the one unary body and the frames of a
//! stream. It decides shapes only; pacing, splitting and failures are `Answer`'s.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Body;
use crate::pieces::{self, JSON_PIECE};
use crate::{Answer, Seen};

/// Tokens as OpenAI counts them: totals include the cached and the reasoning ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// `prompt_tokens`, cached ones included.
    pub prompt: u64,
    /// `completion_tokens`, reasoning included.
    pub completion: u64,
    /// `prompt_tokens_details.cached_tokens`.
    pub cached: u64,
    /// `completion_tokens_details.reasoning_tokens`.
    pub reasoning: u64,
}

impl Usage {
    /// Usage without cached or reasoning tokens.
    pub fn new(prompt: u64, completion: u64) -> Self {
        Self { prompt, completion, cached: 0, reasoning: 0 }
    }

    fn json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning, "audio_tokens": 0},
        })
    }
}

/// When a stream carries its usage chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Only if the request has `stream_options.include_usage`, as OpenAI does it.
    Asked,
    /// In every stream.
    Always,
    /// In none, as some self-hosted servers do it.
    Never,
}

/// Unary or stream, of either API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the request's `stream` says.
    AsAsked,
    /// One JSON body, whatever was asked.
    Unary,
    /// An event stream, whatever was asked.
    Stream,
}

impl Form {
    pub(crate) fn is_stream(self, seen: &Seen) -> bool {
        match self {
            Self::AsAsked => seen.stream(),
            Self::Unary => false,
            Self::Stream => true,
        }
    }
}

/// How lines of a stream end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
    /// `\r`
    Cr,
}

/// A call of a tool: its name, and its arguments as the pieces of JSON that a stream has.
#[derive(Debug, Clone)]
struct Call {
    name: String,
    arguments: Vec<String>,
}

/// A chat completion. [`Chat::answer`] makes an [`Answer`] of it.
#[derive(Debug, Clone)]
pub struct Chat {
    pieces: Vec<String>,
    reasoning: Option<String>,
    calls: Vec<Call>,
    model: Option<String>,
    finish: Option<String>,
    usage: Option<Usage>,
    usage_in_stream: When,
    form: Form,
    line_end: LineEnd,
    done: bool,
    error_after: Option<(usize, Value)>,
}

impl Chat {
    /// One text delta (or a unary message) with this text, usage 9 in and 12 out, finish `stop`.
    pub fn says(text: impl Into<String>) -> Self {
        Self::pieces([text])
    }

    /// A text delta for each piece; a unary message has them joined.
    pub fn pieces<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self {
            pieces: pieces.into_iter().map(Into::into).collect(),
            reasoning: None,
            calls: Vec::new(),
            model: None,
            finish: Some("stop".into()),
            usage: Some(Usage::new(9, 12)),
            usage_in_stream: When::Asked,
            form: Form::AsAsked,
            line_end: LineEnd::Lf,
            done: true,
            error_after: None,
        }
    }

    /// No text at all: `content` is null, as where a model only calls tools.
    pub fn empty() -> Self {
        Self::pieces(Vec::<String>::new())
    }

    /// Reasoning before the text, in `reasoning_content` as DeepSeek's API has it; OpenAI's tells none.
    pub fn reasoning(mut self, text: impl Into<String>) -> Self {
        self.reasoning = Some(text.into());
        self
    }

    /// Calls a tool, after the text, with these arguments (JSON, as text); finish becomes `tool_calls`. The id is
    /// `call_` with the request's number and the call's.
    pub fn calls(self, name: impl Into<String>, arguments: &str) -> Self {
        self.calls_in(name, pieces::of(arguments, JSON_PIECE))
    }

    /// The same, with the arguments' pieces as a stream is to have them.
    pub fn calls_in<T: Into<String>>(
        mut self,
        name: impl Into<String>,
        arguments: impl IntoIterator<Item = T>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.calls.push(Call { name: name.into(), arguments });
        self.finish = Some("tool_calls".into());
        self
    }

    /// So many text deltas in place of the text: `t0 `, `t1 ` and so on.
    pub fn events(mut self, deltas: usize) -> Self {
        self.pieces = (0..deltas).map(|n| format!("t{n} ")).collect();
        self
    }

    /// The `model` of the answer; by default the one that was asked for.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The finish reason; `None` sends a stream without a finish chunk.
    pub fn finish(mut self, reason: Option<&str>) -> Self {
        self.finish = reason.map(Into::into);
        self
    }

    /// The tokens to report; `None` leaves usage out everywhere.
    pub fn usage(mut self, usage: Option<Usage>) -> Self {
        self.usage = usage;
        self
    }

    /// When a stream has a usage chunk.
    pub fn usage_in_stream(mut self, when: When) -> Self {
        self.usage_in_stream = when;
        self
    }

    /// Unary or stream, whatever the request says.
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Line ends of the stream.
    pub fn line_end(mut self, line_end: LineEnd) -> Self {
        self.line_end = line_end;
        self
    }

    /// Leaves out `data: [DONE]`.
    pub fn without_done(mut self) -> Self {
        self.done = false;
        self
    }

    /// After so many events of the stream comes `data: {"error": error}`, and then nothing but its end.
    pub fn error_after(mut self, events: usize, error: Value) -> Self {
        self.error_after = Some((events, error));
        self
    }

    /// The answer that carries it.
    pub fn answer(self) -> Answer {
        Answer::with(200, Body::Chat(Box::new(self)))
    }

    pub(crate) fn is_stream(&self, seen: &Seen) -> bool {
        self.form.is_stream(seen)
    }

    pub(crate) fn unary(&self, seen: &Seen) -> Bytes {
        let text = (!self.pieces.is_empty()).then(|| self.pieces.concat());
        let mut message = json!({"role": "assistant", "content": text, "refusal": null});
        if let Some(reasoning) = &self.reasoning {
            set(&mut message, "reasoning_content", json!(reasoning));
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().enumerate();
            let calls = calls.map(|(index, call)| call.json(seen, index, &call.arguments.concat()));
            set(&mut message, "tool_calls", calls.collect());
        }
        let mut body = json!({
            "id": id(seen), "object": "chat.completion", "created": 1_700_000_000, "model": self.model_of(seen),
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish}],
        });
        if let (Some(usage), Some(fields)) = (self.usage, body.as_object_mut()) {
            fields.insert("usage".into(), usage.json());
        }
        body.to_string().into()
    }

    pub(crate) fn frames(&self, seen: &Seen) -> Vec<Bytes> {
        let with_usage = match self.usage_in_stream {
            When::Asked => seen.asks_usage(),
            When::Always => true,
            When::Never => false,
        };
        let usage = self.usage.filter(|_| with_usage);
        let deltas = self.deltas(seen).into_iter();
        let mut chunks: Vec<_> = deltas.map(|delta| self.chunk(seen, delta, None, usage.is_some())).collect();
        if let Some(reason) = &self.finish {
            chunks.push(self.chunk(seen, json!({}), Some(reason), usage.is_some()));
        }
        if let Some(usage) = usage {
            let mut last = self.envelope(seen, json!([]));
            set(&mut last, "usage", usage.json());
            chunks.push(last);
        }
        let mut frames: Vec<String> = chunks.iter().map(Value::to_string).collect();
        if self.done {
            frames.push("[DONE]".into());
        }
        if let Some((events, error)) = &self.error_after {
            frames.truncate(*events);
            frames.push(json!({ "error": error }).to_string());
        }
        frames.into_iter().map(|data| self.frame(&data)).collect()
    }

    /// Role, reasoning, text, calls: a call's first delta has its id and name, those that follow its arguments.
    fn deltas(&self, seen: &Seen) -> Vec<Value> {
        let text = (!self.pieces.is_empty() || self.calls.is_empty()).then_some("");
        let mut deltas = vec![json!({"role": "assistant", "content": text})];
        deltas.extend(self.reasoning.iter().map(|text| json!({"reasoning_content": text})));
        deltas.extend(self.pieces.iter().map(|text| json!({"content": text})));
        for (index, call) in self.calls.iter().enumerate() {
            let mut first = call.json(seen, index, "");
            set(&mut first, "index", json!(index));
            deltas.push(json!({"tool_calls": [first]}));
            let piece = |text| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
            deltas.extend(call.arguments.iter().map(piece));
        }
        deltas
    }

    /// While usage is promised, all chunks but the last say `usage: null`, as OpenAI's do.
    fn chunk(&self, seen: &Seen, delta: Value, finish: Option<&str>, usage_is_null: bool) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let mut chunk = self.envelope(seen, json!([choice]));
        if usage_is_null {
            set(&mut chunk, "usage", Value::Null);
        }
        chunk
    }

    fn envelope(&self, seen: &Seen, choices: Value) -> Value {
        json!({
            "id": id(seen), "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": self.model_of(seen), "choices": choices,
        })
    }

    fn frame(&self, data: &str) -> Bytes {
        let end = match self.line_end {
            LineEnd::Lf => "\n",
            LineEnd::CrLf => "\r\n",
            LineEnd::Cr => "\r",
        };
        format!("data: {data}{end}{end}").into()
    }

    fn model_of(&self, seen: &Seen) -> String {
        self.model.clone().or_else(|| seen.model()).unwrap_or_else(|| "unnamed".into())
    }
}

impl Call {
    fn json(&self, seen: &Seen, index: usize, arguments: &str) -> Value {
        let function = json!({"name": self.name, "arguments": arguments});
        json!({"id": format!("call_{}_{index}", seen.number), "type": "function", "function": function})
    }
}

fn id(seen: &Seen) -> String {
    format!("chatcmpl-{}", seen.number)
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.into(), value);
    }
}

impl From<Chat> for Answer {
    fn from(chat: Chat) -> Self {
        chat.answer()
    }
}
