//! What the upstream remembers, and how a test waits for it.

use std::time::{Duration, Instant};

use super::client::Client;
use crate::{Answer, At, Chat, Gate, Upstream};

const STREAM: &str = r#"{"model":"m","stream":true}"#;

#[tokio::test]
async fn leaving_is_noticed_at_once_wherever_the_answer_waits() {
    let upstream = Upstream::start();
    let gate = Gate::new();
    let slow = Duration::from_secs(60);
    let answers = [
        Answer::hang(),
        Answer::says("x").hold_at(At::Event(1), &gate),
        Chat::says("").events(5).answer().every(slow),
        Answer::endless_comments(Duration::from_millis(1)),
        Answer::huge(64), // blocked in a write
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        upstream.then(answer);
        let mut client = Client::to(&upstream);
        client.post(STREAM);
        upstream.wait_for_requests(n + 1).await.unwrap();
        if n == 4 {
            client.some(); // rendering a huge answer takes longer than noticing
        }
        let left = Instant::now();
        drop(client);
        upstream.wait_for_cancelled(n + 1).await.unwrap();
        let noticed = upstream.cancelled()[n];
        assert!(noticed.at - left < Duration::from_millis(50), "answer {n}: {:?}", noticed.at - left);
        assert_eq!(noticed.request, n as u64 + 1);
    }
    upstream.wait_for(Duration::from_secs(5), |upstream| upstream.connections_open() == 0).await.unwrap();
    assert_eq!((gate.waiting(), upstream.connections(), upstream.finished()), (0, 5, 0));
}

#[tokio::test]
async fn a_gate_holds_until_it_is_opened() {
    let upstream = Upstream::start();
    let gate = Gate::new();
    upstream.always(Answer::says("x").hold_at(At::Start, &gate));
    let mut first = Client::to(&upstream);
    let mut second = Client::to(&upstream);
    first.post("{}");
    gate.reached_by(1).await;
    second.post("{}");
    gate.reached_by(2).await;
    gate.let_through(1);
    assert!(first.some().contains("200 OK"));
    assert_eq!(gate.waiting(), 1);
    gate.open();
    assert!(second.some().contains("200 OK"));
    assert!(upstream.cancelled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn waiting_works_under_a_paused_clock_and_gives_up_in_real_time() {
    let upstream = Upstream::start();
    let mut client = Client::to(&upstream);
    client.post("{}");
    upstream.wait_for_requests(1).await.unwrap();
    let start = Instant::now();
    let late =
        upstream.wait_for(Duration::from_millis(30), |upstream| upstream.count() == 2).await.unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert!(late.to_string().contains("saw 1 requests"), "{late}");
}
