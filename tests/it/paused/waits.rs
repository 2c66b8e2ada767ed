//! S1.4: how long a target that failed is waited for, where no other is left.

use super::world::{Net, World, seconds};
use crate::harness::{Config, unary};
use std::sync::Arc;
use std::time::Duration;
use weir_upstream::{Answer, Upstream};

/// A gateway over one upstream, which fails with `failure` so many `times`; waits are as they are by default.
fn failing(failure: Answer, times: usize) -> (Net, World, Arc<Upstream>) {
    let net = Net::default();
    let upstream = net.upstream();
    (0..times).for_each(|_| upstream.then(failure.clone()));
    let mut config = Config::over(&[&upstream]);
    config.route_mut(|route| {
        route.retry.backoff_base = Duration::from_millis(200);
        route.retry.backoff_max = seconds(5);
    });
    let world = net.start(&config);
    (net, world, upstream)
}

/// How long it was between the requests that came.
fn gaps(upstream: &Upstream) -> Vec<Duration> {
    let seen = upstream.requests();
    seen.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

#[tokio::test(start_paused = true)]
async fn s1_4_repeats_are_spread_over_the_second_half_of_a_backoff_that_doubles() {
    let mut firsts = Vec::new();
    for _ in 0..20 {
        let (_net, world, upstream) = failing(Answer::server_error(500), 2);
        let (reply, _) = world.ask(&unary()).await;
        assert!(reply.is_whole(), "{reply:?}");
        let gaps = gaps(&upstream);
        assert_eq!(gaps.len(), 2);
        for (gap, least) in gaps.iter().zip([100, 200]) {
            let least = Duration::from_millis(least);
            assert!((least..2 * least + Duration::from_millis(5)).contains(gap), "{gaps:?}");
        }
        firsts.push(gaps[0]);
    }
    assert!(firsts.iter().any(|gap| gap != &firsts[0]), "all of {:?}: nothing spreads them", firsts[0]);
}

#[tokio::test(start_paused = true)]
async fn s1_4_who_asks_for_a_minute_gets_it() {
    for failure in [Answer::rate_limited(Some(60)), Answer::overloaded().header("retry-after", "60")] {
        let (_net, world, upstream) = failing(failure, 1);
        let (reply, _) = world.ask(&unary()).await;
        assert!(reply.is_whole(), "{reply:?}");
        let gap = gaps(&upstream)[0];
        assert!((seconds(60)..seconds(60) + Duration::from_millis(205)).contains(&gap), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s1_4_a_wait_that_ends_after_the_deadline_is_not_begun() {
    let (_net, world, upstream) = failing(Answer::rate_limited(Some(121)), 9);
    let (reply, took) = world.ask(&unary()).await;
    assert_eq!((reply.status, reply.code().as_str(), upstream.count()), (503, "upstream_unavailable", 1));
    assert!(took < seconds(1), "{took:?}");
}
