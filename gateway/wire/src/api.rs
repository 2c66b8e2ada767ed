//! Which protocol is spoken: by callers to the gateway, and by the gateway to accounts.

use crate::words::Words;
use crate::{anthropic, openai};
use bytes::Bytes;
use weir_config::Speaks;

/// What callers call and accounts speak: the form of requests, answers and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
}

impl From<Speaks> for Api {
    fn from(speaks: Speaks) -> Self {
        match speaks {
            Speaks::Chat => Self::Chat,
            Speaks::Messages => Self::Messages,
        }
    }
}

impl Api {
    /// The path of its endpoint, behind an account's base path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => openai::CHAT_PATH,
            Self::Messages => anthropic::MESSAGES_PATH,
        }
    }

    /// Headers of a request that go on with it to accounts that speak the same, in lower case.
    pub fn forwards(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &[],
            Self::Messages => anthropic::FORWARDS,
        }
    }

    /// The header, in lower case, by which its clients know an answer, beside `x-request-id`.
    pub fn id_header(self) -> Option<&'static str> {
        match self {
            Self::Chat => None,
            Self::Messages => Some(anthropic::ID_HEADER),
        }
    }

    /// The body of an answer that refuses a request.
    pub fn error_body(self, words: &Words<'_>) -> Bytes {
        match self {
            Self::Chat => openai::error_body(words),
            Self::Messages => anthropic::error_body(words),
        }
    }

    /// The event that ends a stream which no upstream has begun. For one that an upstream has begun there is
    /// [`Reading::broken`](crate::Reading::broken).
    pub fn error_event(self, words: &Words<'_>) -> Bytes {
        match self {
            Self::Chat => openai::error_event(words),
            Self::Messages => anthropic::error_event(words),
        }
    }

    /// What keeps a stream alive that no upstream has begun.
    pub fn ping(self) -> Bytes {
        match self {
            Self::Chat => openai::PING,
            Self::Messages => anthropic::PING,
        }
    }
}
