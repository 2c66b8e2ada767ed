//! Snapshots to publish: a small fixed one, generated ones, a large one; and single changes to them.

use crate::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn gateway() -> Gateway {
    Gateway {
        name: ObjectName::new("llm", "gw"),
        listener: Listener {
            max_body_bytes: 32 << 20,
            drain_timeout: Duration::from_secs(60),
            removal_delay: Duration::from_secs(10),
            disclosure: Disclosure::Names,
        },
        egress: Egress { allow_private: vec!["10.0.0.0/8".parse().unwrap()] },
    }
}

fn provider(name: ObjectName) -> Provider {
    Provider {
        name,
        vendor: Vendor::OpenAICompatible,
        backend: Backend::Http(Endpoint {
            tls: true,
            host: "up.example".to_owned(),
            port: 443,
            base_path: "/v1".to_owned(),
        }),
        models: vec![Model {
            prices: Some(Prices {
                input: "2.50".parse().unwrap(),
                output: "10".parse().unwrap(),
                ..Prices::default()
            }),
            ..Model::unlisted("m")
        }],
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            first_token: Duration::from_secs(600),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(900),
        },
        on_abort: OnAbort::Unknown,
        suspended: false,
    }
}

fn route(name: ObjectName, model: &str, provider: &ObjectName) -> Route {
    Route {
        name,
        model: model.to_owned().into(),
        aliases: vec![Alias { name: format!("{model}-alias"), hidden: true }],
        targets: vec![Target {
            name: "first".to_owned(),
            provider: provider.clone(),
            model: Some("m".to_owned()),
            priority: 0,
        }],
        fallback: Fallback {
            on: FailureSet::default(),
            max_attempts: None,
            deadline: Duration::from_secs(120),
        },
        retry: Retry {
            backoff_base: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            budget_percent: 20,
        },
    }
}

fn key(name: ObjectName) -> Key {
    let sha256 = Digest::of(name.to_string().as_bytes());
    Key {
        tenant: name.namespace.clone(),
        digests: vec![KeyDigest { sha256, not_after: None }],
        allowed_models: AllowedModels(vec!["*".to_owned().into()]),
        limits: Limits { requests_per_minute: std::num::NonZeroU32::new(600) },
        expires_at: Some(UnixSeconds(4_102_444_800)),
        suspended: false,
        name,
    }
}

/// One of each.
pub(super) fn snapshot() -> Snapshot {
    let mut snapshot = large(1, 1);
    snapshot.credentials.insert(snapshot.providers[0].name.clone(), Secret::new("sk-test"));
    snapshot
}

/// So many keys and routes, with one provider.
pub(super) fn large(keys: usize, routes: usize) -> Snapshot {
    let account = ObjectName::new("llm", "account");
    let named =
        |kind: &str, i: usize| ObjectName::new(format!("team-{:02}", i % 40), format!("{kind}-{i:05}"));
    let mut snapshot = Snapshot::empty(gateway());
    snapshot.providers.push(Arc::new(provider(account.clone())));
    snapshot.routes =
        (0..routes).map(|i| Arc::new(route(named("route", i), &format!("model-{i}"), &account))).collect();
    snapshot.keys = (0..keys).map(|i| Arc::new(key(named("key", i)))).collect();
    snapshot.routes.sort_by(|a, b| a.name.cmp(&b.name));
    snapshot.keys.sort_by(|a, b| a.name.cmp(&b.name));
    snapshot
}

