use super::*;
use crate::report::Status;
use proptest::prelude::*;
use std::sync::Arc;
use weir_crds::LLMProviderStatus;

fn offer(name: &str, models: i32) -> Offer {
    let status = LLMProviderStatus { model_count: Some(models), ..LLMProviderStatus::default() };
    Offer {
        object: (Kind::Provider, ObjectName::new("a", name)),
        uid: format!("uid-{name}"),
        version: "1".to_owned(),
        generation: 1,
        status: Arc::new(Status::Provider(status)),
        news: None,
        may_wait: false,
    }
}

fn held(name: &str, models: i32) -> Offer {
    Offer { may_wait: true, ..offer(name, models) }
}

fn report(offers: Vec<Offer>) -> Report {
    Report { offers, ..Report::default() }
}

fn written(version: &str) -> Landed {
    Landed::Written(version.to_owned())
}

const FAILED: Landed = Landed::Failed(Duration::ZERO);

#[test]
fn the_latest_word_wins_and_a_word_that_is_taken_back_is_not_written() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 1), offer("y", 1)]), now);
    queue.take(report(vec![offer("x", 2)]), now);
    assert_eq!(queue.waiting(), 1);
    assert_eq!(queue.next(now), Next::Write(offer("x", 2)));
    assert_eq!(queue.next(now), Next::Nothing);
}

#[test]
fn an_object_is_written_to_by_one_call_at_a_time() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 1)]), now);
    let Next::Write(first) = queue.next(now) else { panic!() };
    queue.take(report(vec![offer("x", 2)]), now);
    assert_eq!(queue.next(now), Next::Nothing);
    queue.landed(first, written("5"), now);
    let Next::Write(second) = queue.next(now) else { panic!() };
    assert_eq!(second.status, offer("x", 2).status);
    assert_eq!(second.version, "5", "the watch has not told of it, but we know");
}

#[test]
fn what_was_written_is_not_written_again_before_the_watch_tells_of_it() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 1)]), now);
    let Next::Write(first) = queue.next(now) else { panic!() };
    assert_eq!(queue.known.beyond("uid-x", "1"), Some(&first.status), "on its way is as good as there");
    queue.landed(first, written("5"), now);
    queue.take(report(vec![offer("x", 1)]), now);
    assert_eq!(queue.next(now), Next::Nothing);
    assert_eq!(queue.waiting(), 0);
    // The watch knows a later version, and the status in it is another: somebody has changed it.
    queue.take(report(vec![Offer { version: "6".to_owned(), ..offer("x", 1) }]), now);
    assert!(matches!(queue.next(now), Next::Write(_)));
}

#[test]
fn what_the_watch_has_told_of_is_forgotten() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 1), offer("y", 1)]), now);
    for version in ["5", "6"] {
        let Next::Write(next) = queue.next(now) else { panic!() };
        queue.landed(next, written(version), now);
    }
    let watched = |x: &'static str| BTreeMap::from([("uid-x", x), ("uid-y", "1")]);
    assert!(queue.known.caught_up(&watched("4")).is_empty());
    let caught_up = queue.known.caught_up(&watched("5"));
    queue.take(Report { caught_up, ..Report::default() }, now);
    assert_eq!(queue.known.beyond("uid-x", "1"), None);
    assert!(queue.known.beyond("uid-y", "1").is_some());
    let caught_up = queue.known.caught_up(&BTreeMap::new());
    queue.take(Report { caught_up, ..Report::default() }, now);
    assert!(queue.known.is_empty(), "objects that are gone");
}

#[test]
fn what_may_wait_waits_a_second_from_its_first_word_on() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![held("x", 1)]), now);
    assert_eq!(queue.next(now), Next::At(now + HOLD));
    queue.take(report(vec![held("x", 2)]), now + HOLD / 2);
    assert_eq!(queue.next(now + HOLD / 2), Next::At(now + HOLD), "others do not put it off");
    assert_eq!(queue.next(now + HOLD), Next::Write(held("x", 2)));

    queue.take(report(vec![held("y", 1)]), now);
    queue.take(report(vec![offer("y", 2)]), now);
    assert_eq!(queue.next(now), Next::Write(offer("y", 2)), "the acknowledgement has come");
}

