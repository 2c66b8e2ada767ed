//! Good answers: forms, framing, splitting, replay.

use serde_json::{Value, json};

use super::client::{Client, unchunk};
use crate::{Answer, Chat, Flaky, Framing, LineEnd, Rule, Upstream, Usage, When, Writes};

const UNARY: &str = r#"{"model":"m","messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const STREAM_WITH_USAGE: &str = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;

fn unary(client: &mut Client) -> Value {
    client.post(UNARY);
    let response = client.some();
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn stream(upstream: &Upstream, body: &str) -> String {
    let mut client = Client::to(upstream);
    client.post(body);
    unchunk(&client.until(b"0\r\n\r\n"))
}

#[test]
fn one_connection_serves_many_requests() {
    let upstream = Upstream::start();
    let mut client = Client::to(&upstream);
    for _ in 0..3 {
        assert_eq!(unary(&mut client)["choices"][0]["message"]["content"], "Hello from the upstream.");
    }
    let seen = upstream.requests();
    assert_eq!(
        seen.iter().map(|seen| (seen.number, seen.connection)).collect::<Vec<_>>(),
        [(1, 1), (2, 1), (3, 1)]
    );
    assert_eq!(upstream.connections_open(), 1);
}

#[test]
fn chunked_and_pipelined_requests_are_read() {
    let upstream = Upstream::start();
    let mut client = Client::to(&upstream);
    client.send("POST /x/y/chat/completions?a=b HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n");
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n");
    let mut responses = String::new();
    while responses.matches("HTTP/1.1 200 OK").count() < 2 {
        responses += &client.some();
    }
    let seen = &upstream.requests()[0];
    assert_eq!((&seen.body[..], &seen.path[..]), (&b"abcde"[..], "/x/y/chat/completions?a=b"));
    assert_eq!(seen.header("x-a"), Some("b"));
}

#[test]
fn a_stream_has_role_text_finish_and_done_and_usage_when_asked() {
    let upstream = Upstream::start();
    upstream.always(Chat::pieces(["Hel", "lo"]).usage(Some(Usage { cached: 3, ..Usage::new(5, 7) })));
    let plain = stream(&upstream, STREAM);
    let frames: Vec<&str> = plain.split_terminator("\n\n").collect();
    assert_eq!(frames.len(), 5);
    assert!(!plain.contains("usage") && frames[4] == "data: [DONE]");
    let first: Value = serde_json::from_str(&frames[0][6..]).unwrap();
    assert_eq!(first["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(first["model"], "m");

    let asked = stream(&upstream, STREAM_WITH_USAGE);
    let frames: Vec<&str> = asked.split_terminator("\n\n").collect();
    assert_eq!(frames.len(), 6);
    assert!(frames[1].contains(r#""usage":null"#));
    let usage: Value = serde_json::from_str(&frames[4][6..]).unwrap();
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(12)));
    assert_eq!(usage["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
}

#[test]
fn usage_can_be_never_or_always() {
    let upstream = Upstream::start();
    upstream.then(Chat::says("x").usage_in_stream(When::Always));
    upstream.then(Chat::says("x").usage_in_stream(When::Never));
    assert!(stream(&upstream, STREAM).contains("total_tokens"));
    assert!(!stream(&upstream, STREAM_WITH_USAGE).contains("usage"));
}

#[test]
fn every_way_of_writing_carries_the_same_bytes() {
    let upstream = Upstream::start();
    let chat = Chat::says("Grüße, 世界").model("m");
    let body = |writes| {
        upstream.then(Answer::by({
            // The id carries the request's number; a rule must not, if bodies are to be compared.
            let frames = ["data: Grüße, 世界\n\n", "data: [DONE]\n\n"];
            move |_| Answer::events(frames).writes(Clone::clone(&writes))
        }));
        stream(&upstream, STREAM)
    };
    let whole = body(Writes::PerEvent);
    assert_eq!(whole, "data: Grüße, 世界\n\ndata: [DONE]\n\n");
    for writes in [Writes::Joined, Writes::Size(1), Writes::Size(7), Writes::Sizes(vec![1, 13, 4])] {
        assert_eq!(body(writes.clone()), whole, "{writes:?}");
    }
    upstream.then(chat.answer().writes(Writes::Size(3)));
    assert!(stream(&upstream, STREAM).contains("Grüße, 世界"));
}

#[test]
fn joined_frames_are_chunks_of_their_own_in_one_write() {
    let upstream = Upstream::start();
    upstream.always(Answer::events(["data: a\n\n", "data: b\n\n"]).writes(Writes::Joined));
    let mut client = Client::to(&upstream);
    client.post(STREAM);
    let at_once = client.some();
    assert!(at_once.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(at_once.ends_with("\r\n\r\n9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n"), "{at_once:?}");
}

#[test]
fn lines_end_as_told() {
    let upstream = Upstream::start();
    for (line_end, text) in [(LineEnd::CrLf, "\r\n\r\n"), (LineEnd::Cr, "\r\r"), (LineEnd::Lf, "\n\n")] {
        upstream.then(Chat::says("x").line_end(line_end));
        assert!(stream(&upstream, STREAM).ends_with(&format!("data: [DONE]{text}")));
    }
}

#[test]
fn rules_come_before_the_queue_and_the_queue_before_the_default() {
    let upstream = Upstream::start();
    upstream.always(Answer::server_error(500));
    upstream.then(Answer::bad_key());
    upstream.script(Rule::model("m", Answer::overloaded()).times(1));
    let mut client = Client::to(&upstream);
    for expected in ["HTTP/1.1 529 ", "HTTP/1.1 401 ", "HTTP/1.1 500 "] {
        client.post(UNARY);
        assert!(client.some().starts_with(expected), "{expected}");
    }
    client.send("GET /openai/v1/models HTTP/1.1\r\n\r\n");
    assert!(client.some().contains(r#""id":"fake""#));
}

#[test]
fn flaky_fails_the_same_requests_each_time() {
    let upstream = Upstream::start();
    let run = || {
        upstream.always(Flaky { percent: 45, answer: Answer::server_error(500), seed: 7 });
        let mut client = Client::to(&upstream);
        (0..400)
            .map(|_| {
                client.post(UNARY);
                client.some().starts_with("HTTP/1.1 500")
            })
            .collect::<Vec<_>>()
    };
    let failed = run();
    assert_eq!(failed, run());
    let failures = failed.iter().filter(|failed| **failed).count();
    assert!((140..220).contains(&failures), "{failures}");
}

#[test]
fn flapping_takes_turns() {
    let upstream = Upstream::start();
    upstream.always(Answer::flap_by_count(2, Answer::says("x"), Answer::server_error(502)));
    let mut client = Client::to(&upstream);
    let bad: Vec<bool> = (0..6)
        .map(|_| {
            client.post(UNARY);
            client.some().contains(" 502 ")
        })
        .collect();
    assert_eq!(bad, [false, false, true, true, false, false]);
}

#[test]
fn every_recording_is_replayed_to_the_byte() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wire");
    let upstream = Upstream::start();
    let mut cases = 0;
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let body = match path.extension().and_then(|extension| extension.to_str()) {
                Some("sse") => bytes,
                Some("json") => {
                    let case: Value = serde_json::from_slice(&bytes).unwrap();
                    case["response"]["body"].as_str().unwrap().to_owned().into_bytes()
                }
                _ => continue,
            };
            cases += 1;
            for writes in [Writes::Joined, Writes::Size(1000)] {
                let answer = Answer::recording(&path).unwrap().writes(writes).framing(Framing::UntilClose);
                upstream.then(answer);
                let mut client = Client::to(&upstream);
                client.post(UNARY);
                let (response, end) = client.rest();
                assert!(response.ends_with(&body) && end == "closed", "{}", path.display());
            }
        }
    }
    assert!(cases > 80, "{cases}");
}
