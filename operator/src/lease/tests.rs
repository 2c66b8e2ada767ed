//! Replicas against an API server that remembers, with the clock in hand: who leads, and for how long.

use super::*;
use crate::fake_api::{FakeApi, OWN, failure};
use crate::tasks::Tasks;

const LEASES: &str = "leases.coordination.k8s.io";
/// The uid of whom all replicas run as.
const ACCOUNT: &str = "of-the-account";
/// A little later.
const BIT: Duration = Duration::from_millis(100);

/// A replica that strives, and what it is told.
struct Replica {
    told: watch::Receiver<bool>,
    striving: Tasks,
}

impl Replica {
    fn start(api: &FakeApi, identity: &str) -> Self {
        let (leading, told) = watch::channel(false);
        let mut striving = Tasks::default();
        let account = OwnerReference { uid: ACCOUNT.to_owned(), ..OwnerReference::default() };
        let who = Who { identity: identity.to_owned(), account: Some(account) };
        striving.spawn("striving", hold(api.client(), OWN.to_owned(), who, leading));
        Self { told, striving }
    }

    fn leads(&self) -> bool {
        *self.told.borrow()
    }

    /// How long it takes until it leads, or does not.
    async fn until(&mut self, leads: bool) -> Duration {
        let begun = Instant::now();
        self.told.wait_for(|told| *told == leads).await.unwrap();
        begun.elapsed()
    }
}

fn api() -> FakeApi {
    FakeApi::watched(&["*"])
}

fn holder(api: &FakeApi) -> Option<String> {
    let lease = api.get(LEASES, (OWN, NAME))?;
    lease["spec"]["holderIdentity"].as_str().map(str::to_owned)
}

/// A Lease that `holder` has, renewed at this time by its own clock.
fn held_by(api: &FakeApi, holder: &str, renewed: &str) {
    api.create(
        LEASES,
        json!({
            "metadata": { "namespace": OWN, "name": NAME },
            "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed },
        }),
    );
}

#[tokio::test(start_paused = true)]
async fn the_lease_goes_with_the_account_whoever_made_it() {
    let api = api();
    let owner = |api: &FakeApi| {
        api.get(LEASES, (OWN, NAME)).unwrap()["metadata"]["ownerReferences"][0]["uid"].clone()
    };
    Replica::start(&api, "one").until(true).await;
    assert_eq!(owner(&api), ACCOUNT);
    api.delete(LEASES, (OWN, NAME));
    held_by(&api, "", "2026-01-01T00:00:00.000000Z");
    Replica::start(&api, "other").until(true).await;
    assert_eq!(owner(&api), ACCOUNT);
}

#[tokio::test(start_paused = true)]
async fn one_of_two_leads_and_goes_on_leading() {
    let api = api();
    let (mut one, other) = (Replica::start(&api, "one"), Replica::start(&api, "other"));
    one.until(true).await;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(one.leads() && !other.leads());
    }
    let lease = api.get(LEASES, (OWN, NAME)).unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_renews_is_taken_when_it_has_lasted_by_whatever_clock() {
    for renewed in ["1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"] {
        let api = api();
        held_by(&api, "dead", renewed);
        let took = Replica::start(&api, "me").until(true).await;
        assert!(took >= LASTS && took <= LASTS + 2 * LOOKED_AT, "{renewed}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_renews_is_left_alone() {
    let api = api();
    held_by(&api, "other", "1999-01-01T00:00:00.000000Z");
    let me = Replica::start(&api, "me");
    for turn in 0..10 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(!me.leads());
        api.edit(LEASES, (OWN, NAME), |lease| lease["spec"]["leaseTransitions"] = json!(turn));
    }
    assert_eq!(api.writes().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_started_again_under_the_same_name_leads_at_once() {
    let api = api();
    held_by(&api, "me", "1999-01-01T00:00:00.000000Z");
    assert!(Replica::start(&api, "me").until(true).await < BIT);
}

#[tokio::test(start_paused = true)]
async fn s8_7_a_lease_that_was_given_back_is_taken_soon() {
    let api = api();
    let mut one = Replica::start(&api, "one");
    one.until(true).await;
    let mut other = Replica::start(&api, "other");
    tokio::time::sleep(BIT).await;
    drop(one.told);
    one.striving.first_end().await;
    assert_eq!(holder(&api), None);
    assert!(other.until(true).await <= LOOKED_AT);
    assert_eq!(holder(&api).as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_it_leads_no_more_before_another_may() {
    let api = api();
    let mut me = Replica::start(&api, "me");
    me.until(true).await;
    api.refuse("patch", OWN, failure(500, "InternalError", "not today"));
    assert!(me.until(false).await < LASTS);
    api.refuse_nothing();
    // Nobody else took it meanwhile.
    assert!(me.until(true).await <= LOOKED_AT);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_has_taken_is_noticed_and_not_taken_back() {
    let api = api();
    let mut me = Replica::start(&api, "me");
    me.until(true).await;
    api.edit(LEASES, (OWN, NAME), |lease| lease["spec"]["holderIdentity"] = json!("other"));
    assert!(me.until(false).await <= RENEWED);
    drop(me.told);
    me.striving.first_end().await;
    assert_eq!(holder(&api).as_deref(), Some("other"), "what is another's is not given back");
}

#[tokio::test(start_paused = true)]
async fn who_leads_leads_on_when_somebody_touches_the_lease() {
    let api = api();
    let mut me = Replica::start(&api, "me");
    me.until(true).await;
    api.refuse("patch", OWN, failure(409, "Conflict", "the object has been modified"));
    tokio::time::sleep(RENEWED + BIT).await;
    assert!(me.leads());
    api.refuse_nothing();
    tokio::time::sleep(LASTS).await;
    assert!(!me.told.has_changed().unwrap(), "it has never ceased to lead");
}

#[tokio::test(start_paused = true)]
async fn who_comes_second_is_refused() {
    let api = api();
    held_by(&api, "", "1999-01-01T00:00:00.000000Z");
    let client = api.client();
    let claim = |identity: &str| Claim {
        account: None,
        api: Api::namespaced(client.clone(), OWN),
        identity: identity.to_owned(),
        seen: None,
        failing: false,
    };
    let (mut one, mut other) = (claim("one"), claim("other"));
    // Both have looked, and found it nobody's.
    let lease = one.api.get(NAME).await.unwrap();
    let now = Instant::now();
    let patches = [&mut one, &mut other].map(|claim| {
        let whose = claim.look(&lease, now);
        assert_eq!(whose, Whose::Nobodys);
        claim.taken(&lease, whose)
    });
    let take = async |patch| written(one.api.patch(NAME, &params(), &Patch::Merge(patch)).await).unwrap();
    assert_eq!(take(&patches[0]).await, Some(true));
    assert_eq!(take(&patches[1]).await, None);
    assert_eq!(holder(&api).as_deref(), Some("one"));
}
