//! `/metrics`: names and labels are frozen, because dashboards hang on them.

use crate::harness::{Config, World, unary};
use crate::tools::{eventually, load, many};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_config::{ModelPattern, Prices};
use weir_upstream::{Answer, At, Chat, Gate, Upstream, Usage};

/// A series: name and labels, as `name{a="b",c="d"}` with sorted labels.
type Series = BTreeMap<String, f64>;

/// Reads OpenMetrics as strictly as a scraper does: declared families, right suffixes, whole histograms, an end.
fn parse(text: &str) -> (BTreeMap<String, String>, Series) {
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut series = Series::new();
    let mut ended = false;
    for line in text.lines() {
        assert!(!ended, "something follows # EOF: {line}");
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "declared twice: {name}");
        } else if line == "# EOF" {
            ended = true;
        } else if !line.starts_with("# HELP ") && !line.starts_with("# UNIT ") {
            let (name, labels, value) = sample(line);
            let family = types
                .keys()
                .filter(|family| name.starts_with(family.as_str()))
                .max_by_key(|family| family.len());
            let family = family.unwrap_or_else(|| panic!("not declared: {line}"));
            let allowed: &[&str] = match types[family].as_str() {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&&name[family.len()..]), "{line}");
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            let key = if labels.is_empty() { name } else { format!("{name}{{{}}}", labels.join(",")) };
            assert!(series.insert(key, value).is_none(), "twice: {line}");
        }
    }
    assert!(ended, "no # EOF");
    (types, series)
}

/// Name, labels and value of a sample line.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next().unwrap_or_else(|| panic!("unfinished label: {line}")) {
                    (at, '"') => break at + 1,
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        c @ ('\\' | '"') => value.push(c),
                        other => panic!("\\{other}: {line}"),
                    },
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = after[end..].strip_prefix(',').unwrap_or(&after[end..]);
        }
        rest = &rest[1..];
    }
    (name.to_owned(), labels, rest.trim().parse().unwrap_or_else(|_| panic!("{line}")))
}

