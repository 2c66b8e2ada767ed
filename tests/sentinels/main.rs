//! S10.10: no sink holds a key, a credential, a prompt or an answer, however much it is asked to tell.
//!
//! The subscriber is the process's own, so these tests have a process of their own.
#![cfg(test)]

#[path = "../it/harness.rs"]
#[expect(dead_code, reason = "this binary needs a part of it")]
mod harness;
#[path = "../it/raw.rs"]
#[expect(dead_code, reason = "this binary needs a part of it")]
mod raw;
#[path = "../it/tools.rs"]
#[expect(dead_code, reason = "this binary needs a part of it")]
mod tools;

use harness::{Config, KEY, Reply, World, key};
use raw::{Raw, chat, chat_head};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tools::{H2, eventually, load, read_h2};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use weir_config::{Backend, Disclosure, Endpoint};
use weir_upstream::{Answer, At, Chat, Gate, Refused, Upstream};

const PROMPT: &str = "PROMPT-SENTINEL-tell-nobody";
const ANSWER: &str = "ANSWER-SENTINEL-tell-nobody";
/// Part of every credential that the harness makes.
const CREDENTIAL: &str = "credential-sentinel";
/// Somebody's key, though none of this gateway.
const STRANGER: &str = "sk-STRANGER-SENTINEL-0123456789abcdefghij";
const SENTINELS: [&str; 5] = [PROMPT, ANSWER, CREDENTIAL, STRANGER, KEY];

/// Everything that a gateway logs, on its threads or on ours. The test's own client logs as well, on ours.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Logs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let own_thread = thread::current().name().is_some_and(|name| name.starts_with("weir-"));
        if own_thread || String::from_utf8_lossy(line).contains("weir_gateway") {
            self.bytes().extend_from_slice(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn ask(prompt: &str, stream: bool) -> Value {
    json!({
        "model": "chat", "stream": stream, "user": prompt, "metadata": {"note": prompt},
        "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": prompt}],
    })
}

/// Ways to fail that quote what they were sent.
fn failures() -> Vec<Answer> {
    let quote = format!("Invalid content '{PROMPT}' with key sk-p1-{CREDENTIAL} near {ANSWER}.");
    let mut answers: Vec<Answer> = [400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529]
        .into_iter()
        .map(|status| Answer::error(status, "invalid_request_error", Some("some_code"), &quote))
        .collect();
    answers.extend([
        Answer::json(200, json!({"error": {"message": quote}}).to_string()),
        Answer::json(200, format!("{{\"choices\": [{quote}")),
        Answer::html(502),
        Answer::raw(format!("{quote}\r\n\r\n")),
        Answer::raw(format!("HTTP/1.1 200 OK\r\n{quote}\r\n\r\n")),
        Answer::redirect(307, format!("http://127.0.0.1:1/{ANSWER}")),
        Answer::gzip(quote.as_bytes()),
        Answer::reset(),
        Chat::says(ANSWER).error_after(2, json!({"message": quote, "type": "server_error"})).answer(),
        Chat::pieces([ANSWER, ANSWER]).answer().reset_at(At::Event(2)),
        Chat::pieces([ANSWER, ANSWER]).answer().close_at(At::Event(2)),
        Answer::events([format!("data: {{\"choices\": {quote}\n\n"), "data: [DONE]\n\n".to_owned()]),
        Chat::says(ANSWER).answer(),
    ]);
    answers
}

/// Requests that are none, each with secrets in it.
async fn nonsense(world: &World) {
    let secrets = format!("authorization: Bearer {KEY}\r\nx-api-key: {STRANGER}\r\ncookie: {PROMPT}\r\n");
    for request in [
        format!("{PROMPT} {KEY}\r\n\r\n"),
        format!("GET /{PROMPT}?key={KEY} HTTP/1.1\r\nhost: weir\r\n{secrets}\r\n"),
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\n{secrets}bad header {KEY}\r\n\r\n"),
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\n{secrets}content-length: {KEY}\r\n\r\n"),
        format!("POST /v1/chat/completions HTTP/9.9\r\nhost: weir\r\n{secrets}\r\n"),
        chat_head(&format!("x-filler: {}\r\n", PROMPT.repeat(4000))),
        chat_head(&format!("transfer-encoding: chunked\r\n\r\n{PROMPT}\r\n")),
        chat(&format!("{{\"model\": \"chat\", {PROMPT}")),
        chat(&json!({"model": PROMPT}).to_string()),
        chat(&json!({"model": "chat", "stream": PROMPT}).to_string()),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{PROMPT}{KEY}{STRANGER}"),
    ] {
        let mut caller = Raw::to(world).await;
        caller.send(request).await;
        tokio::io::AsyncWriteExt::shutdown(&mut caller.stream).await.unwrap();
        caller.rest().await;
    }
}