#[test]
fn what_failed_waits_longer_each_time_and_a_newer_word_waits_with_it() {
    let (mut queue, mut now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 0)]), now);
    let mut waits = Vec::new();
    for models in 1..12 {
        let Next::Write(next) = queue.next(now) else { panic!() };
        queue.landed(next, FAILED, now);
        assert_eq!(queue.known.beyond("uid-x", "1"), None, "it is not there");
        queue.take(report(vec![offer("x", models)]), now);
        let Next::At(at) = queue.next(now) else { panic!() };
        waits.push((at - now).as_secs_f32());
        now = at;
    }
    assert!(waits[0] >= 1.0 && waits[0] <= 2.0, "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[1] > pair[0] || pair[1] >= 60.0), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 121.0), "{waits:?}");
    let Next::Write(next) = queue.next(now) else { panic!() };
    assert_eq!(next, offer("x", 11));
    queue.landed(next, written("5"), now);
    queue.take(report(vec![offer("x", 12)]), now);
    assert!(matches!(queue.next(now), Next::Write(_)), "a success ends it");
}

#[test]
fn an_api_server_that_asks_for_time_gets_it() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 1)]), now);
    let Next::Write(next) = queue.next(now) else { panic!() };
    queue.landed(next, Landed::Failed(Duration::from_secs(30)), now);
    assert_eq!(queue.next(now), Next::At(now + Duration::from_secs(30)));
}

#[test]
fn what_was_overtaken_is_dropped() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.take(report(vec![offer("x", 1)]), now);
    let Next::Write(next) = queue.next(now) else { panic!() };
    queue.landed(next, Landed::Overtaken, now);
    assert_eq!(queue.next(now + RETRY.1 * 4), Next::Nothing);
    assert_eq!(queue.known.beyond("uid-x", "1"), None);
}

/// What can happen to a queue.
#[derive(Debug, Clone)]
enum Happens {
    Pass(Vec<(u8, i32, bool)>),
    Call,
    Lands(usize, bool),
    Time(u64),
}

fn any_happening() -> impl Strategy<Value = Happens> {
    prop_oneof![
        prop::collection::vec((0..4u8, 0..3i32, any::<bool>()), 0..5).prop_map(Happens::Pass),
        Just(Happens::Call),
        Just(Happens::Call),
        (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Happens::Lands(which, good)),
        (0..3000u64).prop_map(Happens::Time),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_last_word_is_what_ends_up_there(happenings in prop::collection::vec(any_happening(), 0..40)) {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let mut flying: Vec<Offer> = Vec::new();
        let mut there: BTreeMap<Object, (u64, Arc<Status>)> = BTreeMap::new();
        let mut version = 1;
        let mut land = |queue: &mut Queue, offer: Offer, good: bool, now, there: &mut BTreeMap<_, _>| {
            version += 1;
            let how = if good { written(&version.to_string()) } else { FAILED };
            if good {
                there.insert(offer.object.clone(), (version, offer.status.clone()));
            }
            queue.landed(offer, how, now);
        };
        let mut wanted: BTreeMap<Object, Arc<Status>> = BTreeMap::new();
        for happens in happenings {
            match happens {
                Happens::Pass(all) => {
                    // As `all` does: what is not there nor on its way, of each object once.
                    let offers: BTreeMap<Object, Offer> = all.into_iter().map(|(name, models, may_wait)| {
                        let offer = Offer { may_wait, ..offer(&name.to_string(), models) };
                        (offer.object.clone(), offer)
                    }).collect();
                    for (object, offer) in &offers {
                        wanted.insert(object.clone(), offer.status.clone());
                    }
                    let is_new = |object: &Object, status: &Arc<Status>| {
                        let uid = format!("uid-{}", object.1.name);
                        queue.known.beyond(&uid, "1") != Some(status)
                    };
                    let of = |(object, status): (&Object, &Arc<Status>)| Offer {
                        status: status.clone(), ..offers.get(object).cloned().unwrap_or_else(|| offer(&object.1.name, 0))
                    };
                    let offers = wanted.iter().filter(|(object, status)| is_new(object, status)).map(of).collect();
                    queue.take(report(offers), now);
                }
                Happens::Call => if let Next::Write(offer) = queue.next(now) {
                    prop_assert!(flying.iter().all(|other| other.object != offer.object));
                    flying.push(offer);
                },
                Happens::Lands(which, good) if !flying.is_empty() => {
                    let offer = flying.remove(which % flying.len());
                    land(&mut queue, offer, good, now, &mut there);
                }
                Happens::Lands(..) => {}
                Happens::Time(millis) => now += Duration::from_millis(millis),
            }
        }
        // The world and the API server come to rest.
        loop {
            if let Some(offer) = flying.pop() {
                land(&mut queue, offer, true, now, &mut there);
                continue;
            }
            match queue.next(now) {
                Next::Write(offer) => flying.push(offer),
                Next::At(at) => now = at,
                Next::Nothing => break,
            }
        }
        for (object, status) in &wanted {
            prop_assert_eq!(there.get(object).map(|(_, status)| status), Some(status), "{:?}", object);
        }
    }
}