async fn scrape(world: &World) -> (BTreeMap<String, String>, Series) {
    let reply = world.admin("/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    parse(&reply.text)
}

fn requests(provider: &str, code: u16) -> String {
    let model = if provider.is_empty() { "" } else { "gpt" };
    format!(
        r#"weir_requests_total{{cache="off",code="{code}",model="{model}",provider="{provider}",route="default/chat",tenant="default"}}"#
    )
}

fn tokens(class: &str) -> String {
    format!(
        r#"weir_tokens_total{{class="{class}",model="gpt",provider="default/p1",route="default/chat",tenant="default"}}"#
    )
}

#[tokio::test]
async fn metrics_tell_of_known_traffic_exactly() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    let world = config.requests_per_minute(7).start();
    let usage = Usage { prompt: 100, completion: 50, cached: 40, reasoning: 20 };
    first.always(Chat::says("hi").usage(Some(usage)).answer());
    for _ in 0..3 {
        assert_eq!(world.chat().await.status, 200);
    }
    assert_eq!(world.stream().await.status, 200);
    first.then(Answer::server_error(500));
    assert_eq!(world.chat().await.status, 200); // rescued by the second
    first.then(Answer::caller_fault());
    assert_eq!(world.chat().await.status, 400);
    first.then(Chat::says("twelve bytes").usage(None).answer());
    assert_eq!(world.chat().await.status, 200); // its usage is assumed
    assert_eq!(world.chat().await.status, 429);
    assert_eq!(world.post("{").await.status, 400);
    assert_eq!(world.post_as("nobody", "{}").await.status, 401);

    let (_, series) = scrape(&world).await;
    assert_eq!(series[&requests("default/p1", 200)], 5.0);
    assert_eq!(series[&requests("default/p2", 200)], 1.0);
    assert_eq!(series[&requests("default/p1", 400)], 1.0);
    assert_eq!(series[&requests("", 429)], 1.0);
    let all: f64 =
        series.iter().filter(|(name, _)| name.starts_with("weir_requests_total{")).map(|(_, n)| n).sum();
    assert_eq!(all, 10.0);
    let attempts = |provider: &str, outcome: &str| {
        series[&format!(
            r#"weir_attempts_total{{model="gpt",outcome="{outcome}",provider="default/{provider}"}}"#
        )]
    };
    assert_eq!((attempts("p1", "ok"), attempts("p1", "server_error")), (5.0, 1.0));
    assert_eq!((attempts("p1", "caller_fault"), attempts("p2", "ok")), (1.0, 1.0));
    assert_eq!(series["weir_rescued_total"], 1.0);
    assert_eq!(series["weir_inflight_requests"], 0.0);
    assert_eq!(series["weir_unpriced_requests_total"], 0.0);
    assert_eq!(series["weir_usage_assumed_total"], 1.0);
    assert_eq!(series["weir_usage_log_dropped_total"], 0.0);

    let input = (unary().to_string().len() as f64 / 4.0).ceil();
    assert_eq!(series[&tokens("input")], 4.0 * 60.0 + input);
    assert_eq!(series[&tokens("cache_read")], 4.0 * 40.0);
    assert_eq!(series[&tokens("output")], 4.0 * 30.0 + 3.0);
    assert_eq!(series[&tokens("reasoning")], 4.0 * 20.0);
    let cost = series[r#"weir_cost_usd_total{model="gpt",provider="default/p1",route="default/chat",tenant="default"}"#];
    let expected = (4.0 * (60.0 * 2.5 + 40.0 * 1.25 + 50.0 * 10.0) + input * 2.5 + 3.0 * 10.0) / 1e6;
    assert!((cost - expected).abs() < 1e-9, "{cost} {expected}");

    let p1 = r#"model="gpt",provider="default/p1",route="default/chat""#;
    assert_eq!(series[&format!("weir_request_seconds_count{{{p1}}}")], 6.0);
    assert_eq!(series[&format!("weir_first_token_seconds_count{{{p1}}}")], 1.0, "streams alone");
    assert_eq!(series["weir_overhead_seconds_count"], 5.0, "unary answers alone");
    let spent = series[&format!("weir_request_seconds_sum{{{p1}}}")];
    assert!(spent > 0.0 && spent < 60.0 && series["weir_overhead_seconds_sum"] < spent + 60.0);
}

#[tokio::test]
async fn metrics_have_the_frozen_names_and_labels() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    assert_eq!((world.chat().await.status, world.stream().await.status), (200, 200));
    let (types, series) = scrape(&world).await;
    let frozen: &[(&str, &str, &[&str])] = &[
        ("weir_requests", "counter", &["cache", "code", "model", "provider", "route", "tenant"]),
        ("weir_request_seconds", "histogram", &["le", "model", "provider", "route"]),
        ("weir_first_token_seconds", "histogram", &["le", "model", "provider", "route"]),
        ("weir_attempts", "counter", &["model", "outcome", "provider"]),
        ("weir_rescued", "counter", &[]),
        ("weir_overhead_seconds", "histogram", &["le"]),
        ("weir_inflight_requests", "gauge", &[]),
        ("weir_cost_usd", "counter", &["model", "provider", "route", "tenant"]),
        ("weir_tokens", "counter", &["class", "model", "provider", "route", "tenant"]),
        ("weir_unpriced_requests", "counter", &[]),
        ("weir_usage_assumed", "counter", &[]),
        ("weir_usage_log_dropped", "counter", &[]),
        ("weir_log_dropped", "counter", &[]),
        ("weir_config_generation", "gauge", &[]),
        ("weir_config_info", "gauge", &["gateway", "hash"]),
        ("weir_config_last_success_timestamp_seconds", "gauge", &[]),
    ];
    for (name, kind, labels) in frozen {
        assert_eq!(types.get(*name).map(String::as_str), Some(*kind), "{name}");
        let mut found = BTreeSet::new();
        for key in series.keys() {
            let own = key.split('{').next().unwrap();
            if let Some("" | "_total" | "_bucket" | "_sum" | "_count") = own.strip_prefix(name) {
                let line = format!("{key} 0");
                found.extend(sample(&line).1.into_keys());
            }
        }
        assert_eq!(found.into_iter().collect::<Vec<_>>(), *labels, "{name}");
    }
    let known: BTreeSet<&str> = frozen.iter().map(|(name, _, _)| *name).collect();
    for name in types.keys() {
        assert!(known.contains(name.as_str()), "a new family belongs into the list above: {name}");
    }
}

