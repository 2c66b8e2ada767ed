//! S8.4, S8.10, S8.11: in which format is published, as pods of several versions come and go.

use super::*;
use crate::names::GATEWAY_LABEL;
use weir_config::published::{FORMATS, Index, Revision};
use weir_config::{Digest, ModelPattern, Snapshot, Vendor};

const NEWEST: u32 = FORMATS[FORMATS.len() - 1];

const NOTHING: Revision = Revision { generation: 0, hash: Digest([0; 32]) };

impl Life {
    fn index_json(&self) -> String {
        self.index()["data"]["index.json"].as_str().unwrap().to_owned()
    }

    fn published_index(&self) -> Index {
        Index::from_json(self.index_json().as_bytes()).unwrap()
    }

    /// A pod of the gateway comes, and the loop learns of it as it would.
    async fn pod_comes(&mut self, name: &str, is_ready: bool) {
        let status = json!({"podIP": "127.0.0.1", "conditions": [
            {"type": "Ready", "status": if is_ready { "True" } else { "False" }}]});
        let metadata =
            json!({"namespace": "a", "name": name, "uid": name, "labels": {GATEWAY_LABEL: "default"}});
        self.api.create("pods", json!({"metadata": metadata, "status": status}));
        self.until(|life| life.has_pod(name)).await;
        self.world.report();
    }

    /// It is told to go, and drains.
    async fn pod_is_leaving(&mut self, name: &str) {
        self.api.edit("pods", ("a", name), |pod| {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            pod["status"]["conditions"][0]["status"] = json!("False");
        });
        let key = ObjectName::new("a", name);
        self.until(|life| {
            life.world.picture.pods.get(&key).is_some_and(|pod| pod.metadata.deletion_timestamp.is_some())
        })
        .await;
        self.world.report();
    }

    async fn pod_goes(&mut self, name: &str) {
        self.api.delete("pods", ("a", name));
        self.until(|life| !life.has_pod(name)).await;
        self.world.report();
    }

    fn has_pod(&self, name: &str) -> bool {
        self.world.picture.pods.get(&ObjectName::new("a", name)).is_some()
    }

    /// The uid that the API server gave the pod.
    fn says(&self, name: &str, is_ready: bool, formats: &[u32]) {
        let pod = self.world.picture.pods.get(&ObjectName::new("a", name)).unwrap();
        self.world.acks.tell(pod.metadata.uid.as_ref().unwrap(), is_ready, NOTHING, formats);
    }

    /// What the loop does when it has heard news: a pass, if the format is another.
    async fn hears(&mut self) {
        self.world.report();
        if self.world.wants_format() {
            self.pass().await;
        }
        assert!(!self.world.wants_format(), "one pass is enough");
    }

    /// Publishes this, as a pass does with what compile makes.
    async fn publishes(&mut self, snapshot: &Snapshot, reads: &[u32]) {
        let World { shelves, client, picture, metrics, .. } = &mut self.world;
        let readers = [Some(reads.to_vec())];
        let wanted = Wanted { snapshot, readers: &readers, look: picture.look() };
        let shelf = shelves.values_mut().next().unwrap();
        shelf.publish(client, picture, metrics, wanted).await.unwrap();
    }

    fn programmed(&self, kind: Kind, name: &str) -> Programmed {
        let aims = self.world.shelves.values().filter_map(|shelf| self.world.aim(shelf)).collect();
        let object = (kind, ObjectName::new("a", name));
        self.world.programmed(self.world.last.as_ref().unwrap(), &aims, &object)
    }
}

#[tokio::test(start_paused = true)]
async fn s8_4_without_pods_the_newest_format_is_written() {
    let mut life = Life::published().await;
    assert_eq!(life.published_index().format, NEWEST);
    life.pod_comes("new", false).await;
    life.hears().await;
    life.says("new", false, FORMATS);
    life.hears().await;
    assert_eq!((life.published_index().format, life.published_index().generation), (NEWEST, 1));
}

