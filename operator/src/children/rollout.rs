//! What there is to say of how a gateway's pods come up: from what became of its children, from the Deployment's
//! controller, and from the pods themselves.
//!
//! Whoever says something knows more than whoever waits: what the API server refuses before what the
//! Deployment's controller cannot make, that before what a pod says, and last that nothing went on for too long.

use super::keep::{Outcome, Outcomes};
use super::{name, owner};
use crate::pods;
use crate::watch::{Picture, Progress, Trouble};
use weir_config::ObjectName;
use weir_crds::LLMGateway;

/// So much is shown of what somebody said, in characters.
const LONGEST: usize = 300;
/// The reason of a Deployment's controller that has waited for too long, for whatever it may be.
const NOTHING_GOES_ON: &str = "ProgressDeadlineExceeded";

/// How a gateway's pods come up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployed {
    /// What is still to come of what the gateway wants now, if anything is.
    pub behind: Option<Behind>,
    /// Why pods do not come up, if any of them do not: a reason and what is said besides.
    pub failure: Option<String>,
}

/// How far a gateway's pods are from what it wants now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// It is not applied yet, or the Deployment's controller has not looked at it.
    Unapplied,
    /// Pods of an earlier template are being replaced.
    Replacing {
        /// So many are of the present one.
        updated: usize,
        /// Of so many that there are.
        of: usize,
    },
    /// Pods are wanted, and none is ready.
    NoneReady,
}

/// How the pods of `gateway` come up, as far as the watches tell.
pub fn of(picture: &Picture, outcomes: &Outcomes, gateway: &LLMGateway) -> Deployed {
    let owner = owner(gateway);
    let name = ObjectName::new(owner.name.namespace.as_str(), name(&owner.name.name));
    let deployment = picture.children.deployments.get(&name).filter(|it| owner.owns(&it.meta));
    let progress = deployment.as_ref().map(|deployment| &deployment.state);
    deployed(outcomes.of(gateway).as_ref(), progress, &pods::troubles(picture, &owner.name))
}

/// How the pods of a gateway come up; `troubles` is what its pods that are not ready say, each with its name.
pub fn deployed(
    outcome: Option<&Outcome>,
    progress: Option<&Progress>,
    troubles: &[(String, Trouble)],
) -> Deployed {
    let is_applied = outcome.is_some_and(|outcome| outcome.is_applied);
    let behind = match progress {
        Some(progress) if is_applied && progress.is_observed => behind(progress),
        _ => Some(Behind::Unapplied),
    };
    let refused = outcome.and_then(|outcome| outcome.refused.as_deref()).map(plain);
    let controller = progress.and_then(|progress| progress.failure.as_ref());
    let (late, refusing) = match controller {
        Some((reason, _)) if reason == NOTHING_GOES_ON => (controller, None),
        other => (None, other),
    };
    let said = |(reason, message): &(String, String)| sentence(reason, message);
    let failure =
        refused.or_else(|| refusing.map(said)).or_else(|| of_pods(troubles)).or_else(|| late.map(said));
    Deployed { behind, failure }
}

fn behind(progress: &Progress) -> Option<Behind> {
    let Progress { wanted, replicas, updated, ready, .. } = *progress;
    if updated != replicas {
        Some(Behind::Replacing { updated: count(updated), of: count(replicas) })
    } else if wanted > 0 && ready == 0 {
        Some(Behind::NoneReady)
    } else {
        None
    }
}

/// The first by name, so that it stays the same, and how many more there are.
fn of_pods(troubles: &[(String, Trouble)]) -> Option<String> {
    let (name, trouble) = troubles.iter().min_by_key(|(name, _)| name)?;
    let others = match troubles.len() - 1 {
        0 => String::new(),
        1 => "; another pod is not ready either".to_owned(),
        more => format!("; {more} more pods are not ready either"),
    };
    Some(format!("pod {}: {}{others}", plain(name), sentence(&trouble.reason, &trouble.message)))
}