/// Everything that can be said: nothing optional is absent, and of each choice every value is there, but of those of
/// the one gateway. What formats 1 and 2 lack is in `e` alone, which they leave out.
pub(super) fn everything() -> Snapshot {
    let named = |name: &str| ObjectName::new("llm", name);
    let second = Duration::from_secs(1);
    let mut snapshot = Snapshot::empty(gateway());
    let model = Model {
        upstream_name: "m-2024".to_owned(),
        context_window: Some(128_000),
        prices: Some(Prices {
            input: "2.50".parse().unwrap(),
            output: "10".parse().unwrap(),
            cache_read: Some("1.25".parse().unwrap()),
            ..Prices::default()
        }),
        ..Model::unlisted("m")
    };
    let timeouts = Timeouts {
        connect: second,
        first_byte: second * 2,
        first_token: second * 3,
        idle: second * 4,
        total: second * 5,
    };
    let account = Provider { models: vec![model], timeouts, ..provider(named("a")) };
    let mock = |reply| {
        Backend::Mock(Mock {
            latency: second,
            first_byte: second / 2,
            tokens_per_second: Some(50),
            error_percent: 7,
            error_status: 503,
            reply,
        })
    };
    let b = Provider { vendor: Vendor::OpenAI, on_abort: OnAbort::Continues, ..account.clone() };
    let c = Provider {
        vendor: Vendor::Mock,
        backend: mock(MockReply::Echo),
        on_abort: OnAbort::Stops,
        suspended: true,
        ..account.clone()
    };
    let d = Provider { backend: mock(MockReply::Lorem), ..c.clone() };
    let mut e = Provider { vendor: Vendor::Anthropic, ..account.clone() };
    let dearest = &mut e.models[0];
    dearest.max_output_tokens = Some(64_000);
    dearest.prices = dearest.prices.map(|prices| Prices {
        cache_write: Some("3.125".parse().unwrap()),
        cache_write_1h: Some("5".parse().unwrap()),
        ..prices
    });
    snapshot.providers = [account, b, c, d, e]
        .into_iter()
        .zip(["a", "b", "c", "d", "e"])
        .map(|(provider, name)| Arc::new(Provider { name: named(name), ..provider }))
        .collect();
    let mut exact = route(named("exact"), "chat", &named("a"));
    exact.fallback =
        Fallback { on: FailureClass::ALL.into_iter().collect(), max_attempts: Some(3), deadline: second };
    let prefix =
        Route { name: named("prefix"), model: ModelPattern::Prefix("team/".to_owned()), ..exact.clone() };
    snapshot.routes = vec![Arc::new(exact), Arc::new(prefix)];
    let mut whole = key(named("key"));
    whole.digests[0].not_after = Some(UnixSeconds(4_102_444_799));
    whole.allowed_models = AllowedModels(vec!["chat".to_owned().into(), "team/*".to_owned().into()]);
    snapshot.keys =
        vec![Arc::new(whole.clone()), Arc::new(Key { name: named("off"), suspended: true, ..whole })];
    snapshot.credentials.insert(named("a"), Secret::new("sk-test"));
    snapshot
}

fn names() -> impl Strategy<Value = ObjectName> {
    ("[ab]|[a-z]{1,12}", "[a-z0-9][a-z0-9.-]{0,20}").prop_map(|(space, name)| ObjectName::new(space, name))
}

/// In milliseconds; often those ten minutes for which a format may have no word.
fn first_tokens() -> impl Strategy<Value = u64> {
    prop_oneof![1..10_000_000u64, Just(600_000)]
}

/// Now and then with what older formats lack.
fn some_models() -> impl Strategy<Value = Vec<Model>> {
    let prices = |price| option::weighted(price, Just("3.125".parse::<Price>().unwrap()));
    let prices =
        (prices(0.5), prices(0.2), prices(0.2)).prop_map(|(cache_read, cache_write, cache_write_1h)| {
            let [input, output] = ["2.50", "10"].map(|price| price.parse().unwrap());
            Prices { input, output, cache_read, cache_write, cache_write_1h }
        });
    let model = ("[a-z:/-]{1,10}", option::weighted(0.2, 1..9_000u64), option::of(prices));
    let make = |(name, max_output_tokens, prices): (String, _, _)| Model {
        max_output_tokens,
        prices,
        ..Model::unlisted(&name)
    };
    vec(model.prop_map(make), 0..4)
}

fn some_providers() -> impl Strategy<Value = Vec<Arc<Provider>>> {
    let backends = prop_oneof![
        (any::<bool>(), "[a-z.]{1,9}|::1", any::<u16>(), "(/[a-z\"\\\\é]{1,5})?")
            .prop_map(|(tls, host, port, base_path)| Backend::Http(Endpoint { tls, host, port, base_path })),
        (0..9_000u64, option::of(1..500u32), 0..=100u8).prop_map(|(latency, tokens_per_second, percent)| {
            Backend::Mock(Mock {
                latency: Duration::from_millis(latency),
                first_byte: Duration::from_millis(latency / 2),
                tokens_per_second,
                error_percent: percent,
                error_status: 500,
                reply: MockReply::Echo,
            })
        }),
    ];
    let vendors = prop_oneof![4 => Just(Vendor::OpenAICompatible), 1 => Just(Vendor::Anthropic)];
    let others = (vendors, backends, some_models(), any::<bool>(), first_tokens());
    btree_map(names(), others, 0..12).prop_map(|providers| {
        let make = |(name, (vendor, backend, models, suspended, millis))| {
            let mut provider = Provider { vendor, backend, models, suspended, ..provider(name) };
            provider.timeouts.first_token = Duration::from_millis(millis);
            Arc::new(provider)
        };
        providers.into_iter().map(make).collect()
    })
}

