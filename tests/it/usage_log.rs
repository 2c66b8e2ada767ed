//! The usage log (S4.7): one line per request, whatever happens to it and to the log.

use crate::harness::{Config, KEY, Reply, World, streamed, unary};
use crate::tools::{eventually, many, start};
use serde_json::Value;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_config::ModelPattern;
use weir_gateway::UsageLogTo;
use weir_upstream::{Answer, At, Chat, Upstream, Usage};

#[tokio::test]
async fn s4_7_every_request_has_one_line_with_all_its_fields() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let world = Config::over(&[&first, &second]).start();
    let usage = Usage { prompt: 100, completion: 50, cached: 40, reasoning: 20 };
    first.then(Answer::server_error(500));
    second.then(Chat::says("PROMPT-SENTINEL answer").usage(Some(usage)).answer());
    let replies = [
        world.chat().await,
        world.stream().await,
        world.post("{").await,
        world.post_as("nobody", unary().to_string()).await,
        world.post(r#"{"model":"MODEL-SENTINEL"}"#).await,
    ];
    let lines = world.usage();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    for (reply, line) in replies.iter().zip(&lines) {
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "schema",
            "time",
            "id",
            "client_request_id",
            "key",
            "tenant",
            "route",
            "target",
            "provider",
            "model",
            "stream",
            "status",
            "outcome",
            "attempts",
            "tokens",
            "assumed",
            "cost_nano_usd",
            "first_token_us",
            "duration_us",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(line["schema"], 1);
        assert_eq!(line["id"].as_str(), reply.header("x-request-id"));
        assert_eq!(line["status"].as_u64(), Some(reply.status.into()));
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.starts_with("20"), "{time}");
        assert!(line["duration_us"].as_u64().unwrap() > 0);
    }
    let outcomes: Vec<&str> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "ok", "invalid_request", "invalid_api_key", "model_not_found"]);
    let unary = &lines[0];
    assert_eq!((&unary["key"], &unary["tenant"]), (&"default/app".into(), &"default".into()));
    assert_eq!(
        (&unary["provider"], &unary["target"], &unary["model"]),
        (&"default/p2".into(), &"p2".into(), &"gpt".into())
    );
    let tried: Vec<&str> = unary["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(tried, ["server_error", "ok"]);
    assert_eq!(
        unary["tokens"],
        serde_json::json!({"input": 60, "cache_read": 40, "cache_write": 0, "cache_write_1h": 0, "output": 30, "reasoning": 20})
    );
    // 60 × 2.5 + 40 × 1.25 + 50 × 10 micro-USD
    assert_eq!((&unary["cost_nano_usd"], &unary["assumed"]), (&700_000.into(), &false.into()));
    assert_eq!(unary["first_token_us"], Value::Null);
    assert!(lines[1]["first_token_us"].as_u64().is_some() && lines[1]["stream"] == true);
    assert_eq!(lines[3]["key"], Value::Null);
    let all = serde_json::to_string(&lines).unwrap();
    assert!(!all.contains("SENTINEL") && !all.contains("Say hello"), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s4_7_no_line_is_lost_on_stop() {
    let upstream = Upstream::start();
    let world = Arc::new(Config::over(&[&upstream]).start());
    let statuses = many(500, 20, {
        let world = Arc::clone(&world);
        move |n| {
            let world = Arc::clone(&world);
            async move { if n % 3 == 0 { world.stream().await.status } else { world.chat().await.status } }
        }
    })
    .await;
    assert_eq!(statuses, vec![200; 500]);
    upstream.always(Answer::hang());
    let cut = world.open_stream(streamed());
    assert!(tokio::time::timeout(Duration::from_millis(300), cut).await.is_err());
    // At once: what the workers hold, and what still ran, is written while stopping.
    let lines = Arc::into_inner(world).unwrap().usage();
    assert_eq!(lines.len(), 501);
    let ids: std::collections::BTreeSet<&str> =
        lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 501);
}

/// A gateway of one worker whose usage log goes to `path`; each line of it is some 12 KiB long.
fn wordy(upstream: &Upstream, path: &Path) -> World {
    let mut config = Config::over(&[upstream]);
    config.key_mut(|key| key.tenant = "t".repeat(12 << 10));
    start(&config, |options| {
        options.workers = NonZeroUsize::new(1);
        options.usage_log = UsageLogTo::File(path.to_owned());
    })
}

fn fifo(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("usage.fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

async fn dropped(world: &World) -> u64 {
    let text = world.admin("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("weir_usage_log_dropped_total "));
    line.unwrap().parse().unwrap()
}

async fn ask(world: &Arc<World>, count: usize) {
    let world = Arc::clone(world);
    let statuses = many(count, 8, move |_| {
        let world = Arc::clone(&world);
        async move { world.chat().await.status }
    })
    .await;
    assert_eq!(statuses, vec![200; count]);
}

#[tokio::test]
async fn s4_7_a_pipe_that_nobody_reads_stalls_nobody() {
    let (upstream, folder) = (Upstream::start(), tempfile::tempdir().unwrap());
    let began = Instant::now();
    let world = Arc::new(wordy(&upstream, &fifo(&folder)));
    assert!(began.elapsed() < Duration::from_secs(2), "the start waits for no reader");
    ask(&world, 900).await;
    let lost = dropped(&world).await;
    // 4 MiB are held, some 330 lines, and as many at most are with the writer.
    assert!((200..600).contains(&lost), "{lost} of 900 dropped");
    let began = Instant::now();
    drop(Arc::into_inner(world).unwrap());
    assert!(began.elapsed() < Duration::from_secs(8), "nor does the end: {:?}", began.elapsed());
}

#[tokio::test]
async fn s4_7_a_pipe_gets_its_lines_when_its_reader_comes() {
    let (upstream, folder) = (Upstream::start(), tempfile::tempdir().unwrap());
    let path = fifo(&folder);
    let world = Arc::new(wordy(&upstream, &path));
    ask(&world, 20).await;
    let reader = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    ask(&world, 20).await;
    let stopped = tokio::task::spawn_blocking(|| drop(Arc::into_inner(world)));
    let text = reader.await.unwrap();
    stopped.await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 40);
}

#[tokio::test]
async fn s4_7_lines_that_a_full_disk_refuses_are_counted() {
    let upstream = Upstream::start();
    let world = Arc::new(wordy(&upstream, Path::new("/dev/full")));
    ask(&world, 10).await;
    eventually("all ten are counted as lost", async || dropped(&world).await == 10).await;
    ask(&world, 1).await;
    eventually("and so is the next", async || dropped(&world).await == 11).await;
}

#[tokio::test]
async fn s9_16_a_callers_own_request_id_is_in_the_line_and_ours_in_the_answer() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    let longest = "x".repeat(128);
    let ids = [
        ("trace-7f3a", Some("trace-7f3a")),
        (r#"a "quoted" \ id"#, Some(r#"a "quoted" \ id"#)),
        (longest.as_str(), Some(longest.as_str())),
        (&"x".repeat(129), None),
        ("", None),
        ("caf\u{e9}", None),
    ];
    for (sent, _) in ids {
        let request = world.client.post(world.url("/v1/chat/completions")).bearer_auth(KEY);
        let sent = reqwest::header::HeaderValue::from_bytes(sent.as_bytes()).unwrap();
        let reply =
            Reply::read(request.header("x-request-id", sent).body(unary().to_string()).send().await.unwrap());
        let reply = reply.await;
        assert_eq!(reply.status, 200);
        assert!(reply.header("x-request-id").unwrap().starts_with("req_"), "{reply:?}");
    }
    assert_eq!(world.chat().await.status, 200);
    let told: Vec<Value> =
        world.usage().into_iter().map(|mut line| line["client_request_id"].take()).collect();
    let expected: Vec<Value> = ids.iter().map(|(_, told)| (*told).into()).chain([Value::Null]).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn s9_16_a_model_that_no_provider_lists_is_told_as_it_was_asked_for() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    config.route_mut(|route| {
        route.model = ModelPattern::from("*".to_owned());
        route.targets.iter_mut().for_each(|target| target.model = None);
    });
    for at in 0..2 {
        config.provider_mut(at, |provider| provider.models.clear());
    }
    let world = config.start();
    let mut body = unary();
    body["model"] = "vendor/new-model".into();
    first.then(Answer::server_error(500));
    let reply = world.post(body.to_string()).await;
    assert_eq!((reply.status, reply.header("x-weir-model")), (200, Some("vendor/new-model")));
    first.then(Answer::server_error(500));
    second.then(Answer::server_error(500));
    first.then(Answer::server_error(500));
    second.then(Answer::server_error(500));
    let reply = world.post(body.to_string()).await;
    assert_eq!(reply.json()["error"]["attempts"][0]["model"], "vendor/new-model", "{reply:?}");
    let metrics = world.admin("/metrics").await.text;
    assert!(metrics.contains(r#"model="other""#) && !metrics.contains("new-model"), "{metrics}");
    for line in world.usage() {
        assert_eq!(line["model"], "vendor/new-model", "{line}");
        for attempt in line["attempts"].as_array().unwrap() {
            assert_eq!(attempt["model"], "vendor/new-model", "{line}");
        }
    }
}

#[tokio::test]
async fn s9_16_an_attempt_whose_answer_broke_off_is_not_told_as_one_that_answered() {
    let upstream = Upstream::start();
    upstream.then(Chat::pieces(["one ", "two"]).answer().reset_at(At::Event(2)));
    let world = Config::over(&[&upstream]).start();
    let reply = world.stream().await;
    assert!(reply.stream_error().is_some(), "{reply:?}");
    let metrics = world.admin("/metrics").await.text;
    let attempts: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("weir_attempts_total{")).collect();
    let told = r#"weir_attempts_total{provider="default/p1",model="gpt",outcome="server_error"} 1"#;
    assert_eq!(attempts, [told]);
    let line = world.usage().remove(0);
    assert_eq!(
        (&line["outcome"], &line["attempts"][0]["outcome"]),
        (&"stream_broken".into(), &"server_error".into())
    );
}

#[tokio::test]
async fn s9_16_a_stream_without_content_has_no_first_token() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| provider.timeouts.idle = Duration::from_millis(100));
    let silent = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n";
    upstream.always(Answer::events(vec![silent; 70]).hang_at(At::Event(70)));
    let world = config.start();
    let reply = world.stream().await;
    assert!(reply.text.starts_with(silent) && reply.stream_error().is_some(), "{reply:?}");
    let line = world.usage().remove(0);
    assert_eq!(line["first_token_us"], Value::Null, "{line}");
}
