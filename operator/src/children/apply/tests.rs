//! How what was made by POST is handed over to server-side apply.

use super::*;
use serde_json::from_value;

fn there(entries: Value) -> ObjectMeta {
    from_value(json!({"managedFields": entries})).unwrap()
}

fn entry(manager: &str, operation: &str, field: &str) -> Value {
    json!({"manager": manager, "operation": operation, "fieldsV1": {field: {}}})
}

fn after(entries: Value) -> Option<Value> {
    handed_over(&there(entries)).map(|entries| serde_json::to_value(entries).unwrap())
}

#[test]
fn what_was_made_by_post_is_handed_over_once() {
    let others = entry("kubectl-edit", "Update", "f:x");
    let posted = json!([others, entry("weir", "Update", "f:spec")]);
    assert_eq!(after(posted), Some(json!([others, entry("weir", "Apply", "f:spec")])));
    assert_eq!(after(json!([others, entry("weir", "Apply", "f:spec")])), None);
    assert_eq!(after(json!([])), None);
    let both = json!([entry("weir", "Update", "f:old"), entry("weir", "Apply", "f:spec"), others]);
    assert_eq!(after(both), Some(json!([entry("weir", "Apply", "f:spec"), others])));
    let mut status = entry("weir", "Update", "f:status");
    status["subresource"] = json!("status");
    assert_eq!(after(json!([status])), None, "a status is another matter");
}
