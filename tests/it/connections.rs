//! Connections to upstreams: how they are used again, what a close on one entails, and when they end.

use crate::caller::Caller;
use crate::harness::{Config, KEY, MODEL, Reply, World, streamed};
use crate::tools::eventually;
use serde_json::json;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir_upstream::{Answer, At, Chat, Framing, Gate, Upstream};

/// A gateway with one worker over `upstream`, so that every request finds the same idle connections.
fn one_worker(config: &Config) -> World {
    config.start_with(|options| options.workers = NonZeroUsize::new(1))
}

/// Has `world` keep so many idle connections to `upstream`, whose answers it replaces.
async fn keep(world: &World, upstream: &Upstream, connections: usize) {
    let gate = Gate::new();
    upstream.always(Answer::says("Hello.").hold_at(At::Start, &gate));
    let all = async {
        gate.reached_by(connections).await;
        gate.open();
    };
    let (replies, ()) = tokio::join!(world.many(connections, connections), all);
    assert!(replies.iter().all(Reply::is_whole));
    assert_eq!(upstream.connections(), connections as u64);
}

/// Closes every connection on its second request, without a byte; a first one is answered.
fn closes_kept(kept: u64) -> Answer {
    Answer::by(
        move |seen| if seen.connection <= kept { Answer::close() } else { Answer::says("Hello again.") },
    )
}

#[tokio::test]
async fn s1_7_a_close_on_a_kept_connection_is_one_more_attempt_on_a_fresh_one() {
    for stream in [false, true] {
        let upstream = Upstream::start();
        let world = one_worker(&Config::over(&[&upstream]));
        keep(&world, &upstream, 6).await;
        upstream.always(closes_kept(6));
        let reply = if stream { world.stream().await } else { world.chat().await };
        assert!(reply.is_whole() && reply.content() == "Hello again.", "{reply:?}");
        assert_eq!(reply.header("x-weir-attempts"), Some("2"));
        assert_eq!(
            (upstream.count(), upstream.connections()),
            (8, 7),
            "sent twice, then on a new connection"
        );
        let lines = world.usage();
        let outcomes: Vec<_> = lines[6]["attempts"].as_array().unwrap().iter().collect();
        assert_eq!(outcomes.len(), 2, "{outcomes:?}");
        assert_eq!(
            (&outcomes[0]["outcome"], &outcomes[1]["outcome"]),
            (&json!("server_error"), &json!("ok"))
        );
    }
}

#[tokio::test]
async fn s1_7_where_attempts_are_counted_it_counts() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.route_mut(|route| route.fallback.max_attempts = Some(1));
    let world = one_worker(&config);
    keep(&world, &upstream, 3).await;
    upstream.always(closes_kept(3));
    assert_eq!(world.chat().await.status, 503);
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn s1_7_a_close_after_a_while_is_a_failure_like_others() {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let world = one_worker(&Config::over(&[&first, &second]));
    keep(&world, &first, 2).await;
    // It may have worked for so long, and billed.
    first.always(Answer::says("").wait_at(At::Start, Duration::from_millis(700)).close_at(At::Start));
    assert_eq!(world.chat().await.content(), "from the second");
    assert_eq!(first.count(), 3);
}

#[tokio::test]
async fn s1_3_an_outage_on_kept_connections_is_amplified_by_a_fifth_at_most() {
    const KEPT: usize = 200;
    let upstream = Upstream::start();
    let world = one_worker(&Config::over(&[&upstream]));
    keep(&world, &upstream, KEPT).await;
    upstream.always(Answer::close());
    let replies = world.many(400, 8).await;
    assert!(replies.iter().all(|reply| reply.status == 503), "an outage is told as one");
    // A fifth of all requests of the last ten seconds, and the small floor.
    let most = 400 + (400 + KEPT) / 5 + 10;
    let asked = upstream.count() - KEPT;
    assert!(asked <= most, "{asked} attempts for 400 requests");
}

/// Reads a request's head and what came with it of the body: that, and the body's whole length.
async fn head(stream: &mut TcpStream) -> (usize, usize) {
    let mut read = Vec::new();
    loop {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        return (read.len() - end - 4, length.parse().unwrap());
    }
}

/// A request that no socket's buffers take whole.
fn large(stream: bool) -> String {
    json!({"model": MODEL, "stream": stream, "user": "x".repeat(12 << 20)}).to_string()
}

