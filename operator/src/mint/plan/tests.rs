use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use std::collections::BTreeSet;

/// Names are few, so that keys meet on one Secret.
#[derive(Debug, Clone)]
struct Given {
    name: &'static str,
    secret: &'static str,
    gateway: &'static str,
    second: i64,
    leaving: bool,
    source: &'static str,
}

impl Given {
    fn key(&self) -> Arc<LLMKey> {
        let generate = json!({"secretName": self.secret});
        let brought = json!({"name": self.secret, "key": "k"});
        let source = match self.source {
            "generate" => json!({"generate": generate}),
            "both" => json!({"generate": generate, "secretRef": brought}),
            _ => json!({"secretRef": brought}),
        };
        let leaving = self.leaving.then_some("2026-11-02T00:00:00Z");
        let created = Timestamp::from_second(1_700_000_000 + self.second).unwrap().to_string();
        let metadata = json!({"namespace": "a", "name": self.name, "uid": format!("uid-{}", self.name),
                              "creationTimestamp": created, "deletionTimestamp": leaving});
        let spec = json!({"gatewayRef": {"name": self.gateway}, "source": source, "allowedModels": ["*"]});
        let key =
            json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMKey", "metadata": metadata, "spec": spec});
        Arc::new(serde_json::from_value(key).unwrap())
    }

    fn to(&self) -> ToMint {
        Claim::of(&self.key(), &Ports::new()).unwrap().to
    }
}

fn given() -> impl Strategy<Value = Given> {
    let names = select(&["p", "q", "r", "s", "t"][..]);
    let sources = select(&["generate", "generate", "generate", "secretRef", "both"][..]);
    let rest = (select(&["x", "y", "z"][..]), select(&["default", "other"][..]), 0..3i64);
    (names, rest, prop::bool::weighted(0.2), sources).prop_map(
        |(name, (secret, gateway, second), leaving, source)| Given {
            name,
            secret,
            gateway,
            second,
            leaving,
            source,
        },
    )
}

/// Each key once.
fn keys() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec(given(), 0..6).prop_map(|mut keys| {
        let mut seen = BTreeSet::new();
        keys.retain(|key| seen.insert(key.name));
        keys
    })
}

/// Which Secrets are there, of which owner, and for which gateway.
type There = BTreeMap<&'static str, (Option<&'static str>, &'static str)>;

fn there() -> impl Strategy<Value = There> {
    let owner = prop::option::of(select(&["uid-p", "uid-q", "uid-r", "uid-gone"][..]));
    prop::collection::btree_map(
        select(&["x", "y", "z"][..]),
        (owner, select(&["default", "other"][..])),
        0..3,
    )
}

fn secret(gateway: &str) -> Secret {
    let addresses = minted_addresses(&ObjectName::new("a", gateway), 80).into_iter();
    let data = addresses.map(|(name, url)| (name.to_owned(), k8s_openapi::ByteString(url.into_bytes())));
    Secret { data: Some(data.collect()), ..Secret::default() }
}

fn planned(keys: &[Given], there: &There) -> Plan {
    let secrets: BTreeMap<&str, Secret> =
        there.iter().map(|(name, (_, gateway))| (*name, secret(gateway))).collect();
    let found = there.iter().map(|(name, (owner, _))| {
        let owners = owner.iter().map(ToString::to_string).collect();
        (ObjectName::new("a", *name), Found { owners, content: secrets.get(name) })
    });
    plan(&keys.iter().map(Given::key).collect::<Vec<_>>(), &found.collect(), &Ports::new())
}

