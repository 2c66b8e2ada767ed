//! What keeps a pod from becoming ready, in the words of whoever says so: the scheduler or the kubelet.

use super::held::is_ready;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

/// Why a container that waits is nothing to speak of.
const AT_WORK: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// A reason in one word, such as `ImagePullBackOff`, and what is said besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The reason.
    pub reason: String,
    /// The message; it may be empty.
    pub message: String,
}

/// What is wrong with a pod that is not ready, if anything is.
pub fn trouble(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref().filter(|_| !is_ready(pod))?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.filter(|container| !container.ready).find_map(of_container).or_else(|| {
        let mut conditions = status.conditions.iter().flatten();
        let unscheduled =
            conditions.find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
        Some(Trouble {
            reason: unscheduled.reason.clone()?,
            message: unscheduled.message.clone().unwrap_or_default(),
        })
    })
}

fn of_container(container: &ContainerStatus) -> Option<Trouble> {
    let state = container.state.as_ref();
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.clone());
    let reason = reason.filter(|reason| !AT_WORK.contains(&reason.as_str()));
    // It runs in between, only to end again: that is the same trouble.
    let is_crashing = reason.as_deref() == Some("CrashLoopBackOff")
        || reason.is_none() && container.restart_count >= 2 && waiting.is_none();
    if is_crashing {
        let ended = ended(state).or_else(|| ended(container.last_state.as_ref()));
        return ended.map(|message| Trouble { reason: "CrashLoopBackOff".to_owned(), message });
    }
    let message = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
    Some(Trouble { reason: reason?, message })
}

/// How a container ended, which says more than for how long it is not started again, and changes less often.
fn ended(state: Option<&ContainerState>) -> Option<String> {
    let ended = state?.terminated.as_ref()?;
    let reason = ended.reason.as_deref().unwrap_or("Error");
    let said = ended.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    Some(format!("the container ended with exit code {} ({reason}){said}", ended.exit_code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(status: Value) -> Option<(String, String)> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap();
        trouble(&pod).map(|trouble| (trouble.reason, trouble.message))
    }

    fn container(state: Value, rest: Value) -> Value {
        let mut status =
            json!({"name": "gateway", "image": "i", "imageID": "", "ready": false, "restartCount": 0});
        status["state"] = state;
        let rest = rest.as_object().unwrap().clone();
        status.as_object_mut().unwrap().extend(rest);
        json!({ "containerStatuses": [status] })
    }

    fn waits(reason: &str, message: &str) -> Value {
        container(json!({"waiting": {"reason": reason, "message": message}}), json!({}))
    }

    fn ends(reason: &str, message: &str) -> Option<(String, String)> {
        Some((reason.to_owned(), message.to_owned()))
    }

    #[test]
    fn what_takes_its_time_is_no_trouble() {
        for at_work in
            [json!({}), waits("ContainerCreating", ""), container(json!({"running": {}}), json!({}))]
        {
            assert_eq!(said(at_work), None);
        }
        let once = container(
            json!({"running": {}}),
            json!({"restartCount": 1, "lastState": {"terminated": {"exitCode": 1}}}),
        );
        assert_eq!(said(once), None, "it may come this time");
    }

    #[test]
    fn the_kubelets_own_reason_is_told() {
        for reason in ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "InvalidImageName"] {
            assert_eq!(said(waits(reason, "because")), ends(reason, "because"));
        }
        let mut ready = waits("ImagePullBackOff", "of another container");
        ready["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        assert_eq!(said(ready), None);
    }

    #[test]
    fn whoever_ends_again_and_again_says_how_and_not_for_how_long_he_waits() {
        let last =
            json!({"restartCount": 4, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}});
        let words = ends("CrashLoopBackOff", "the container ended with exit code 137 (OOMKilled)");
        let backed_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}});
        assert_eq!(said(container(backed_off, last.clone())), words);
        assert_eq!(said(container(json!({"running": {}}), last)), words, "the same while it runs in between");
    }

    #[test]
    fn the_schedulers_reason_is_told() {
        let message = "0/3 nodes are available: 3 Insufficient memory.";
        let unscheduled = json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]});
        assert_eq!(said(unscheduled), ends("Unschedulable", message));
    }
}
