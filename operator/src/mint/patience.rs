//! When a Secret that was not written is tried again: a namespace that takes none must not have every pass wait for
//! it, nor the API server refuse the same Secret ten times a second.

use super::plan::ToMint;
use super::write::Unminted;
use crate::cluster::CallError;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use weir_compile::{Code, Finding};
use weir_config::ObjectName;
use weir_crds::Kind;

/// The first wait, which doubles, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// So much is shown of what the API server said, in characters.
const LONGEST: usize = 300;

/// What was refused, by Secret.
#[derive(Debug, Default)]
pub struct Patience(BTreeMap<ObjectName, Refusal>);

#[derive(Debug)]
struct Refusal {
    to: ToMint,
    wait: Duration,
    until: Instant,
    why: String,
}

impl Patience {
    /// Whether it is time to try. What is asked for now is tried at once if it is not what was refused.
    pub(super) fn is_over(&self, to: &ToMint, now: Instant) -> bool {
        self.of(to).is_none_or(|refusal| refusal.until <= now)
    }

    /// Forgets what is not wanted any more.
    pub(super) fn keep_only<'a>(&mut self, wanted: impl Iterator<Item = &'a ToMint>) {
        let wanted: BTreeMap<&ObjectName, &ToMint> = wanted.map(|to| (&to.secret, to)).collect();
        self.0.retain(|secret, refusal| wanted.get(secret) == Some(&&refusal.to));
    }

    pub(super) fn refused(&mut self, to: &ToMint, why: &Unminted, now: Instant) {
        let (first, longest) = WAIT;
        let wait = self.of(to).map_or(first, |refusal| (refusal.wait * 2).min(longest));
        let refusal = Refusal { to: to.clone(), wait, until: now + wait, why: words(why) };
        self.0.insert(to.secret.clone(), refusal);
    }

    pub(super) fn forget(&mut self, to: &ToMint) {
        self.0.remove(&to.secret);
    }

    /// The earliest that something is to be tried again.
    pub(super) fn again(&self) -> Option<Instant> {
        self.0.values().map(|refusal| refusal.until).min()
    }

    /// What there is to say of a key that waits.
    pub(super) fn finding(&self, to: &ToMint) -> Option<Finding> {
        let why = &self.of(to)?.why;
        Some(Finding {
            object: (Kind::Key, to.key.name.clone()),
            severity: Code::KeyPending.severity(),
            code: Code::KeyPending,
            field: "spec.source.generate.secretName".to_owned(),
            message: format!(
                "Secret {:?} of namespace {} cannot be made: {why}; mend that, the operator tries again",
                to.secret.name, to.secret.namespace
            ),
        })
    }

    fn of(&self, to: &ToMint) -> Option<&Refusal> {
        self.0.get(&to.secret).filter(|refusal| refusal.to == *to)
    }
}

/// In one line, of bounded length.
fn words(why: &Unminted) -> String {
    let words = match why {
        Unminted::Api(CallError::Kube(kube::Error::Api(status))) => {
            format!("the API server says {}: {}", status.code, status.message)
        }
        why => why.to_string(),
    };
    words.chars().map(|it| if it.is_control() { ' ' } else { it }).take(LONGEST).collect()
}
