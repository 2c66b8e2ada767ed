//! Models as Anthropic lists them. Source: its Models reference.

use crate::listed::Listed;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The header by which a request tells that its caller speaks Messages. Every SDK of Anthropic's sends it.
pub(crate) const VERSION_HEADER: &str = "anthropic-version";

/// A list, whole: there is no other page.
pub(crate) fn model_list(models: &[Listed]) -> Bytes {
    let id = |model: Option<&Listed>| model.map(|model| model.id.clone());
    let list = json!({
        "data": models.iter().map(entry).collect::<Vec<_>>(), "has_more": false,
        "first_id": id(models.first()), "last_id": id(models.last()),
    });
    list.to_string().into()
}

/// A model by itself.
pub(crate) fn model(model: &Listed) -> Bytes {
    entry(model).to_string().into()
}

fn entry(model: &Listed) -> Value {
    let created = Timestamp::from_second(model.created.0).unwrap_or_default().to_string();
    json!({"type": "model", "id": model.id, "display_name": model.id, "created_at": created})
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::UnixSeconds;

    #[test]
    fn a_list_is_one_page_and_names_its_ends() {
        let listed = |id: &str| Listed {
            id: id.to_owned(),
            created: UnixSeconds(1_780_000_000),
            context_window: None,
        };
        let list: Value = serde_json::from_slice(&model_list(&[listed("a"), listed("b")])).unwrap();
        assert_eq!(
            list,
            json!({
                "data": [
                    {"type": "model", "id": "a", "display_name": "a", "created_at": "2026-05-28T20:26:40Z"},
                    {"type": "model", "id": "b", "display_name": "b", "created_at": "2026-05-28T20:26:40Z"},
                ],
                "has_more": false, "first_id": "a", "last_id": "b",
            })
        );
        let empty: Value = serde_json::from_slice(&model_list(&[])).unwrap();
        assert_eq!(empty, json!({"data": [], "has_more": false, "first_id": null, "last_id": null}));
    }
}