/// Now and then an exact name that ends with `*`.
fn patterns() -> impl Strategy<Value = ModelPattern> {
    prop_oneof![
        4 => ".{0,8}".prop_map(ModelPattern::from),
        1 => "[a-z]{1,9}[*]?".prop_map(ModelPattern::Exact),
    ]
}

fn some_routes() -> impl Strategy<Value = Vec<Arc<Route>>> {
    let all = FailureClass::ALL.to_vec();
    // Of many mostly all.
    let classes = prop_oneof![
        subsequence(all.clone(), 0..=all.len()),
        subsequence(all.clone(), all.len() - 2..=all.len())
    ];
    btree_map(names(), (patterns(), names(), any::<u32>(), classes), 0..12).prop_map(|routes| {
        let make = |(name, (model, provider, budget, classes)): (_, (ModelPattern, _, _, Vec<_>))| {
            let mut route = Route { model, ..route(name, "m", &provider) };
            route.retry.budget_percent = budget;
            route.fallback.on = classes.into_iter().collect();
            Arc::new(route)
        };
        routes.into_iter().map(make).collect()
    })
}

/// What a key has besides its name: digests, until when, models, rate.
type Other = (Vec<[u8; 32]>, Option<i64>, Vec<ModelPattern>, Option<u32>);

fn some_keys() -> impl Strategy<Value = Vec<Arc<Key>>> {
    let others = (
        vec(any::<[u8; 32]>(), 0..3),
        option::of(any::<i64>()),
        vec(patterns(), 0..3),
        option::of(any::<u32>()),
    );
    btree_map(names(), others, 0..24).prop_map(|keys| {
        let make = |(name, (digests, until, models, rate)): (_, Other)| {
            let not_after = until.map(UnixSeconds);
            let digests =
                digests.into_iter().map(|bytes| KeyDigest { sha256: Digest(bytes), not_after }).collect();
            let allowed_models = AllowedModels(models);
            let limits = Limits { requests_per_minute: rate.and_then(std::num::NonZeroU32::new) };
            Arc::new(Key { digests, allowed_models, limits, expires_at: not_after, ..key(name) })
        };
        keys.into_iter().map(make).collect()
    })
}

/// Any snapshot.
pub(super) fn snapshots() -> impl Strategy<Value = Snapshot> {
    let credentials = btree_map(names(), ".{0,40}".prop_map(Secret::new), 0..6);
    (some_providers(), some_routes(), some_keys(), credentials).prop_map(
        |(providers, routes, keys, credentials)| Snapshot {
            gateway: Arc::new(gateway()),
            providers,
            routes,
            keys,
            credentials,
        },
    )
}

/// One change to one object; the number picks it.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Gateway,
    Provider(usize),
    Route(usize),
    Key(usize),
    Credential(usize),
    RemoveKey(usize),
    AddKey,
}

pub(super) fn changes() -> impl Strategy<Value = Change> {
    let number = 0..24usize;
    prop_oneof![
        Just(Change::Gateway),
        Just(Change::AddKey),
        number.clone().prop_map(Change::Provider),
        number.clone().prop_map(Change::Route),
        number.clone().prop_map(Change::Key),
        number.clone().prop_map(Change::Credential),
        number.prop_map(Change::RemoveKey),
    ]
}

/// `snapshot` after `change`; `None` if it has nothing to change in that way.
pub(super) fn change(snapshot: &Snapshot, change: &Change) -> Option<Snapshot> {
    fn edit<T: Clone>(items: &mut [Arc<T>], at: usize, edit: impl FnOnce(&mut T)) -> Option<()> {
        let count = items.len();
        edit(Arc::make_mut(items.get_mut(at.checked_rem(count)?)?));
        Some(())
    }
    let mut new = snapshot.clone();
    match *change {
        Change::Gateway => Arc::make_mut(&mut new.gateway).listener.max_body_bytes += 1,
        Change::Provider(at) => edit(&mut new.providers, at, |item| item.suspended ^= true)?,
        Change::Route(at) => edit(&mut new.routes, at, |item| item.retry.budget_percent ^= 1)?,
        Change::Key(at) => edit(&mut new.keys, at, |item| item.suspended ^= true)?,
        Change::Credential(at) => {
            let count = new.credentials.len();
            let secret = new.credentials.values_mut().nth(at.checked_rem(count)?)?;
            *secret = Secret::new(format!("{}x", secret.expose()));
        }
        Change::RemoveKey(at) => {
            let count = new.keys.len();
            drop(new.keys.remove(at.checked_rem(count)?));
        }
        Change::AddKey => {
            new.keys.push(Arc::new(key(ObjectName::new("zzzzzzzzzzzzzz", "new"))));
        }
    }
    Some(new)
}
