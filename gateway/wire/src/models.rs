//! The list of models, in the form of each API.

use crate::api::Api;
use crate::{anthropic, openai};
use bytes::Bytes;
use weir_config::UnixSeconds;

/// A model that a caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What requests call it.
    pub id: String,
    /// Since when it is there.
    pub created: UnixSeconds,
    /// Its window in tokens, if that is known.
    pub context_window: Option<u64>,
}

impl Api {
    /// Which API a request for models is of, whose path is the same in all: by whether it has a header.
    pub fn of_models(has: impl Fn(&str) -> bool) -> Self {
        if anthropic::HEADERS.iter().any(|name| has(name)) { Self::Messages } else { Self::Chat }
    }

    /// The list of `models`.
    pub fn model_list(self, models: &[Listed]) -> Bytes {
        match self {
            Self::Chat => openai::model_list(models),
            Self::Messages => anthropic::model_list(models),
        }
    }

    /// One of them by itself.
    pub fn model(self, model: &Listed) -> Bytes {
        match self {
            Self::Chat => openai::model(model),
            Self::Messages => anthropic::model(model),
        }
    }
}
