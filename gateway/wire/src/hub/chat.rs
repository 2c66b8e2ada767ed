//! A request, whatever the API that it came in.

use crate::json::text::{Json, Text};

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chat {
    /// Who said what, in order. System turns stand where the caller put them, mostly first.
    pub(crate) turns: Vec<Turn>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Option<Choice>,
    /// Whether several tools may be called in one turn.
    pub(crate) parallel_calls: Option<bool>,
    /// The most tokens of an answer.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) stop: Vec<Text>,
    /// Numbers as they are written.
    pub(crate) temperature: Option<Json>,
    pub(crate) top_p: Option<Json>,
    pub(crate) top_k: Option<Json>,
    pub(crate) stream: bool,
    pub(crate) format: Option<Format>,
    pub(crate) reasoning: Option<Reasoning>,
    /// Whose request it is, as the caller tells its vendor.
    pub(crate) user: Option<Text>,
    /// The service tier, in the caller's word.
    pub(crate) tier: Option<Text>,
    /// Tuning fields that only some APIs have.
    pub(crate) others: Vec<Other>,
}

/// A field that one API has and another may not, under the name that its caller wrote.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    pub(crate) name: String,
    pub(crate) value: Json,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    /// OpenAI's newer word for system. No other vendor knows it.
    Developer,
    User,
    Assistant,
}

/// What one says at a time. A tool's results are parts of a user's turn.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) role: Role,
    pub(crate) parts: Vec<Part>,
    /// The speaker's name.
    pub(crate) name: Option<Text>,
    /// Where it stands in the caller's request, as in `messages.1`.
    pub(crate) at: String,
}

/// A piece of a turn.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text {
        text: Text,
        cache: Option<Json>,
    },
    Image {
        source: Source,
        /// OpenAI's wish: `low`, `high`, `auto`.
        detail: Option<Text>,
        cache: Option<Json>,
    },
    Document {
        source: Source,
        name: Option<Text>,
        cache: Option<Json>,
    },
    /// Base64 and its form, `wav` or `mp3`.
    Audio {
        data: Text,
        format: Text,
    },
    /// An assistant's call of a tool.
    Call {
        id: Text,
        name: Text,
        arguments: Arguments,
        cache: Option<Json>,
    },
    /// What a call came to.
    Result {
        /// Of the call.
        id: Text,
        parts: Vec<Part>,
        is_error: bool,
        cache: Option<Json>,
    },
    /// An assistant's reasoning, with the mark that its vendor checks when it is sent back.
    Thinking {
        text: Text,
        signature: Option<Text>,
    },
    /// Reasoning that only its vendor can read.
    Redacted {
        data: Text,
    },
    /// An assistant's refusal.
    Refusal {
        text: Text,
    },
}

/// Where a picture or a document is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Base64 of this media type.
    Data {
        media_type: Text,
        data: Text,
    },
    Url(Text),
    /// Plain text.
    Text(Text),
}

/// What a tool is called with. OpenAI's is a string that should be JSON, Anthropic's a JSON object.
#[derive(Debug, Clone)]
pub(crate) enum Arguments {
    Json(Json),
    Text(Text),
}

/// A tool that may be called.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) name: Text,
    pub(crate) description: Option<Text>,
    /// JSON schema of its arguments.
    pub(crate) schema: Option<Json>,
    pub(crate) strict: Option<bool>,
    pub(crate) cache: Option<Json>,
}

/// Which tools are to be called.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    None,
    Auto,
    /// At least one.
    Any,
    /// This one.
    One(Text),
    /// Only these; at least one of them if `must`.
    Among {
        names: Vec<Text>,
        must: bool,
    },
}

/// What the answer's text must be.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    /// Some JSON object.
    Json,
    Schema {
        name: Option<Text>,
        description: Option<Text>,
        schema: Json,
        strict: Option<bool>,
    },
}

/// How much an assistant is to reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reasoning {
    /// Whether it is to, where that was said apart from how much.
    pub(crate) on: Option<bool>,
    pub(crate) effort: Option<Effort>,
    /// In tokens.
    pub(crate) budget: Option<u64>,
}

/// How much effort, from none to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    /// All of them, the least first.
    pub(crate) const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// Its name, the same at all vendors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.name() == name)
    }
}
