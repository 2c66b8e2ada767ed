//! What makes the loop come round, on an API server that tells by watches.

use super::*;
use crate::fake_api::FakeApi;
use crate::names::GATEWAY_LABEL;
use serde_json::{Value, json};
use weir_config::Digest;
use weir_config::published::{FORMATS, Index, Revision};

fn format(api: &FakeApi) -> Option<u32> {
    let index = api.get("configmaps", ("a", "default-config"))?;
    Some(Index::from_json(index["data"]["index.json"].as_str()?.as_bytes()).unwrap().format)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn pod() -> Value {
    let metadata = json!({"namespace": "a", "name": "pod", "labels": {GATEWAY_LABEL: "default"}});
    json!({"metadata": metadata, "status": {"podIP": "127.0.0.1"}})
}

#[tokio::test(start_paused = true)]
async fn s8_10_the_loop_publishes_anew_for_a_pod_that_reads_only_the_older_format_and_again_when_it_has_gone()
{
    let api = FakeApi::watched(&["*"]);
    let metadata = json!({"namespace": "a", "name": "default"});
    let gateway =
        json!({"apiVersion": weir_crds::API_VERSION, "kind": "LLMGateway", "metadata": metadata, "spec": {}});
    api.create("llmgateways.weir.dev", gateway);
    let (mut tasks, wake, metrics) = (Tasks::default(), Wakers::default(), Arc::new(Metrics::default()));
    let scope = Scope::new(&["*".to_owned()]);
    let picture = Arc::new(watch::start(&api.client(), &scope, &wake, &mut tasks));
    let news = Arc::new(Notify::new());
    let acks = Arc::new(Acks::new(Arc::clone(&news)));
    let (statuses, heard) = (Arc::new(Statuses::new(Arc::clone(&metrics))), Arc::clone(&acks));
    let outcomes = Arc::new(Outcomes::new(Arc::clone(&news)));
    let world = World::new(api.client(), picture, Arc::clone(&metrics), acks, statuses, outcomes, false);
    let (_leads, leading) = channel::channel(true);
    let turns =
        Turns { wake, news: Arc::clone(&news), leading, pulse: Arc::new(Pulse::default()), metrics, world };
    let told = async {
        let newest = FORMATS.last().copied();
        until("the newest format is published", || format(&api) == newest).await;
        let uid = api.create("pods", pod())["metadata"]["uid"].as_str().unwrap().to_owned();
        let nothing = Revision { generation: 0, hash: Digest([0; 32]) };
        until("the older one is", || {
            heard.tell(&uid, false, nothing, &[1]);
            news.notify_one();
            format(&api) == Some(1)
        })
        .await;
        api.delete("pods", ("a", "pod"));
        until("the newest one is again", || format(&api) == newest).await;
    };
    tokio::select! {
        () = turns.forever() => panic!("it never ends"),
        () = told => {}
    }
}