/// It cannot become ready on what it cannot read, so that must not be waited for.
#[tokio::test(start_paused = true)]
async fn s8_10_a_pod_that_reads_only_the_older_format_gets_it_before_it_is_ready() {
    let mut life = Life::published().await;
    life.pod_comes("new", true).await;
    life.says("new", true, FORMATS);
    life.pod_comes("old", false).await;
    life.hears().await;
    assert_eq!(life.published_index().format, NEWEST, "what it reads is not known yet");
    life.says("old", false, &[1]);
    life.hears().await;
    let older = life.published_index();
    assert_eq!((older.format, older.generation), (1, 2));
    let whole = life.world.shelves.values().next().unwrap().since(&(Kind::Route, ObjectName::new("a", "r")));
    assert_eq!(whole, Some(2), "in other words all of it is another");
    life.pod_goes("old").await;
    life.hears().await;
    let newer = life.published_index();
    assert_eq!((newer.format, newer.generation), (NEWEST, 3));
}

/// It serves until it is gone: a key that is revoked meanwhile must be closed there, too.
#[tokio::test(start_paused = true)]
async fn s8_4_a_pod_that_is_leaving_reads_what_is_published_until_it_is_gone() {
    let mut life = Life::published().await;
    for (pod, formats) in [("new", FORMATS), ("old", &[1])] {
        life.pod_comes(pod, true).await;
        life.says(pod, true, formats);
    }
    life.hears().await;
    assert_eq!(life.published_index().format, 1);
    life.pod_is_leaving("old").await;
    life.hears().await;
    assert_eq!(life.published_index().format, 1);
    life.pod_goes("old").await;
    life.hears().await;
    assert_eq!(life.published_index().format, NEWEST);
}

#[tokio::test(start_paused = true)]
async fn s8_10_an_operator_that_has_just_begun_writes_nothing_newer_before_all_pods_have_said_that_they_read_it()
 {
    let mut first = Life::published().await;
    for pod in ["one", "two"] {
        first.pod_comes(pod, true).await;
        first.says(pod, true, &[1]);
    }
    first.hears().await;
    assert_eq!(first.published_index().format, 1);
    let before = first.index();
    // The next version of it, while pods are replaced one by one.
    let mut next = Life::begun(first.api.clone()).await;
    next.pass().await;
    next.hears().await;
    assert_eq!(next.index(), before, "nobody was asked yet");
    next.says("one", true, FORMATS);
    next.hears().await;
    assert_eq!(next.index(), before);
    next.says("two", true, FORMATS);
    next.hears().await;
    assert_eq!(next.published_index().format, NEWEST);
}

#[tokio::test(start_paused = true)]
async fn s8_4_an_index_of_a_format_to_come_is_written_over_and_not_patched() {
    for with_pod in [false, true] {
        let mut life = Life::published().await;
        if with_pod {
            life.pod_comes("newer", true).await;
        }
        let newer = json!({"format": NEWEST + 1, "generation": 41, "tenants": {}, "parts": []}).to_string();
        life.api.edit("configmaps", ("a", "default-config"), |map| {
            map["data"] = json!({"index.json": newer, "more": "of it"});
        });
        life.wants_a_pass().await;
        let index = life.published_index();
        assert_eq!((index.format, index.generation), (NEWEST, 42));
        assert!(!life.index_json().contains("tenants"), "{}", life.index_json());
        assert_eq!(life.index()["data"].as_object().unwrap().len(), 1, "{}", life.index());
    }
}

/// No manifest says such a name.
#[tokio::test(start_paused = true)]
async fn s8_11_what_older_pods_cannot_be_told_of_is_pending_and_says_why() {
    let mut life = Life::published().await;
    life.pod_comes("pod", true).await;
    let mut snapshot = life.world.last.as_ref().unwrap().output.gateways.values().next().unwrap().clone();
    let key = Arc::make_mut(&mut snapshot.keys[0]);
    key.allowed_models.0.push(ModelPattern::Exact("chat*".to_owned()));
    for (reads, is_left_out) in [(&[1][..], true), (FORMATS, false), (&[1], true)] {
        life.publishes(&snapshot, reads).await;
        life.says("pod", true, reads);
        let index = life.published_index();
        assert_eq!(index.parts.keys().filter(|part| part.contains("secret")).count(), 1);
        let revision = index.revision();
        let uid =
            life.world.picture.pods.get(&ObjectName::new("a", "pod")).unwrap().metadata.uid.clone().unwrap();
        life.world.report();
        life.world.acks.tell(&uid, true, revision, reads);
        assert_eq!(life.programmed(Kind::Route, "r"), Programmed::Current, "others are not concerned");
        match life.programmed(Kind::Key, "k") {
            Programmed::LeftOut { message } if is_left_out => {
                assert!(
                    message.contains("LLMGateway a/default") && message.contains("spec.image"),
                    "{message}"
                );
                assert!(message.contains("ends with *"), "{message}");
            }
            said => assert_eq!((said, is_left_out), (Programmed::Current, false)),
        }
    }
}

