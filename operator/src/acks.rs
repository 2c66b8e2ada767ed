//! What the gateways' pods say that they run (semantics S8.5): asked for while one of them is behind, and only then.

use crate::pods::GatewayPod;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
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

/// What is known of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// The configuration that it runs, as it said last since it is ready.
    pub runs: Option<Revision>,
    /// The formats that it reads, as it said last.
    pub formats: Option<Vec<u32>>,
    /// Whether the last question went without an answer.
    pub silent: bool,
}

/// What a gateway's pods should run, and who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// The published configuration.
    pub revision: Revision,
    /// The pods; those that are leaving only say what they read.
    pub pods: Vec<GatewayPod>,
}

impl Aim {
    /// Whether what changed in generation `since` is in force where `runs` is run. A pod may be ahead of what is asked,
    /// never ahead of what is published: that one runs something of another life.
    pub fn reaches(&self, runs: Revision, since: u64) -> bool {
        let published = self.revision;
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

    /// Whom to ask from now on, and what they should run. What a pod said counts for as long as it is ready: one that was
    /// not may have begun again, from an older configuration or as another version. One that is leaving does not begin
    /// again.
    pub fn aim(&self, aims: Aims) {
        self.aims.send_if_modified(|now| std::mem::replace(now, aims) != *now);
        let aims = self.aims.borrow();
        let pods = aims.values().flat_map(|aim| &aim.pods).map(|pod| (&pod.uid, pod.ready || pod.leaving));
        let pods: BTreeMap<&String, bool> = pods.collect();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|uid, _| pods.contains_key(uid));
        let were_ready = heard
            .iter_mut()
            .filter(|(uid, heard)| pods.get(uid) == Some(&false) && (heard.runs.is_some() || heard.silent));
        were_ready.for_each(|(_, heard)| *heard = Heard::default());
    }

    /// What is known of a pod; nothing if it was never asked.
    pub fn heard(&self, uid: &str) -> Option<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// True if it is news. Of a pod that is not ready only what it reads counts.
    fn hear(&self, Question { uid, ready, .. }: &Question, said: Option<Said>) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = heard.entry(uid.clone());
        let is_new = matches!(entry, std::collections::btree_map::Entry::Vacant(_));
        let entry = entry.or_default();
        let before = entry.clone();
        entry.silent = *ready && said.is_none();
        if let Some(Said { runs, formats }) = said {
            entry.runs = ready.then_some(runs);
            entry.formats = Some(formats);
        }
        is_new || *entry != before
    }

    /// A pod answers so.
    #[cfg(test)]
    pub fn tell(&self, uid: &str, ready: bool, runs: Revision, formats: &[u32]) {
        let question = Question { uid: uid.to_owned(), ready, admin: SocketAddr::from(([127, 0, 0, 1], 1)) };
        self.hear(&question, Some(Said { runs, formats: formats.to_vec() }));
    }

    /// Asks whoever is behind, for ever. Nobody waits for the answer of another pod.
    pub async fn poll(&self, http: &reqwest::Client) {
        let mut aims = self.aims.subscribe();
        let (mut answers, mut asked) = (FuturesUnordered::new(), BTreeSet::new());
        let mut pause = PAUSE.0;
        let mut next = Instant::now() + pause;
        loop {
            let mut behind = self.behind(&aims.borrow_and_update());
            behind.retain(|pod| !asked.contains(&pod.uid));
            tokio::select! {
                changed = aims.changed() => {
                    if changed.is_err() { return }
                    pause = PAUSE.0;
                    next = Instant::now() + pause;
                }
                Some((uid, is_news)) = answers.next() => {
                    asked.remove(&uid);
                    if is_news {
                        self.news.notify_one();
                        pause = PAUSE.0;
                        next = next.min(Instant::now() + pause);
                    }
                }
                () = tokio::time::sleep_until(next), if !behind.is_empty() => {
                    asked.extend(behind.iter().map(|pod| pod.uid.clone()));
                    answers.extend(behind.into_iter().map(|pod| self.ask(http, pod)));
                    pause = (pause * 2).min(PAUSE.1);
                    next = Instant::now() + pause;
                }
            }
        }
    }

    /// Pods that are not known to run what is published. Of those that are not ready, the ones that have not said which
    /// formats they read: what is published may be why (semantics S8.10). So of those that are leaving.
    fn behind(&self, aims: &Aims) -> Vec<Question> {
        let is_behind = |aim: &Aim, pod: &GatewayPod| {
            let Some(heard) = self.heard(&pod.uid) else { return true };
            let current = heard.runs.is_some_and(|runs| aim.reaches(runs, aim.revision.generation));
            if pod.ready { heard.silent || !current } else { heard.formats.is_none() }
        };
        let pods = aims.values().flat_map(|aim| aim.pods.iter().map(move |pod| (aim, pod)));
        let behind = pods.filter(|(aim, pod)| is_behind(aim, pod));
        let question =
            |pod: &GatewayPod| Some(Question { uid: pod.uid.clone(), ready: pod.ready, admin: pod.admin? });
        behind.filter_map(|(_, pod)| question(pod)).collect()
    }

    /// Asks one of them; true with its uid if it had news.
    async fn ask(&self, http: &reqwest::Client, pod: Question) -> (String, bool) {
        let is_news = self.hear(&pod, status(http, pod.admin).await);
        (pod.uid, is_news)
    }
}

