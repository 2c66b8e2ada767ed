//! S2.5, S2.7, S1: what callers get of every recorded answer, however it comes.

use crate::harness::{Config, KEY, Reply, World, streamed};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use weir_config::Vendor;
use weir_upstream::{Answer, Upstream, Writes};

/// A recorded exchange.
struct Recording {
    name: String,
    path: PathBuf,
    body: String,
}

/// The recordings whose name (with its folder) is wanted, sorted.
fn recordings(wanted: impl Fn(&str) -> bool) -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            if wanted(&name) {
                let body = body(&path);
                found.push(Recording { name, path, body });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn body(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "sse") {
        return text;
    }
    let case: Value = serde_json::from_str(&text).unwrap();
    case["response"]["body"].as_str().unwrap().to_owned()
}

fn is_stream(name: &str) -> bool {
    name.ends_with(".sse") || name.contains("/chat-stream-")
}

/// These end with an error, in one event or by what they are.
fn is_failed(name: &str) -> bool {
    name.contains("anthropic-mismatch") || name.contains("error-tool-use-failed")
}

fn one() -> (Upstream, World) {
    one_of(Vendor::OpenAICompatible)
}

/// One target, of an account of `vendor`.
fn one_of(vendor: Vendor) -> (Upstream, World) {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| provider.vendor = vendor);
    config.route_mut(|route| {
        route.fallback.max_attempts = Some(1);
        route.fallback.deadline = Duration::from_secs(10);
    });
    (upstream, config.start())
}

async fn ask(world: &World, include_usage: bool) -> Reply {
    let mut body = streamed();
    if include_usage {
        body["stream_options"] = json!({"include_usage": true});
    }
    world.post(body.to_string()).await
}

/// The stream without the events that have no data, and without the chunks that only say what was used, unless its
/// caller asked for them.
fn as_told(stream: &str, include_usage: bool) -> String {
    let end = if stream.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    let only_usage = |frame: &str| {
        let chunk: Option<Value> =
            frame.trim().strip_prefix("data:").and_then(|data| serde_json::from_str(data).ok());
        chunk.is_some_and(|chunk| chunk["choices"] == json!([]) && chunk["usage"].is_object())
    };
    let is_told = |frame: &&str| frame.trim() != "data:" && (include_usage || !only_usage(frame));
    stream.split_inclusive(end).filter(is_told).collect()
}

#[tokio::test]
async fn s2_5_every_recorded_stream_is_the_same_to_its_caller_however_it_is_cut() {
    let (upstream, world) = one();
    let all = recordings(is_stream);
    assert!(all.len() > 40, "{}", all.len());
    let mut dropped = 0;
    for recording in all.iter().filter(|recording| !is_failed(&recording.name)) {
        let name = &recording.name;
        for include_usage in [false, true] {
            let expected = as_told(&recording.body, include_usage);
            dropped += usize::from(expected != recording.body);
            let mut replies = Vec::new();
            for writes in [Writes::Joined, Writes::Size(1), Writes::Sizes(vec![7, 1, 64, 3])] {
                upstream.always(Answer::recording(&recording.path).unwrap().writes(writes));
                let reply = ask(&world, include_usage).await;
                assert_eq!((reply.status, reply.broken), (200, false), "{name}");
                replies.push(reply.text);
            }
            assert!(
                replies.iter().all(|reply| *reply == replies[0]),
                "{name}, include_usage: {include_usage}"
            );
            let more = replies[0].strip_prefix(&expected);
            let more = more.unwrap_or_else(|| panic!("{name}: {expected:?}\n{:?}", replies[0]));
            // The blank line of the last event is added where it is missing, and an error where the end is.
            let truncated =
                !recording.body.contains("[DONE]") && !recording.body.contains("\"finish_reason\":\"");
            assert!(more.trim().is_empty() || truncated && more.contains("\"error\""), "{name}: {more:?}");
        }
    }
    assert!(dropped > 10, "{dropped}");
}

#[tokio::test]
async fn s2_5_a_recorded_error_in_a_stream_is_told_in_openais_form() {
    let (upstream, world) = one();
    let failed = recordings(|name| is_stream(name) && is_failed(name));
    assert_eq!(failed.len(), 2);
    for recording in failed {
        let whole = Answer::recording(&recording.path).unwrap();
        let has_content = recording.name.starts_with("groq/");
        upstream.always(whole.clone().writes(Writes::Size(1)));
        let reply = world.stream().await;
        if has_content {
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(reply.stream_error().is_some() && !reply.text.contains("[DONE]"), "{reply:?}");
        } else {
            assert_eq!((reply.status, reply.code()), (503, "upstream_unavailable".to_owned()), "{reply:?}");
        }
    }
}

fn is_message(name: &str) -> bool {
    name.starts_with("anthropic/")
}

#[tokio::test]
async fn s2_7_every_recorded_message_passes_through_byte_for_byte() {
    let (upstream, world) = one_of(Vendor::Anthropic);
    let body = |stream: bool| {
        json!({"model": "chat", "max_tokens": 9, "messages": [], "stream": stream}).to_string()
    };
    let all = recordings(is_message);
    assert!(all.len() > 11, "{}", all.len());
    for Recording { name, path, body: recorded } in &all {
        for writes in [Writes::Joined, Writes::Sizes(vec![7, 1, 64, 3])] {
            upstream.always(Answer::recording(path).unwrap().writes(writes));
            let request = world.client.post(world.url("/v1/messages")).header("x-api-key", KEY);
            let reply =
                Reply::read(request.body(body(name.contains("-stream-"))).send().await.unwrap()).await;
            // What OpenRouter sends behind the last event is no part of it.
            let recorded = recorded.split("event: data\ndata: [DONE]").next().unwrap();
            assert_eq!((reply.status, reply.text.trim_end()), (200, recorded.trim_end()), "{name}");
            assert!(reply.header("request-id").is_some(), "{name}");
        }
    }
    for line in world.usage() {
        assert_eq!((&line["outcome"], &line["assumed"]), (&json!("ok"), &json!(false)), "{line}");
    }
}

