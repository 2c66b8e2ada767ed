//! The API server is away for a minute: nobody notices who does not want to change anything.

use super::calm::calm;
use super::scene::Scene;
use std::time::{Duration, Instant};
use weir_cluster::Plane;

const AWAY: Duration = Duration::from_secs(60);
/// After the API server's return everything is as on any day.
const BACK: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_7_with_the_api_server_away_for_a_minute_traffic_goes_on_and_changes_follow_its_return() {
    let plane = Plane::start().await.unwrap();
    plane.install_crds().await.unwrap();
    let mut scene = Scene::new(&plane).await.unwrap();
    let mut operator = scene.operator().unwrap();
    let texts = scene.story().begin().await.unwrap();

    let before = scene.traffic.answered();
    plane.stop_api_server();
    tokio::time::sleep(AWAY).await;
    assert_eq!(scene.traffic.wrong(), Vec::<String>::new());
    assert!(scene.traffic.answered() > before + 100, "callers went on");

    plane.start_api_server().await.unwrap();
    let back = Instant::now();
    scene.story().change().await.unwrap();
    scene.story().revoke(&texts).await.unwrap();
    assert!(back.elapsed() < BACK, "{:?}", back.elapsed());
    scene.story().end(&texts, Some(&calm().await.end)).await.unwrap();
    assert!(operator.process.ended().unwrap().is_none(), "{}", operator.process.output());
    assert!(scene.gateway.process.ended().unwrap().is_none());
}
