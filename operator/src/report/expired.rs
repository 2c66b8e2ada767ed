//! Keys whose time is over. compile has no clock, so this is found where the report is made.

use crate::watch::name_of;
use k8s_openapi::jiff::Timestamp;
use kube::Resource as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_compile::{Code, Finding, KeyAttachment, Kind};
use weir_config::ObjectName;
use weir_crds::LLMKey;

/// One finding for each key that opens nothing any more at `now`, because its time is over.
pub(super) fn findings(
    keys: &[Arc<LLMKey>],
    attached: &BTreeMap<ObjectName, KeyAttachment>,
    now: Timestamp,
) -> Vec<Finding> {
    let over = keys.iter().filter_map(|key| {
        let name = name_of(key.meta());
        let (field, what) = over(key, attached.get(&name), now)?;
        let code = Code::Expired;
        Some(Finding {
            object: (Kind::Key, name),
            severity: code.severity(),
            code,
            field: field.to_owned(),
            message: format!("{what}, so every request with it is refused; {}", code.remedy()),
        })
    });
    over.collect()
}

/// When `key` expires as a whole, if that is after `now`.
pub(super) fn next_end(key: &LLMKey, now: Timestamp) -> Option<Timestamp> {
    let end = key.spec.expires_at.as_ref()?.parse().ok()?.0;
    Timestamp::from_second(end).ok().filter(|end| *end > now)
}

/// The field by which the key's time is over, and what that says.
fn over(key: &LLMKey, found: Option<&KeyAttachment>, now: Timestamp) -> Option<(&'static str, &'static str)> {
    let is_past = |end: i64| end <= now.as_second();
    if key.spec.expires_at.as_ref().and_then(|end| end.parse().ok()).is_some_and(|end| is_past(end.0)) {
        return Some(("spec.expiresAt", "the key's time is over"));
    }
    let texts = found.map(|it| it.texts.as_slice()).unwrap_or_default();
    let all_ended = texts.iter().all(|text| text.not_after.is_some_and(|end| is_past(end.0)));
    (all_ended && !texts.is_empty()).then_some(("spec.source", "the time of each of the key's texts is over"))
}