async fn early() -> (TcpListener, Config) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config::new();
    config.add("p1", listener.local_addr().unwrap().port());
    config.provider_mut(0, |provider| {
        provider.timeouts.first_byte = Duration::from_secs(20);
        provider.timeouts.total = Duration::from_secs(20);
    });
    (listener, config)
}

#[tokio::test]
async fn s1_14_an_answer_that_begins_early_does_not_stop_the_upload() {
    const CHUNK: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hello."},"finish_reason":"stop"}]}"#;
    const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"content":"Hello."},"finish_reason":"stop"}]}"#;
    for stream in [false, true] {
        let (listener, config) = early().await;
        let serve = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                let (mut came, length) = head(&mut connection).await;
                assert!(came < length, "the head of the answer is early");
                let content = if stream { "text/event-stream" } else { "application/json" };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {content}\r\ntransfer-encoding: chunked\r\n\r\n"
                );
                connection.write_all(head.as_bytes()).await.unwrap();
                let mut buffer = vec![0; 1 << 20];
                while came < length {
                    came += connection.read(&mut buffer).await.unwrap();
                }
                assert_eq!(came, length);
                let body =
                    if stream { format!("data: {CHUNK}\n\ndata: [DONE]\n\n") } else { WHOLE.to_owned() };
                let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
                connection.write_all(chunks.as_bytes()).await.unwrap();
            }
        };
        let world = one_worker(&config);
        let ask = async {
            for _ in 0..2 {
                let reply = world.post(large(stream)).await;
                assert!(reply.is_whole(), "{} {}", reply.status, reply.text);
            }
        };
        let both = async { tokio::join!(serve, ask) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("on one connection");
    }
}

#[tokio::test]
async fn s9_3_a_request_counts_until_the_upstream_has_taken_it() {
    const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello.\"}}]}\n\n";
    let (listener, config) = early().await;
    let world = config.start_with(|options| options.memory_budget = Some(32 << 20));
    // Its model is unknown: that is told once there is room for it.
    let other = large(false).replace(MODEL, "unknown");
    let (stream, connection) = tokio::join!(
        world.client.post(world.url("/v1/chat/completions")).bearer_auth(KEY).body(large(true)).send(),
        async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (came, length) = head(&mut connection).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(EVENT.as_bytes()).await.unwrap();
            (connection, length - came)
        }
    );
    let (stream, (mut connection, mut left)) = (stream.unwrap(), connection);
    assert_eq!(world.post(other.clone()).await.code(), "overloaded");
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        left -= connection.read(&mut buffer).await.unwrap();
    }
    connection.write_all(EVENT.as_bytes()).await.unwrap();
    eventually("it is given back", async || world.post(other.clone()).await.code() == "model_not_found")
        .await;
    drop(stream);
}

#[tokio::test]
async fn s1_14_a_refusal_that_comes_early_stops_the_upload() {
    let (listener, config) = early().await;
    let (told, heard) = tokio::sync::oneshot::channel();
    let serve = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let (mut came, length) = head(&mut connection).await;
        let error =
            r#"{"error":{"message":"Too large.","type":"invalid_request_error","code":"request_too_large"}}"#;
        let answer = format!(
            "HTTP/1.1 413 Content Too Large\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{error}",
            error.len()
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
        heard.await.unwrap(); // until then nothing more is taken
        let mut buffer = vec![0; 1 << 20];
        loop {
            match connection.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => came += read,
            }
        }
        assert!(came < length, "all {length} bytes were sent");
    };
    let world = one_worker(&config);
    let ask = async {
        let reply = world.post(large(false)).await;
        told.send(()).unwrap();
        reply
    };
    let (reply, ()) = tokio::join!(ask, serve);
    assert_eq!(reply.status, 413, "{reply:?}");
}

/// What OpenAI's SDKs do: they close as soon as they have read `[DONE]`.
#[tokio::test]
async fn s1_14_a_caller_who_leaves_after_done_costs_no_upstream_connection() {
    const TRIES: usize = 20;
    let upstream = Upstream::start();
    let world = one_worker(&Config::over(&[&upstream]));
    for number in 1..=TRIES {
        let gate = Gate::new();
        upstream.always(Chat::says("Hello.").answer().hold_at(At::End, &gate));
        let mut caller = Caller::send(&world, &streamed()).await;
        caller.read_until("[DONE]").await;
        caller.leave();
        gate.open();
        upstream.wait_for(Duration::from_secs(10), |upstream| upstream.finished() == number).await.unwrap();
        world.nobody_is_served().await;
    }
    // Not one for all: on a busy machine the last bytes may take longer than they are waited for.
    assert!(upstream.connections() <= TRIES as u64 / 4, "{} connections", upstream.connections());
}

