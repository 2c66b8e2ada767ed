//! The list of models, in the form of each API.

use crate::api::Api;
use crate::listed::Listed;
use crate::{anthropic, openai};
use bytes::Bytes;

impl Api {
    /// Which API a request is of whose path does not tell, such as one for models: by a header that it `has`.
    pub fn of_head(has: impl Fn(&str) -> bool) -> Self {
        if has(anthropic::VERSION_HEADER) { Self::Messages } else { Self::Chat }
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