/// They would ask it in another API.
#[tokio::test(start_paused = true)]
async fn s8_11_an_anthropic_account_is_pending_while_a_pod_reads_no_format_that_has_it() {
    let mut life = Life::published().await;
    life.pod_comes("pod", true).await;
    let mut snapshot = life.world.last.as_ref().unwrap().output.gateways.values().next().unwrap().clone();
    Arc::make_mut(&mut snapshot.providers[0]).vendor = Vendor::Anthropic;
    let uid =
        life.world.picture.pods.get(&ObjectName::new("a", "pod")).unwrap().metadata.uid.clone().unwrap();
    for reads in [&[1, 2][..], FORMATS] {
        life.publishes(&snapshot, reads).await;
        life.world.report();
        life.world.acks.tell(&uid, true, life.published_index().revision(), reads);
        assert_eq!(life.programmed(Kind::Route, "r"), Programmed::Current);
        match life.programmed(Kind::Provider, "p") {
            Programmed::LeftOut { message } if reads != FORMATS => {
                assert!(message.contains("vendor Anthropic") && message.contains("pod pod "), "{message}");
                assert!(message.contains("none of its pods serves the object"), "{message}");
            }
            said => assert_eq!((said, reads), (Programmed::Current, FORMATS)),
        }
    }
}

/// A change that alters no byte of what is published is in force nowhere, though all pods run what is published.
#[tokio::test(start_paused = true)]
async fn s8_11_a_change_of_a_field_that_the_older_format_forgets_is_pending_until_the_newer_one_is_run() {
    let mut life = Life::published().await;
    life.pod_comes("pod", true).await;
    let before = life.world.last.as_ref().unwrap().output.gateways.values().next().unwrap().clone();
    let mut after = before.clone();
    Arc::make_mut(&mut after.providers[0]).timeouts.first_token = Duration::from_secs(30);
    life.publishes(&before, &[1]).await;
    let index = life.published_index();
    let uid =
        life.world.picture.pods.get(&ObjectName::new("a", "pod")).unwrap().metadata.uid.clone().unwrap();
    life.world.report();
    life.world.acks.tell(&uid, true, index.revision(), &[1]);
    assert_eq!(life.programmed(Kind::Provider, "p"), Programmed::Current);
    life.publishes(&after, &[1]).await;
    assert_eq!(life.published_index(), index, "else this shows nothing");
    match life.programmed(Kind::Provider, "p") {
        Programmed::LeftOut { message } => {
            assert!(message.contains("timeouts.firstToken") && message.contains("pod pod "), "{message}");
        }
        said => panic!("{said:?}"),
    }
    life.publishes(&before, &[1]).await;
    assert_eq!(life.programmed(Kind::Provider, "p"), Programmed::Current, "that is what they do");
    life.publishes(&after, FORMATS).await;
    life.world.report();
    assert_eq!(life.programmed(Kind::Provider, "p"), Programmed::Pending { current: 0, total: 1 });
    life.world.acks.tell(&uid, true, life.published_index().revision(), FORMATS);
    assert_eq!(life.programmed(Kind::Provider, "p"), Programmed::Current);
}

/// Pods that ran an earlier generation ran it without the object.
#[tokio::test(start_paused = true)]
async fn s8_11_what_was_left_out_is_in_force_from_the_format_on_that_has_it() {
    let mut life = Life::published().await;
    life.pod_comes("pod", true).await;
    let mut snapshot = life.world.last.as_ref().unwrap().output.gateways.values().next().unwrap().clone();
    Arc::make_mut(&mut snapshot.keys[0]).allowed_models.0.push(ModelPattern::Exact("chat*".to_owned()));
    life.publishes(&snapshot, &[1]).await;
    let without = life.published_index().revision();
    life.publishes(&snapshot, FORMATS).await;
    let uid =
        life.world.picture.pods.get(&ObjectName::new("a", "pod")).unwrap().metadata.uid.clone().unwrap();
    life.world.report();
    life.world.acks.tell(&uid, true, without, FORMATS);
    assert_eq!(life.programmed(Kind::Key, "k"), Programmed::Pending { current: 0, total: 1 });
    life.world.acks.tell(&uid, true, life.published_index().revision(), FORMATS);
    assert_eq!(life.programmed(Kind::Key, "k"), Programmed::Current);
}