#[tokio::test]
async fn metrics_histograms_are_whole() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    for _ in 0..5 {
        assert_eq!((world.chat().await.status, world.stream().await.status), (200, 200));
    }
    let (types, series) = scrape(&world).await;
    let mut checked = 0;
    for family in types.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
        let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (key, value) in series.iter().filter(|(key, _)| key.starts_with(&format!("{family}_bucket"))) {
            let (_, mut labels, _) = sample(&format!("{key} 0"));
            let bound = labels.remove("le").unwrap();
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            let rest = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            buckets.entry(rest).or_default().push((bound, *value));
        }
        for (labels, mut buckets) in buckets {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "cumulative: {buckets:?}");
            let last = buckets.last().unwrap();
            assert_eq!(last.0, f64::INFINITY);
            assert_eq!(last.1, series[&format!("{family}_count{labels}")]);
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[tokio::test]
async fn metrics_sum_over_workers_and_count_what_is_in_flight() {
    let (upstream, gate) = (Upstream::start(), Gate::new());
    upstream.always(Answer::says("hi").hold_at(At::Start, &gate));
    let world = Arc::new(Config::over(&[&upstream]).start());
    let all = tokio::task::JoinSet::from_iter([many(40, 40, {
        let world = Arc::clone(&world);
        move |_| {
            let world = Arc::clone(&world);
            async move { world.chat().await.status }
        }
    })]);
    gate.reached_by(40).await;
    assert_eq!(load(&world).await, (40, 40), "forty connections, on two workers");
    assert_eq!(scrape(&world).await.1["weir_inflight_requests"], 40.0);
    gate.open();
    assert_eq!(all.join_all().await.concat(), vec![200; 40]);
    eventually("nothing is in flight", async || scrape(&world).await.1["weir_inflight_requests"] == 0.0)
        .await;
    assert_eq!(scrape(&world).await.1[&requests("default/p1", 200)], 40.0);
}

#[tokio::test]
async fn metrics_never_take_a_label_from_a_caller() {
    let (listed, open) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&listed, &open]);
    config.route_mut(|route| {
        route.model = ModelPattern::from("*".to_owned());
        route.targets.iter_mut().for_each(|target| target.model = None);
    });
    config.provider_mut(1, |provider| provider.models.clear());
    let world = config.start();
    for n in 0..20 {
        let mut body = unary();
        body["model"] = format!("caller-chosen-{n}").into();
        body["user"] = "USER-SENTINEL".into();
        let reply = world.post(body.to_string()).await;
        assert_eq!((reply.status, reply.header("x-weir-provider")), (200, Some("default/p2")), "{reply:?}");
    }
    let mut body = unary();
    body["model"] = "gpt".into();
    assert_eq!(world.post(body.to_string()).await.header("x-weir-provider"), Some("default/p1"));
    let text = world.admin("/metrics").await.text;
    assert!(!text.contains("caller-chosen") && !text.contains("SENTINEL"), "{text}");
    let (_, series) = parse(&text);
    let of = |model: &str, provider: &str| {
        series[&format!(
            r#"weir_requests_total{{cache="off",code="200",model="{model}",provider="{provider}",route="default/chat",tenant="default"}}"#
        )]
    };
    assert_eq!((of("other", "default/p2"), of("gpt", "default/p1")), (20.0, 1.0));
    assert_eq!(series["weir_unpriced_requests_total"], 20.0, "nobody knows what an unlisted model costs");
    assert_eq!(listed.count(), 1);
}