/// Whom to ask, and where.
struct Question {
    uid: String,
    /// Whether it was ready when it was to be asked.
    ready: bool,
    admin: SocketAddr,
}

/// A pod's answer.
struct Said {
    /// What it runs.
    runs: Revision,
    /// The formats that it reads.
    formats: Vec<u32>,
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

async fn status(http: &reqwest::Client, admin: SocketAddr) -> Option<Said> {
    let answer = http.get(format!("http://{admin}/status")).send().await.ok()?.error_for_status().ok()?;
    if answer.content_length().is_none_or(|length| length > LONGEST_STATUS) {
        return None;
    }
    let status: Status = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    // A gateway that runs nothing yet says so: that is an answer, too.
    let runs = status.config.map(|Config { generation, hash }| Revision { generation, hash });
    let nothing = Revision { generation: 0, hash: Digest([0; 32]) };
    Some(Said { runs: runs.unwrap_or(nothing), formats: status.formats })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};

    const REVISION: Revision = Revision { generation: 7, hash: Digest([7; 32]) };

    fn aims(ready: bool) -> Aims {
        let admin = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        let pod = GatewayPod { uid: "1".to_owned(), name: "pod".to_owned(), admin, ready, leaving: false };
        Aims::from([(ObjectName::new("a", "default"), Aim { revision: REVISION, pods: vec![pod] })])
    }

    /// One life: `acks`, of which the pod is now ready or not.
    fn asked(acks: &Acks, ready: bool) -> Vec<Question> {
        acks.aim(aims(ready));
        acks.behind(&aims(ready))
    }

    fn said(revision: Revision) -> Option<Said> {
        Some(Said { runs: revision, formats: vec![1] })
    }

    fn runs(acks: &Acks) -> Option<Revision> {
        acks.heard("1").and_then(|heard| heard.runs)
    }

    fn reads(acks: &Acks) -> Option<Vec<u32>> {
        acks.heard("1").and_then(|heard| heard.formats)
    }

    #[test]
    fn s8_5_what_a_pod_said_before_it_was_not_ready_does_not_count() {
        let acks = Acks::new(Arc::default());
        let question = &asked(&acks, true)[0];
        assert!(acks.hear(question, said(REVISION)), "the first word is news");
        assert!(!acks.hear(question, said(REVISION)), "the same again is none");
        assert!(asked(&acks, true).is_empty());
        assert_eq!(runs(&acks), Some(REVISION));
        acks.aim(aims(false));
        acks.aim(aims(true));
        assert_eq!((runs(&acks), reads(&acks)), (None, None));
        assert_eq!(asked(&acks, true).len(), 1);
    }

