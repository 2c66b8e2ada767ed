//! Models as OpenAI lists them: all four of its fields, and what callers choose by.

use crate::listed::Listed;
use bytes::Bytes;
use serde_json::{Value, json};

/// A list.
pub(crate) fn model_list(models: &[Listed]) -> Bytes {
    json!({"object": "list", "data": models.iter().map(entry).collect::<Vec<_>>()}).to_string().into()
}

/// A model by itself.
pub(crate) fn model(model: &Listed) -> Bytes {
    entry(model).to_string().into()
}

fn entry(model: &Listed) -> Value {
    let mut entry =
        json!({"id": model.id, "object": "model", "created": model.created.0, "owned_by": "weir"});
    if let (Some(window), Some(fields)) = (model.context_window, entry.as_object_mut()) {
        fields.insert("context_length".to_owned(), window.into());
    }
    entry
}
