//! The API server is away: gateways serve on, and begin again with what they had.

use super::{base, kill, weir_alone};
use serde_json::json;
use std::time::{Duration, Instant};

/// Semantics S8.7.
const CONVERGED: Duration = Duration::from_secs(10);

#[tokio::test]
async fn s8_7_gateways_serve_and_start_again_while_the_api_server_is_away_and_follow_its_return() {
    let weir = weir_alone("away").await;
    let plane = &weir.node().plane;
    let pods = weir.until_two_pods().await.unwrap();
    let service = weir.service().await.unwrap();
    plane.stop_api_server();
    assert_eq!(weir.ask(&service, "chat").await.unwrap(), 200);
    for pod in &pods {
        kill(pod).unwrap();
    }
    for pod in &pods {
        weir.until_answered(&base(pod), "chat", 200).await.unwrap();
    }
    plane.start_api_server().await.unwrap();
    let patch = json!({"spec": {"aliases": [{"name": "later"}]}}).to_string();
    weir.kubectl(&["patch", "llmroute", "chat", "--type", "merge", "--patch", &patch]).await.unwrap();
    let changed = Instant::now();
    for pod in &pods {
        weir.until_answered(&base(pod), "later", 200).await.unwrap();
    }
    let taken = changed.elapsed();
    assert!(taken < CONVERGED, "{taken:?}");
    weir.until_two_pods().await.unwrap();
    weir.until_ready(&["llmgateway/default", "llmroute/chat", "llmkey/quickstart"]).await.unwrap();
}