#[tokio::test]
async fn metrics_count_requests_without_a_price_apart_from_those_that_cost_nothing() {
    let upstream = Upstream::start();
    let config = Config::over(&[&upstream]);
    let world = config.start();
    let unpriced = async |prices: Option<Prices>| {
        let mut config = config.clone();
        config.provider_mut(0, |provider| provider.models[0].prices = prices);
        world.running().apply(config.0.clone());
        let reply = world.chat().await;
        assert_eq!(reply.status, 200);
        (
            reply.header("x-weir-cost-usd").map(str::to_owned),
            scrape(&world).await.1["weir_unpriced_requests_total"],
        )
    };
    assert_eq!(unpriced(None).await, (None, 1.0));
    let free = Prices { input: "0".parse().unwrap(), output: "0".parse().unwrap(), ..Prices::default() };
    assert_eq!(unpriced(Some(free)).await, (Some("0.000000000".to_owned()), 1.0));
}

#[tokio::test]
async fn metrics_tell_which_configuration_runs() {
    let world = World::start();
    let (types, _) = scrape(&world).await;
    assert!(!types.contains_key("weir_config_info"), "none yet");
    let mut config = Config::new();
    world.running().apply(config.0.clone());
    world.running().apply(config.requests_per_minute(5).0.clone());
    let (_, series) = scrape(&world).await;
    assert_eq!(series["weir_config_generation"], 2.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let at = series["weir_config_last_success_timestamp_seconds"];
    assert!(at <= now && at > now - 60.0, "{at}");
    let hash = world.admin("/status").await.json()["config"]["hash"].as_str().unwrap().to_owned();
    assert_eq!(series[&format!(r#"weir_config_info{{gateway="default/default",hash="{hash}"}}"#)], 1.0);
}

#[tokio::test]
async fn metrics_survive_names_with_quotes_and_line_ends() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    let strange = "a \"quoted\" \\ name\nover two lines";
    config.key_mut(|key| key.tenant = strange.to_owned());
    config.provider_mut(0, |provider| provider.models[0].name = strange.to_owned());
    config.route_mut(|route| route.targets[0].model = Some(strange.to_owned()));
    let world = config.start();
    assert_eq!(world.chat().await.status, 200);
    let (_, series) = scrape(&world).await;
    let found = series.keys().filter(|key| key.starts_with("weir_requests_total")).any(|key| {
        let labels = sample(&format!("{key} 1")).1;
        labels["tenant"] == strange && labels["model"] == strange
    });
    assert!(found, "{series:#?}");
}

#[tokio::test]
async fn s9_14_series_are_bounded_by_the_configuration_and_not_by_all_that_ever_was() {
    let upstream = Upstream::start();
    let world = World::start();
    let mut most = 0;
    for n in 0..1500 {
        let mut config = Config::new();
        config.add(&format!("p{n}"), upstream.port());
        config.key_mut(|key| key.tenant = format!("tenant-{n}"));
        config.route_mut(|route| route.name = weir_config::ObjectName::new("default", format!("route-{n}")));
        world.running().apply(config.0);
        assert_eq!(world.chat().await.status, 200);
        if n % 100 == 99 {
            let (_, series) = scrape(&world).await;
            let now = series.keys().filter(|name| name.starts_with("weir_requests_total{")).count();
            let last = format!("tenant=\"tenant-{n}\"");
            assert!(series.keys().any(|name| name.contains(&last)), "{last}");
            most = most.max(now);
        }
    }
    assert!((2..=1002).contains(&most), "{most} series for one route");
}
