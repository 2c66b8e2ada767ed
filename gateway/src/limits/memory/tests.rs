use super::*;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use tokio::task::JoinSet;

fn budget() -> MemoryBudget {
    MemoryBudget::new(1 << 20)
}

fn share_of(budget: &MemoryBudget, bytes: u64, class: Class) -> Share {
    let mut share = budget.share();
    share.try_grow(bytes, class).unwrap();
    share
}

fn free(budget: &MemoryBudget) -> u64 {
    budget.0.free.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn s9_3_a_spent_budget_turns_away_after_a_second() {
    let budget = budget();
    let share = share_of(&budget, 640 << 10, Class::Body);
    let began = tokio::time::Instant::now();
    assert!(budget.share().grow(100 << 10, Class::Body).await.is_err());
    assert_eq!(began.elapsed(), WAIT);
    let mut other = budget.share();
    let waits = other.grow(100 << 10, Class::Body);
    let gives_back = async {
        tokio::task::yield_now().await;
        drop(share);
    };
    let (given, ()) = tokio::join!(waits, gives_back);
    assert!(given.is_ok(), "what others give back goes to who waits");
    drop(other);
    assert_eq!(free(&budget), 1 << 20);
}

#[tokio::test(start_paused = true)]
async fn s9_3_each_leaves_room_for_those_who_hold_less() {
    let budget = budget();
    let _large = share_of(&budget, 640 << 10, Class::Body);
    assert!(budget.share().try_grow(1, Class::Body).is_err());
    let _answer = share_of(&budget, 192 << 10, Class::Answer);
    assert!(budget.share().try_grow(1, Class::Answer).is_err());
    let _stream = share_of(&budget, 128 << 10, Class::Stream);
    assert!(budget.share().try_grow(1, Class::Stream).is_err());
    let _small = share_of(&budget, SMALL, Class::Small);
    assert!(budget.share().try_grow(1, Class::Small).is_err());
    assert_eq!(free(&budget), 0);
}

#[tokio::test(start_paused = true)]
async fn s9_3_who_waits_holds_no_room_for_later() {
    let budget = budget();
    let large = share_of(&budget, 600 << 10, Class::Body);
    let mut other = budget.share();
    let mut waits = pin!(other.grow(600 << 10, Class::Body));
    std::future::poll_fn(|cx| {
        assert!(waits.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let small: Vec<Share> = (0..6).map(|_| share_of(&budget, SMALL, Class::Small)).collect();
    drop((large, small));
    waits.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s9_3_small_ones_that_wait_are_served_before_large_ones() {
    let budget = budget();
    let mut large = share_of(&budget, 640 << 10, Class::Body);
    let _rest = share_of(&budget, 384 << 10, Class::Small);
    let (mut first, mut second) = (budget.share(), budget.share());
    let waiting_large = first.grow(SMALL, Class::Body);
    let waiting_small = second.grow(SMALL, Class::Small);
    let gives_back = async {
        tokio::task::yield_now().await;
        large.shrink((640 - 64) << 10);
    };
    let (large, small, ()) = tokio::join!(waiting_large, waiting_small, gives_back);
    assert!(large.is_err() && small.is_ok());
}

#[tokio::test(start_paused = true)]
async fn s9_3_room_for_several_wakes_several() {
    let budget = budget();
    let share = share_of(&budget, 640 << 10, Class::Body);
    let mut shares: Vec<Share> = (0..4).map(|_| budget.share()).collect();
    let [a, b, c, d] = shares.as_mut_slice() else { unreachable!() };
    let gives_back = async {
        tokio::task::yield_now().await;
        drop(share);
    };
    let size = 128 << 10;
    let (a, b, c, d, ()) = tokio::join!(
        a.grow(size, Class::Body),
        b.grow(size, Class::Body),
        c.grow(size, Class::Body),
        d.grow(size, Class::Body),
        gives_back
    );
    assert!([a, b, c, d].iter().all(Result::is_ok));
}

/// Whether there is room for a share before its wait is over.
async fn at_once(share: &mut Share, bytes: u64, class: Class) -> bool {
    let began = tokio::time::Instant::now();
    share.grow(bytes, class).await.is_ok() && began.elapsed() < WAIT
}

#[tokio::test(start_paused = true)]
async fn s9_3_room_that_is_too_little_for_who_waits_first_goes_to_others() {
    const KIB: u64 = 1 << 10;
    use Class::{Answer, Body, Small, Stream};
    // Of 1 MiB a body leaves 384 KiB to others, an answer 192, a stream 64.
    for (taken, back, first, second) in [
        (928, 192, (64 * KIB, Body), (64 * KIB, Answer)),
        (928, 192, (512 * KIB, Answer), (64 * KIB, Answer)),
        (640, 100, (512 * KIB, Answer), (64 * KIB, Body)),
        (640, 100, (512 * KIB, Body), (64 * KIB, Body)),
        (1000, 60, (512 * KIB, Stream), (16 * KIB, Stream)),
        (1024, 40, (64 * KIB, Small), (16 * KIB, Small)),
    ] {
        let budget = budget();
        let mut large = share_of(&budget, taken * KIB, Small);
        let (mut one, mut other) = (budget.share(), budget.share());
        let gives_back = async {
            tokio::task::yield_now().await;
            large.shrink((taken - back) * KIB);
        };
        let waiting = (at_once(&mut one, first.0, first.1), at_once(&mut other, second.0, second.1));
        let (one, other, ()) = tokio::join!(waiting.0, waiting.1, gives_back);
        assert_eq!((one, other), (false, true), "{first:?} {second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s9_3_room_that_nobody_can_use_is_offered_a_few_times_only() {
    let budget = budget();
    let mut share = share_of(&budget, 1 << 20, Class::Small);
    let looks = Arc::new(AtomicUsize::new(0));
    let mut crowd = JoinSet::new();
    for _ in 0..40 {
        let (mut share, looks) = (budget.share(), Arc::clone(&looks));
        crowd.spawn(async move {
            let mut grows = pin!(share.grow(600 << 10, Class::Answer));
            let looking = std::future::poll_fn(|cx| {
                looks.fetch_add(1, Ordering::Relaxed);
                grows.as_mut().poll(cx)
            });
            drop(looking.await);
        });
    }
    let everybody_has_looked = async || {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        looks.swap(0, Ordering::Relaxed)
    };
    assert_eq!(everybody_has_looked().await, 40);
    share.shrink((1 << 20) - PAGE);
    assert_eq!(everybody_has_looked().await, MOST_OFFERS);
}

#[tokio::test(start_paused = true)]
async fn s9_3_a_crowd_is_turned_away_at_once() {
    let budget = budget();
    let _share = share_of(&budget, 640 << 10, Class::Body);
    let mut crowd: Vec<Share> = (0..MOST_WAITING).map(|_| budget.share()).collect();
    let mut waiting: Vec<_> =
        crowd.iter_mut().map(|share| Box::pin(share.grow(SMALL * 2, Class::Body))).collect();
    std::future::poll_fn(|cx| {
        assert!(waiting.iter_mut().all(|waits| waits.as_mut().poll(cx).is_pending()));
        Poll::Ready(())
    })
    .await;
    let began = tokio::time::Instant::now();
    assert!(budget.share().grow(SMALL * 2, Class::Body).await.is_err());
    assert_eq!(began.elapsed(), Duration::ZERO);
    drop(waiting);
    assert_eq!(budget.0.queue(Class::Body).waiting(), 0);
}

#[test]
fn a_share_is_whole_pages_and_gives_all_of_them_back() {
    let budget = budget();
    let mut share = share_of(&budget, 1, Class::Small);
    assert_eq!(free(&budget), (1 << 20) - PAGE);
    share.try_grow(PAGE, Class::Small).unwrap();
    assert_eq!(free(&budget), (1 << 20) - PAGE);
    share.try_grow(PAGE + 1, Class::Small).unwrap();
    assert_eq!(free(&budget), (1 << 20) - 2 * PAGE);
    share.shrink(3 * PAGE);
    assert_eq!(free(&budget), (1 << 20) - 2 * PAGE);
    share.shrink(0);
    assert_eq!(free(&budget), 1 << 20);
    assert!(share.try_grow((1 << 20) + 1, Class::Small).is_err());
    share.try_grow(1 << 20, Class::Small).unwrap();
    drop(share);
    assert_eq!(free(&budget), 1 << 20);
}