#[tokio::test]
async fn s2_7_every_recorded_answer_passes_through_byte_for_byte() {
    let (upstream, world) = one();
    let all = recordings(|name| name.contains("-unary-") && !is_message(name));
    assert!(all.len() > 15, "{}", all.len());
    for Recording { name, path, body } in &all {
        let writes = Writes::Size((body.len() / 50).max(1));
        for answer in [Answer::recording(path).unwrap(), Answer::recording(path).unwrap().writes(writes)] {
            upstream.always(answer);
            let reply = world.chat().await;
            assert_eq!((reply.status, &reply.text), (200, body), "{name}");
            assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
        }
    }
    for line in world.usage() {
        assert_eq!((&line["outcome"], &line["assumed"]), (&json!("ok"), &json!(false)), "{line}");
    }
}

/// Every recorded error: the outcome of the attempt, and the status and code that a caller gets whose route has
/// no other target.
const ERRORS: [(&str, &str, u16, &str); 20] = [
    ("azure/error-401-bad-key.json", "credential", 502, "upstream_unavailable"),
    ("deepseek/error-400-context-overflow.json", "context_length", 400, "context_length_exceeded"),
    ("deepseek/error-401-bad-key.json", "credential", 502, "upstream_unavailable"),
    ("doubleword/error-403-bad-key.json", "forbidden", 502, "upstream_unavailable"),
    ("groq/error-404-unknown-model.json", "model_missing", 502, "upstream_unavailable"),
    ("llamacpp/error-400-context-overflow.json", "context_length", 400, "context_length_exceeded"),
    ("llamacpp/error-401-bad-key.json", "credential", 502, "upstream_unavailable"),
    ("llamacpp/error-500-image.json", "server_error", 503, "upstream_unavailable"),
    ("llamacpp/error-500-tools.json", "server_error", 503, "upstream_unavailable"),
    ("mistral/error-400-logprobs.json", "caller_fault", 400, "3051"),
    ("ollama/error-401-bad-key.json", "credential", 502, "upstream_unavailable"),
    ("openai/error-400-unsupported-parameter.json", "caller_fault", 400, "unsupported_parameter"),
    ("openai/error-401-bad-key.json", "credential", 502, "upstream_unavailable"),
    ("openai/error-404-unknown-model.json", "model_missing", 502, "upstream_unavailable"),
    ("openai/error-429-insufficient-quota.json", "billing", 502, "upstream_unavailable"),
    ("openrouter/error-400-unknown-model.json", "model_missing", 502, "upstream_unavailable"),
    ("openrouter/error-401-no-key.json", "credential", 502, "upstream_unavailable"),
    ("openrouter/error-429-upstream.json", "rate_limited", 503, "upstream_unavailable"),
    ("perplexity/error-401-bad-key.json", "credential", 502, "upstream_unavailable"),
    ("xai/error-400-bad-key.json", "credential", 502, "upstream_unavailable"),
];

#[tokio::test]
async fn s1_1_every_recorded_error_is_told_in_openais_form() {
    let all = recordings(|name| name.contains("/error-"));
    let known: Vec<&str> = ERRORS.iter().map(|(name, ..)| *name).collect();
    let found: Vec<&str> = all.iter().map(|recording| recording.name.as_str()).collect();
    assert_eq!(found, known, "a recording without an expectation, or the other way round");
    let (upstream, world) = one();
    for (Recording { name, path, .. }, (_, outcome, status, code)) in all.iter().zip(ERRORS) {
        upstream.always(Answer::recording(path).unwrap());
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!((reply.status, &*reply.code()), (status, code), "{name} {reply:?}");
            let error = &reply.json()["error"];
            for key in ["message", "type", "param", "code"] {
                assert!(error.get(key).is_some(), "{name}: no {key} in {error}");
            }
            assert!(!error["message"].as_str().unwrap().is_empty(), "{name} {error}");
            let told = error.get("attempts").map(|attempts| attempts[0]["outcome"].clone());
            assert_eq!(told, (status != 400).then(|| json!(outcome)), "{name} {error}");
            for secret in
                ["user_REDACTED", "https:", "platform.openai", "console.x.ai", "invalid-key", "****"]
            {
                assert!(!format!("{reply:?}").contains(secret), "{name}: {secret} in {reply:?}");
            }
        }
    }
    for (line, (name, outcome, ..)) in
        world.usage().iter().zip(ERRORS.iter().flat_map(|error| [error, error]))
    {
        assert_eq!(line["attempts"][0]["outcome"], *outcome, "{name} {line}");
    }
}

#[tokio::test]
async fn s1_1_every_recorded_error_but_the_callers_moves_on() {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let mut config = Config::over(&[&first, &second]);
    config.provider_mut(1, |provider| provider.models[0].context_window = Some(1_000_000));
    let world = config.start();
    for (Recording { name, path, .. }, (_, outcome, ..)) in
        recordings(|name| name.contains("/error-")).iter().zip(ERRORS)
    {
        first.always(Answer::recording(path).unwrap());
        for reply in [world.chat().await, world.stream().await] {
            let moved_on = reply.is_whole() && reply.content() == "from the second";
            assert_eq!(moved_on, outcome != "caller_fault", "{name} {reply:?}");
        }
    }
}