/// What is there once the plan is carried out.
fn carried_out(plan: &Plan, keys: &[Given], there: &There) -> There {
    let mut there = there.clone();
    for to in &plan.mint {
        let key = keys.iter().find(|key| key.name == to.key.name.name).unwrap();
        let uid = ["uid-p", "uid-q", "uid-r", "uid-s", "uid-t"].into_iter().find(|uid| *uid == to.key.uid);
        assert!(there.insert(key.secret, (uid, key.gateway)).is_none(), "written over {}", key.secret);
    }
    for to in &plan.refresh {
        let key = keys.iter().find(|key| key.name == to.key.name.name).unwrap();
        there.get_mut(key.secret).unwrap().1 = key.gateway;
    }
    there
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s10_8_every_secret_stays_whose_it_is_and_each_key_has_its_own_or_is_told(keys in keys(), there in there()) {
        let plan = planned(&keys, &there);
        let wanting = |key: &&Given| key.source == "generate";
        let minted: BTreeSet<&str> = plan.mint.iter().map(|to| to.secret.name.as_str()).collect();
        prop_assert_eq!(minted.len(), plan.mint.len(), "one key per Secret");
        for key in keys.iter().filter(wanting) {
            let to = key.to();
            let is_taken = plan.taken.get(&to.key.name) == Some(&to.secret);
            let is_minted = plan.mint.contains(&to);
            match there.get(key.secret) {
                Some((owner, gateway)) => {
                    let ours = *owner == Some(to.key.uid.as_str());
                    prop_assert_eq!((is_taken, is_minted), (!ours, false));
                    let stale = ours && !key.leaving && *gateway != key.gateway;
                    prop_assert_eq!(plan.refresh.contains(&to), stale);
                }
                None if key.leaving => prop_assert_eq!((is_taken, is_minted), (minted.contains(key.secret), false)),
                None => prop_assert!(is_taken != is_minted),
            }
        }
        let told = plan.taken.len() + plan.mint.len() + plan.refresh.len();
        prop_assert!(told <= keys.iter().filter(wanting).count(), "nothing is said of other keys");
    }

    #[test]
    fn the_order_of_keys_does_not_matter((keys, shuffled) in keys().prop_flat_map(|keys| {
        (Just(keys.clone()), Just(keys).prop_shuffle())
    }), there in there()) {
        prop_assert_eq!(planned(&keys, &there), planned(&shuffled, &there));
    }

    #[test]
    fn once_carried_out_a_plan_leaves_nothing_to_do(keys in keys(), there in there()) {
        let first = planned(&keys, &there);
        let then = planned(&keys, &carried_out(&first, &keys, &there));
        prop_assert_eq!((then.mint, then.refresh, then.taken), (Vec::new(), Vec::new(), first.taken));
    }
}

fn a(name: &'static str, second: i64) -> Given {
    Given { name, secret: "x", gateway: "default", second, leaving: false, source: "generate" }
}

#[test]
fn of_two_keys_that_name_one_secret_the_oldest_has_it_made() {
    let plan = planned(&[a("p", 2), a("q", 1)], &There::new());
    assert_eq!(plan.mint, [a("q", 1).to()]);
    assert_eq!(plan.taken, BTreeMap::from([(ObjectName::new("a", "p"), ObjectName::new("a", "x"))]));
    let late = planned(&[a("p", 2), a("q", 1)], &There::from([("x", (Some("uid-p"), "default"))]));
    assert_eq!(
        (late.mint.len(), late.taken.into_keys().next().unwrap().name.as_str()),
        (0, "q"),
        "it keeps it"
    );
}

#[test]
fn a_key_that_is_being_deleted_is_not_minted_and_does_not_keep_others_from_it() {
    let leaving = Given { leaving: true, ..a("p", 1) };
    assert_eq!(planned(std::slice::from_ref(&leaving), &There::new()), Plan::default());
    let plan = planned(&[leaving, a("q", 2)], &There::new());
    assert_eq!(plan.mint, [a("q", 2).to()]);
}

#[test]
fn s10_8_a_key_that_was_deleted_and_made_again_does_not_inherit_the_secret() {
    let there = There::from([("x", (Some("uid-gone"), "default"))]);
    let plan = planned(&[a("p", 1)], &there);
    assert_eq!((plan.mint.len(), plan.refresh.len(), plan.taken.len()), (0, 0, 1));
}

#[test]
fn a_secret_of_which_nobody_knows_the_content_is_left_alone() {
    let found = Found { owners: vec!["uid-p".to_owned()], content: None };
    let plan = plan(&[a("p", 1).key()], &BTreeMap::from([(ObjectName::new("a", "x"), found)]), &Ports::new());
    assert_eq!(plan, Plan::default());
}