    #[test]
    fn s8_10_a_pod_that_is_not_ready_is_asked_what_it_reads_and_no_more() {
        let acks = Acks::new(Arc::default());
        assert!(acks.hear(&asked(&acks, false)[0], None));
        assert!(!acks.hear(&asked(&acks, false)[0], None), "it has not begun to listen, which is no news");
        assert!(acks.heard("1").is_some_and(|heard| !heard.silent), "nor does it count as unreachable");
        assert!(acks.hear(&asked(&acks, false)[0], said(REVISION)));
        assert_eq!((runs(&acks), reads(&acks)), (None, Some(vec![1])), "what it runs does not count yet");
        assert!(asked(&acks, false).is_empty());
        assert_eq!(asked(&acks, true).len(), 1);
    }

    #[test]
    fn s8_4_what_a_pod_said_that_it_reads_counts_until_it_is_gone() {
        let acks = Acks::new(Arc::default());
        acks.hear(&asked(&acks, true)[0], said(REVISION));
        let mut leaving = aims(false);
        leaving.values_mut().for_each(|aim| aim.pods[0].leaving = true);
        acks.aim(leaving.clone());
        assert_eq!(reads(&acks), Some(vec![1]));
        assert!(acks.behind(&leaving).is_empty());
        let other = Acks::new(Arc::default());
        assert_eq!(other.behind(&leaving).len(), 1, "one that was never asked is asked even now");
    }

    /// Answers each call with the next of `generations`, the last one for ever; without any it never answers.
    fn pod(uid: &str, generations: &'static [u64]) -> GatewayPod {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = Some(listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut unanswered = Vec::new();
            let mut left = generations.iter();
            let mut generation = left.next();
            while let Ok((mut stream, _)) = listener.accept() {
                let Some(now) = generation else {
                    unanswered.push(stream);
                    continue;
                };
                generation = left.next().or(generation);
                // All of the request: what is unread would make an end a reset.
                let head = BufReader::new(&stream).lines().map(Result::unwrap);
                assert!(head.take_while(|line| !line.is_empty()).count() > 1);
                let config = serde_json::json!({"generation": now, "hash": Digest([7; 32])});
                let body = serde_json::json!({"config": config, "formats": [1, 2]}).to_string();
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
        });
        GatewayPod { uid: uid.to_owned(), name: uid.to_owned(), admin, ready: true, leaving: false }
    }

    #[tokio::test]
    async fn s8_5_a_pod_that_does_not_answer_keeps_nobody_waiting_for_the_others() {
        let pods = vec![pod("mute", &[]), pod("first", &[6, 7]), pod("second", &[7])];
        let acks = Acks::new(Arc::default());
        acks.aim(Aims::from([(ObjectName::new("a", "default"), Aim { revision: REVISION, pods })]));
        // It waits for an answer for as long as it takes: for ever.
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let all_others_said = async {
            while ["first", "second"].map(|uid| acks.heard(uid).and_then(|heard| heard.runs))
                != [Some(REVISION); 2]
            {
                acks.news.notified().await;
            }
        };
        tokio::select! {
            () = acks.poll(&http) => panic!("it never ends"),
            said = tokio::time::timeout(Duration::from_secs(30), all_others_said) => said.unwrap(),
        }
        assert_eq!(acks.heard("mute"), None);
    }

    #[test]
    fn what_is_known_of_a_pod_goes_with_it() {
        let acks = Acks::new(Arc::default());
        acks.hear(&asked(&acks, true)[0], said(REVISION));
        acks.aim(Aims::new());
        assert_eq!(acks.heard("1"), None);
    }

    #[test]
    fn a_pod_that_falls_silent_keeps_what_it_said() {
        let acks = Acks::new(Arc::default());
        let question = &asked(&acks, true)[0];
        acks.hear(question, said(REVISION));
        assert!(acks.hear(question, None), "its silence is news");
        let heard = acks.heard("1").unwrap();
        assert_eq!(heard, Heard { runs: Some(REVISION), formats: Some(vec![1]), silent: true });
    }
}