fn sentence(reason: &str, message: &str) -> String {
    let (reason, message) = (plain(reason), plain(message));
    if message.is_empty() { reason } else { format!("{reason}: {message}") }
}

/// One line of bounded length: registries and webhooks say what they like.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Outcome {
        Outcome { is_applied: true, ..Outcome::default() }
    }

    fn progress(updated: i32, replicas: i32) -> Progress {
        Progress { is_observed: true, wanted: replicas, replicas, updated, ready: 1, failure: None }
    }

    fn trouble(pod: &str, reason: &str, message: &str) -> (String, Trouble) {
        (pod.to_owned(), Trouble { reason: reason.to_owned(), message: message.to_owned() })
    }

    #[test]
    fn pods_are_behind_until_none_is_of_an_earlier_template() {
        let behind = |outcome: &Outcome, progress: Option<Progress>| {
            deployed(Some(outcome), progress.as_ref(), &[]).behind
        };
        assert_eq!(behind(&applied(), Some(progress(2, 2))), None);
        assert_eq!(behind(&applied(), Some(progress(0, 0))), None, "none are wanted");
        let replacing = Behind::Replacing { updated: 1, of: 3 };
        assert_eq!(behind(&applied(), Some(progress(1, 3))), Some(replacing));
        assert_eq!(
            behind(&applied(), Some(Progress { wanted: 9, ..progress(2, 2) })),
            None,
            "more are to come"
        );
        assert_eq!(
            behind(&applied(), Some(Progress { ready: 0, ..progress(2, 2) })),
            Some(Behind::NoneReady)
        );
        let unmade = Progress { wanted: 2, ready: 0, ..progress(0, 0) };
        assert_eq!(behind(&applied(), Some(unmade)), Some(Behind::NoneReady));
        let unapplied = Some(Behind::Unapplied);
        assert_eq!(behind(&Outcome::default(), Some(progress(2, 2))), unapplied);
        let unseen = Progress { is_observed: false, ..progress(2, 2) };
        assert_eq!(behind(&applied(), Some(unseen)), unapplied, "its controller has not looked yet");
        assert_eq!(behind(&applied(), None), unapplied);
        assert_eq!(deployed(None, Some(&progress(2, 2)), &[]).behind, unapplied);
    }

    #[test]
    fn whoever_knows_most_is_heard() {
        let pods =
            [trouble("b", "ErrImagePull", "no such host"), trouble("a", "ImagePullBackOff", "no such host")];
        let failing = |reason: &str| Progress {
            failure: Some((reason.to_owned(), "so it is".to_owned())),
            ..progress(1, 1)
        };
        let failure = |outcome: &Outcome, progress: &Progress, pods: &[_]| {
            deployed(Some(outcome), Some(progress), pods).failure
        };
        let refused = Outcome { refused: Some("it is refused".to_owned()), ..applied() };
        assert_eq!(failure(&refused, &failing("FailedCreate"), &pods).unwrap(), "it is refused");
        assert_eq!(failure(&applied(), &failing("FailedCreate"), &pods).unwrap(), "FailedCreate: so it is");
        assert_eq!(
            failure(&applied(), &failing(NOTHING_GOES_ON), &pods).unwrap(),
            "pod a: ImagePullBackOff: no such host; another pod is not ready either"
        );
        assert_eq!(
            failure(&applied(), &failing(NOTHING_GOES_ON), &[]).unwrap(),
            "ProgressDeadlineExceeded: so it is"
        );
        assert_eq!(failure(&applied(), &progress(1, 1), &[]), None);
    }

    #[test]
    fn what_others_say_is_one_line_of_bounded_length() {
        let long = "ä\n\u{1b}[31mred\t".repeat(500);
        let failure = deployed(None, None, &[trouble("a", "Error", &long)]).failure.unwrap();
        assert!(failure.chars().count() < LONGEST + 40 && failure.ends_with('…'), "{failure}");
        assert!(!failure.contains(char::is_control));
    }
}
