//! What the gateways' pods say that they run (semantics S8.5): asked for while one of them is behind, and only then.

use crate::pods::GatewayPod;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use weir_config::published::Revision;
use weir_config::{Digest, ObjectName};

/// The first question after a change, and the longest time between two.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A pod has so long to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// What a pod said that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The configuration that it runs.
    pub revision: Revision,
    /// Formats that it can read.
    pub formats: Vec<u32>,
}

/// What is known of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// The last that it said.
    pub ack: Option<Ack>,
    /// Whether the last question went without an answer.
    pub silent: bool,
}

/// What a gateway's pods should run, and who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// The published configuration.
    pub revision: Revision,
    /// The pods.
    pub pods: Vec<GatewayPod>,
}

impl Aim {
    /// Whether `ack` says that what changed in generation `since` is in force. A pod may be ahead of what is asked,
    /// never ahead of what is published: that one runs something of another life.
    pub fn reaches(&self, ack: &Ack, since: u64) -> bool {
        let (runs, published) = (ack.revision, self.revision);
        since <= runs.generation && (runs.generation < published.generation || runs == published)
    }
}

/// By gateway.
pub type Aims = BTreeMap<ObjectName, Aim>;

/// What all pods said, by the pod's uid.
#[derive(Debug)]
pub struct Acks {
    heard: Mutex<BTreeMap<String, Heard>>,
    aims: watch::Sender<Aims>,
    /// Notified when something new was heard.
    pub news: Arc<Notify>,
}

impl Acks {
    /// Nothing heard, nobody to ask.
    pub fn new(news: Arc<Notify>) -> Self {
        Self { heard: Mutex::default(), aims: watch::Sender::new(Aims::new()), news }
    }

    /// Whom to ask from now on, and what they should run. What a pod said counts for as long as it is ready: one that
    /// was not may have begun again, from an older configuration.
    pub fn aim(&self, aims: Aims) {
        self.aims.send_if_modified(|now| std::mem::replace(now, aims) != *now);
        let aims = self.aims.borrow();
        let ready = aims.values().flat_map(|aim| &aim.pods).filter(|pod| pod.ready);
        let known: BTreeSet<&String> = ready.map(|pod| &pod.uid).collect();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|uid, _| known.contains(uid));
    }

    /// What is known of a pod; nothing if it was never asked.
    pub fn heard(&self, uid: &str) -> Option<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// True if it is news.
    fn hear(&self, uid: &str, said: Option<Ack>) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = heard.entry(uid.to_owned());
        let is_new = matches!(entry, std::collections::btree_map::Entry::Vacant(_));
        let entry = entry.or_default();
        let before = entry.clone();
        entry.silent = said.is_none();
        entry.ack = said.or(entry.ack.take());
        is_new || *entry != before
    }

    /// Asks whoever is behind, for ever.
    pub async fn poll(&self, http: &reqwest::Client) {
        let mut aims = self.aims.subscribe();
        let mut pause = PAUSE.0;
        loop {
            let behind = self.behind(&aims.borrow_and_update());
            let next = Instant::now() + pause;
            tokio::select! {
                changed = aims.changed() => {
                    if changed.is_err() { return }
                    pause = PAUSE.0;
                    continue;
                }
                () = tokio::time::sleep_until(next), if !behind.is_empty() => {}
            }
            let news = self.ask(http, &behind).await;
            pause = if news { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
            if news {
                self.news.notify_one();
            }
        }
    }

    /// Pods that are not known to run what is published.
    fn behind(&self, aims: &Aims) -> Vec<(String, SocketAddr)> {
        let current = |aim: &Aim, uid: &str| {
            let heard = self.heard(uid);
            heard.is_some_and(|heard| {
                !heard.silent && heard.ack.is_some_and(|ack| aim.reaches(&ack, aim.revision.generation))
            })
        };
        let pods = aims.values().flat_map(|aim| aim.pods.iter().map(move |pod| (aim, pod)));
        let behind = pods.filter(|(aim, pod)| pod.ready && !current(aim, &pod.uid));
        behind.filter_map(|(_, pod)| Some((pod.uid.clone(), pod.admin?))).collect()
    }

    /// Asks all of them at once; true if one of them had news.
    async fn ask(&self, http: &reqwest::Client, pods: &[(String, SocketAddr)]) -> bool {
        let asked = pods.iter().map(|(uid, admin)| async move { self.hear(uid, status(http, *admin).await) });
        futures::future::join_all(asked).await.contains(&true)
    }
}

/// A client for pods: no proxy, no redirects, no waiting.
///
/// # Errors
/// The TLS library does not start.
pub fn http() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER)
        .pool_max_idle_per_host(1)
        .build()
}

/// `config` of a gateway's /status.
#[derive(Deserialize)]
struct Config {
    generation: u64,
    hash: Digest,
}

#[derive(Deserialize)]
struct Status {
    config: Option<Config>,
    formats: Vec<u32>,
}

/// An answer is longer than this only if it is none of ours.
const LONGEST_STATUS: u64 = 64 << 10;

async fn status(http: &reqwest::Client, admin: SocketAddr) -> Option<Ack> {
    let answer = http.get(format!("http://{admin}/status")).send().await.ok()?.error_for_status().ok()?;
    if answer.content_length().is_none_or(|length| length > LONGEST_STATUS) {
        return None;
    }
    let status: Status = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    // A gateway that runs nothing yet says so: that is an answer, too.
    let runs = status.config.map(|Config { generation, hash }| Revision { generation, hash });
    let nothing = Revision { generation: 0, hash: Digest([0; 32]) };
    Some(Ack { revision: runs.unwrap_or(nothing), formats: status.formats })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aims(ready: bool) -> Aims {
        let pod = GatewayPod { uid: "1".to_owned(), name: "pod".to_owned(), admin: None, ready };
        let revision = Revision { generation: 7, hash: Digest([7; 32]) };
        Aims::from([(ObjectName::new("a", "default"), Aim { revision, pods: vec![pod] })])
    }

    #[test]
    fn s8_5_what_a_pod_said_before_it_was_not_ready_does_not_count() {
        let acks = Acks::new(Arc::default());
        acks.aim(aims(true));
        let said = Ack { revision: Revision { generation: 7, hash: Digest([7; 32]) }, formats: vec![1] };
        assert!(acks.hear("1", Some(said.clone())), "the first word is news");
        assert!(!acks.hear("1", Some(said.clone())), "the same again is none");
        acks.aim(aims(true));
        assert_eq!(acks.heard("1").and_then(|heard| heard.ack), Some(said));
        acks.aim(aims(false));
        acks.aim(aims(true));
        assert_eq!(acks.heard("1"), None);
    }

    #[test]
    fn a_pod_that_falls_silent_keeps_what_it_said() {
        let acks = Acks::new(Arc::default());
        acks.aim(aims(true));
        let said = Ack { revision: Revision { generation: 7, hash: Digest([7; 32]) }, formats: vec![1] };
        acks.hear("1", Some(said.clone()));
        assert!(acks.hear("1", None), "its silence is news");
        assert_eq!(acks.heard("1"), Some(Heard { ack: Some(said), silent: true }));
    }
}
