//! What is said of an answer as a whole, alike in its chunks and in one piece.

use crate::hub::{Finish, Reason};
use crate::json::text::Text;
use crate::json::write::Writer;
use crate::usage::Counted;
use weir_config::{UnixSeconds, Usage};

/// What is known by the end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) finish: Option<Finish>,
    pub(super) usage: Option<Counted>,
    /// In OpenAI's word.
    pub(super) tier: Option<&'static str>,
    /// The model's own words of a refusal came.
    pub(super) refuses: bool,
}

/// OpenAI's word for a tier, if it has one: SDKs read a closed set (its reference, "Chat completion object").
pub(super) fn tier(native: &Text) -> Option<&'static str> {
    match &*native.said() {
        "standard" | "default" => Some("default"),
        "priority" => Some("priority"),
        "flex" => Some("flex"),
        "scale" => Some("scale"),
        "auto" => Some("auto"),
        _ => None,
    }
}

impl Ending {
    /// Whether a bound cut the answer off, also in the middle of a call.
    pub(super) fn is_cut(&self) -> bool {
        self.reason() == Reason::Length
    }

    fn reason(&self) -> Reason {
        self.finish.as_ref().map_or(Reason::Stop, |finish| finish.reason)
    }

    /// What stands for the words of a refusal that came without any: why it was refused.
    pub(super) fn refusal(&self) -> Option<Text> {
        let finish = self.finish.as_ref().filter(|finish| finish.reason == Reason::Filter)?;
        finish.explanation.clone().filter(|_| !self.refuses)
    }

    /// The usage, if both sides were counted: half of one would be an invention.
    pub(super) fn usage(&self) -> Option<Counted> {
        self.usage.filter(Counted::is_all)
    }

    /// The finish reason. Calls decide, whatever is said (agents loop or stall otherwise), but for an answer that was cut
    /// off or refused: its last call may lack half of its arguments, and a refused one is not to be made.
    fn reason_word(&self, calls: bool) -> &'static str {
        match self.reason() {
            Reason::Length => "length",
            Reason::Filter => "content_filter",
            Reason::Stop | Reason::Calls if calls => "tool_calls",
            Reason::Stop | Reason::Calls => "stop",
        }
    }

    /// Why a choice finished, as fields behind its others: in OpenAI's closed set, in its vendor's word (as OpenRouter
    /// names that) and by which stop sequence (as vLLM names that).
    pub(super) fn write_finish(&self, calls: bool, out: &mut Writer) {
        out.key("finish_reason");
        out.string(self.reason_word(calls));
        let Some(finish) = &self.finish else { return };
        for (key, text) in [("native_finish_reason", &finish.native), ("stop_reason", &finish.stop_sequence)]
        {
            if let Some(text) = text {
                out.key(key);
                out.text(text);
            }
        }
    }

    /// What all chunks of an answer, and the answer itself, begin with.
    pub(super) fn write_head(
        &self,
        object: &'static str,
        (id, created, model): (&str, UnixSeconds, &Text),
        out: &mut Writer,
    ) {
        out.key("id");
        out.string(id);
        out.key("object");
        out.string(object);
        out.key("created");
        out.value(created.0.to_string().as_bytes());
        out.key("model");
        out.text(model);
        if let Some(tier) = self.tier {
            out.key("service_tier");
            out.string(tier);
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let finish = self.finish.as_ref();
        let texts = finish.map(|finish| [&finish.native, &finish.stop_sequence, &finish.explanation]);
        texts.into_iter().flatten().flatten().map(Text::len).sum()
    }
}

/// A usage as OpenAI counts: the prompt with what is cached of it, the completion with its reasoning.
pub(super) fn write_usage(counted: &Counted, out: &mut Writer) {
    let Usage { cache_read, cache_write, cache_write_1h, output, reasoning, .. } = counted.usage;
    let (prompt, completion) = (counted.usage.all_input(), output.saturating_add(reasoning));
    out.open('{');
    let total = prompt.saturating_add(completion);
    for (key, count) in
        [("prompt_tokens", prompt), ("completion_tokens", completion), ("total_tokens", total)]
    {
        out.key(key);
        out.number(count);
    }
    out.key("prompt_tokens_details");
    out.open('{');
    out.key("cached_tokens");
    out.number(cache_read);
    out.key("cache_write_tokens");
    out.number(cache_write.saturating_add(cache_write_1h));
    out.close('}');
    out.key("completion_tokens_details");
    out.open('{');
    out.key("reasoning_tokens");
    out.number(reasoning);
    out.close('}');
    out.close('}');
}