/// HTTP/2 with secrets in every place.
async fn over_h2(world: &World) {
    let mut h2 = H2::to(world).await;
    for stream in [false, true] {
        let answer = h2.open(&ask(PROMPT, stream)).await;
        read_h2(answer.into_body()).await;
    }
    for (uri, header) in [
        (format!("http://weir/v1/chat/completions?key={KEY}"), "authorization"),
        (format!("http://weir/{PROMPT}"), "x-api-key"),
        ("http://weir/v1/models".to_owned(), "cookie"),
    ] {
        let request = http::Request::get(uri).header(header, STRANGER).header("x-note", PROMPT);
        h2.send.ready().await.unwrap();
        let answer = h2.send.send_request(request.body(Default::default()).unwrap()).await.unwrap();
        read_h2(answer.into_body()).await;
    }
    // A stream that its caller resets, with a body under way.
    drop(h2.open(&ask(PROMPT, true)).await);
}

/// Sends everything; gives the bodies that the world's own caller was refused with.
async fn traffic(world: &World, upstream: &Upstream, gate: &Gate) -> Vec<Reply> {
    let mut refused = Vec::new();
    for answer in failures() {
        upstream.always(answer);
        for stream in [false, true] {
            let reply = world.post(ask(PROMPT, stream).to_string()).await;
            if reply.status != 200 {
                refused.push(reply);
            }
        }
    }
    upstream.always(Chat::says(ANSWER).answer());
    refused.push(world.post_as(STRANGER, ask(PROMPT, false).to_string()).await);
    over_h2(world).await;
    nonsense(world).await;
    // Callers who leave in the middle: of their own body, of an answer.
    let mut caller = Raw::to(world).await;
    caller.send(chat_head("content-length: 9000\r\n") + PROMPT).await;
    drop(caller);
    upstream.always(Chat::pieces([ANSWER, ANSWER]).answer().hold_at(At::Event(2), gate));
    drop(world.open_stream(ask(PROMPT, true)).await);
    refused
}

#[tokio::test]
async fn s10_10_no_sink_holds_a_secret() {
    let logs = Logs::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(logs.clone());
    subscriber.init();

    let (upstream, gate, deaf) = (Upstream::start(), Gate::new(), Refused::start().unwrap());
    let mut config = Config::over(&[&upstream]);
    let other = "weir_other_key_0123456789abcdefghijklmn";
    config.0.keys.push(Arc::new(key("other", other)));
    let world = config.start();
    let mut own = Vec::new();
    for disclosure in [Disclosure::Full, Disclosure::Names, Disclosure::None] {
        config.gateway_mut(|gateway| gateway.listener.disclosure = disclosure);
        world.running().apply(config.0.clone());
        own.extend(traffic(&world, &upstream, &gate).await);
    }
    // Upstreams that cannot be reached, in each way that there is.
    for (tls, host, port) in [
        (false, "127.0.0.1", deaf.port()),
        (true, "127.0.0.1", upstream.port()),
        (true, "localhost", upstream.port()),
        (false, "169.254.169.254", 80),
        (false, "no-such-host.invalid", 80),
    ] {
        config.provider_mut(0, |provider| {
            let (host, base_path) = (host.to_owned(), "/v1".to_owned());
            provider.backend = Backend::Http(Endpoint { tls, host, port, base_path });
        });
        world.running().apply(config.0.clone());
        own.push(world.post(ask(PROMPT, false).to_string()).await);
    }
    let others = world.post_as(other, json!({"model": "chat"}).to_string()).await;
    eventually("all has ended", async || load(&world).await.1 == 0).await;

    let metrics = world.admin("/metrics").await.text;
    let status = world.admin("/status").await.text;
    let usage_path = world.usage_path();
    let folder = world.usage();
    assert!(folder.len() > 150, "{} lines", folder.len());
    assert!(!usage_path.exists(), "the harness has read and removed it");
    let usage = serde_json::to_string(&folder).unwrap();
    let logs = String::from_utf8_lossy(&logs.bytes()).into_owned();
    for part in ["h2::", "weir_gateway", "an attempt failed", "snapshot applied", "an answer broke off"] {
        assert!(logs.contains(part), "the logs tell nothing of {part}: this test would prove nothing");
    }
    for (sink, text) in [("logs", &logs), ("usage log", &usage), ("metrics", &metrics), ("status", &status)] {
        for secret in SENTINELS {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{sink} {secret}: {}", &line.unwrap()[..line.unwrap().len().min(2000)]);
        }
    }
    for secret in SENTINELS {
        assert!(!others.text.contains(secret), "another key's error: {others:?}");
    }
    // A caller's own refusal may quote its prompt, and nothing else.
    for reply in own {
        for secret in [KEY, CREDENTIAL, STRANGER] {
            assert!(!reply.text.contains(secret), "{secret}: {reply:?}");
        }
    }
}
