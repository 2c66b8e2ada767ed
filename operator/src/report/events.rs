//! Kubernetes Events: what `kubectl describe` shows of an object's turns for better or worse.
//!
//! Only of turns: of Ready and Stalled, and that a name is taken. An object that is well from the start is no
//! news, and what merely waits for pods is none either: its conditions say so while it lasts.
//!
//! kube's Recorder counts events as one that differ in their note alone; so that what is told apart is told by
//! reason and action.

use super::conditions::{READY, RECONCILING, STALLED, find};
use super::message::LONGEST;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use weir_compile::{Code, Condition as About, Kind};
use weir_config::ObjectName;
use weir_crds::{API_VERSION, Condition, ConditionStatus};

/// Who reports.
pub const REPORTER: &str = "weir.dev/operator";

/// What an Event is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// For the worse.
    pub is_warning: bool,
    /// The condition's reason.
    pub reason: String,
    /// Which turn it is: Ready, NotReady, Stalled or NameTaken.
    pub action: &'static str,
    /// The condition's message.
    pub note: String,
}

/// What is news about an object after `old`.
pub fn news(old: &[Condition], new: &[Condition]) -> Option<News> {
    let was = |type_: &str| find(old, type_).map(|condition| condition.status);
    let about = |condition: &Condition, is_warning: bool, action: &'static str| News {
        is_warning,
        reason: condition.reason.clone(),
        action,
        note: note(&condition.message),
    };
    let is_taken = |conditions| {
        find(conditions, About::Programmed.name())
            .filter(|condition| condition.reason == Code::NameTaken.reason())
    };
    if let Some(taken) = is_taken(new).filter(|_| is_taken(old).is_none()) {
        return Some(about(taken, true, "NameTaken"));
    }
    if let Some(stalled) = find(new, STALLED).filter(|_| was(STALLED).is_none()) {
        return Some(about(stalled, true, "Stalled"));
    }
    let ready = find(new, READY).filter(|ready| was(READY) != Some(ready.status))?;
    match (ready.status, was(READY)) {
        (ConditionStatus::True, None) => None,
        (ConditionStatus::True, Some(_)) => Some(about(ready, false, "Ready")),
        // At first sight: a gateway's pods come later than what they are to serve.
        (_, None) if ready.reason == Code::NoReadyPods.reason() => None,
        (_, None | Some(ConditionStatus::True)) if find(new, RECONCILING).is_none() => {
            Some(about(ready, true, "NotReady"))
        }
        _ => None,
    }
}

/// As much of a message as an Event takes.
fn note(message: &str) -> String {
    message.get(..message.floor_char_boundary(LONGEST)).unwrap_or_default().to_owned()
}

/// Who writes events; `instance` is this replica.
pub fn recorder(client: &Client, instance: String) -> Recorder {
    Recorder::new(client.clone(), Reporter { controller: REPORTER.to_owned(), instance: Some(instance) })
}

/// Writes one.
///
/// # Errors
/// The API server did not take it.
pub async fn publish(
    recorder: &Recorder,
    (kind, name): &(Kind, ObjectName),
    uid: &str,
    news: &News,
) -> kube::Result<()> {
    let regarding = ObjectReference {
        api_version: Some(API_VERSION.to_owned()),
        kind: Some(kind.name().to_owned()),
        namespace: Some(name.namespace.clone()),
        name: Some(name.name.clone()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    };
    let event = Event {
        type_: if news.is_warning { EventType::Warning } else { EventType::Normal },
        reason: news.reason.clone(),
        note: Some(news.note.clone()),
        action: news.action.to_owned(),
        secondary: None,
    };
    recorder.publish(&event, &regarding).await
}

#[cfg(test)]
mod tests;