#[tokio::test]
async fn s10_20_an_answer_is_compressed_only_where_it_names_a_coding() {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.always(Answer::says("from the first"));
    second.always(Answer::says("from the second"));
    let world = Config::over(&[&first, &second]).start();
    for (encodings, from) in [
        (vec!["none"], "first"),
        (vec!["utf-8"], "first"),
        (vec![""], "first"),
        (vec!["Identity", "none"], "first"),
        (vec!["GZIP"], "second"),
        (vec!["identity", "br"], "second"),
        (vec!["identity, zstd"], "second"),
    ] {
        let with = |answer: Answer, value: &&str| answer.header("content-encoding", *value);
        first.always(encodings.iter().fold(Answer::says("from the first"), with));
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!(reply.content(), format!("from the {from}"), "{encodings:?}");
        }
    }
}

/// The sockets of this machine whose other end is `port`, by their state, and whether the kernel probes them.
#[cfg(target_os = "linux")]
fn sockets(local: Option<u16>, remote: Option<u16>) -> Vec<(u8, bool)> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |field: &str| u16::from_str_radix(field.rsplit(':').next().unwrap(), 16).unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| local.is_none_or(|local| port(row[1]) == local))
        .filter(|row| remote.is_none_or(|remote| port(row[2]) == remote))
        .map(|row| (u8::from_str_radix(row[3], 16).unwrap(), row[5].starts_with("02:")))
        .collect()
}

#[cfg(target_os = "linux")]
const ESTABLISHED: u8 = 1;
#[cfg(target_os = "linux")]
const CLOSE_WAIT: u8 = 8;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn s10_18_what_an_upstream_has_closed_is_let_go_without_another_request() {
    let upstream = Upstream::start();
    let world = one_worker(&Config::over(&[&upstream]));
    let gate = Gate::new();
    upstream.always(Answer::says("Hello.").hold_at(At::After, &gate).close_at(At::After));
    assert!(world.chat().await.is_whole());
    // Others that this port was once the other end of may still be dying.
    let kept = sockets(None, Some(upstream.port())).iter().any(|(state, _)| *state == ESTABLISHED);
    assert!(kept, "kept");
    gate.open();
    upstream.wait_for(Duration::from_secs(10), |upstream| upstream.connections_open() == 0).await.unwrap();
    let began = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while sockets(None, Some(upstream.port())).iter().any(|(state, _)| *state == CLOSE_WAIT) {
        look.tick().await;
        assert!(began.elapsed() < Duration::from_secs(10), "it still holds a closed connection");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn s10_19_silent_connections_are_probed_on_both_sides() {
    let upstream = Upstream::start();
    upstream.always(Answer::says("").hang_at(At::Start));
    let world = Config::over(&[&upstream]).start();
    let _caller = Caller::send(&world, &streamed()).await;
    upstream.wait_for_requests(1).await.unwrap();
    for (whose, local, remote) in
        [("the caller's", Some(world.data.port()), None), ("the upstream's", None, Some(upstream.port()))]
    {
        let established = || sockets(local, remote).into_iter().filter(|(state, _)| *state == ESTABLISHED);
        let began = Instant::now();
        // Until what was sent is acknowledged another timer runs.
        while !established().any(|(_, probed)| probed) {
            assert!(began.elapsed() < Duration::from_secs(5), "{whose} socket is not probed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn s10_18_an_answer_that_ends_well_gives_its_connection_back_and_no_other_does() {
    let upstream = Upstream::start();
    let world = one_worker(&Config::over(&[&upstream]));
    for framing in [Framing::Length, Framing::Chunked] {
        upstream.always(Answer::says("Hello.").framing(framing));
        for reply in [world.chat().await, world.stream().await] {
            assert!(reply.is_whole(), "{reply:?}");
        }
    }
    assert_eq!(upstream.connections(), 1);
    upstream.always(Answer::says("Hello.").header("connection", "close"));
    for expected in [1, 2, 3] {
        assert!(world.chat().await.is_whole());
        assert_eq!(upstream.connections(), expected);
    }
}
