//! S2.16: large frames and answers mean what small ones do, and images are no text.

use crate::caller::Caller;
use crate::harness::{Config, KEY, Reply, World, streamed, unary};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_upstream::{Answer, At, Framing, Gate, Upstream, Writes};

/// What the estimate of an image is at most, in tokens.
const IMAGE: u64 = 1_000;

fn two() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let world = Config::over(&[&first, &second]).start();
    (first, second, world)
}

fn base64(bytes: usize) -> String {
    "QUJD".repeat(bytes / 4)
}

/// A chunk with an image and what stands behind its choice's delta.
fn image(bytes: usize, rest: &str) -> String {
    let url = format!("data:image/png;base64,{}", base64(bytes));
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"see\",\"images\":[{{\"image_url\":{{\"url\":\"{url}\"}}}}]}}{rest}\n\n"
    )
}

fn tokens(line: &Value) -> (u64, u64) {
    let count = |class: &str| line["tokens"][class].as_u64().unwrap();
    (count("input"), count("output"))
}

#[tokio::test]
async fn s2_16_a_frame_with_an_image_also_tells_the_finish_and_the_usage() {
    let (first, second, world) = two();
    let end = r#","finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    let mut asked = 0;
    for done in ["", "data: [DONE]\n\n"] {
        for bytes in [1 << 20, 300 << 10, 70 << 10] {
            for writes in [Writes::Joined, Writes::Size(50_000), Writes::Sizes(vec![65_536, 1, 200_000])] {
                let frames = [image(bytes, end), done.to_owned()];
                first.always(Answer::events(frames.clone()).writes(writes));
                let reply = world.stream().await;
                assert!(
                    reply.text == frames.concat() && !reply.broken,
                    "{bytes}: {} bytes",
                    reply.text.len()
                );
                asked += 1;
            }
        }
    }
    assert_eq!((first.count(), second.count()), (asked, 0));
    for line in world.usage() {
        assert_eq!((&line["outcome"], &line["assumed"]), (&json!("ok"), &json!(false)), "{line}");
        assert_eq!(tokens(&line), (10, 5), "{line}");
    }
}

#[tokio::test]
async fn s2_16_who_leaves_in_the_middle_of_an_image_is_not_booked_its_bytes() {
    let (first, _second, world) = two();
    let gate = Gate::new();
    first.always(Answer::events([image(1 << 20, "}]}")]).hold_at(At::Byte(900 << 10), &gate));
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until("base64,QUJD").await;
    caller.leave();
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!(line["assumed"], true, "{line}");
    assert!(tokens(&line).1 <= IMAGE + 1, "{line}");
}

#[tokio::test]
async fn s2_16_an_image_in_many_events_is_assumed_as_one() {
    let (first, _second, world) = two();
    let image = format!("![](data:image/png;base64,{})", "QUJD".repeat(50_000));
    let event =
        |text: &str| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
    let pieces = image.as_bytes().chunks(1_000).map(|piece| event(std::str::from_utf8(piece).unwrap()));
    first.always(Answer::events(pieces.chain(["data: [DONE]\n\n".to_owned()])));
    assert_eq!(world.stream().await.content(), image);
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!(line["assumed"], true, "{line}");
    assert!((IMAGE..IMAGE + 20).contains(&tokens(&line).1), "{line}");
}

#[tokio::test]
async fn s2_16_a_large_usage_chunk_is_read_and_kept_from_who_did_not_ask() {
    let (first, _second, world) = two();
    let text =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"four\"},\"finish_reason\":\"stop\"}]}\n\n";
    let usage = format!(
        "data: {{\"choices\":[],\"x\":\"{}\",\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":5}}}}\n\n",
        "x".repeat(300 << 10)
    );
    let frames = [text, &usage, "data: [DONE]\n\n"].map(str::to_owned);
    for writes in [Writes::Joined, Writes::Size(50_000)] {
        first.always(Answer::events(frames.clone()).writes(writes));
        let reply = world.stream().await;
        assert!(reply.text == format!("{text}data: [DONE]\n\n"), "{} bytes", reply.text.len());
        let mut asking = streamed();
        asking["stream_options"] = json!({"include_usage": true});
        assert!(world.post(asking.to_string()).await.text == frames.concat());
    }
    for line in world.usage() {
        assert_eq!((tokens(&line), &line["assumed"]), ((10, 5), &json!(false)), "{line}");
    }
}

#[tokio::test]
async fn s2_16_the_code_of_an_error_counts_behind_a_message_of_any_length() {
    let (first, _second, world) = two();
    let long = "word ".repeat(60_000);
    let error = format!(r#"{{"error":{{"message":"{long}","type":"insufficient_quota"}}}}"#);
    let streamed = [format!("data: {error}\n\n"), format!("event: error\ndata: {error}\n\n")];
    for answer in [
        Answer::json(429, error.clone()),
        Answer::json(429, error.clone()).writes(Writes::Size(1_000)),
        Answer::json(200, error.clone()),
        Answer::events([&streamed[0]].map(Clone::clone)),
        Answer::events([&streamed[1]].map(Clone::clone)).writes(Writes::Size(1_000)),
    ] {
        first.always(answer);
        world.stream().await;
    }
    for line in world.usage() {
        assert_eq!(line["attempts"][0]["outcome"], "billing", "{line}");
    }
}

/// An answer of more than 4 MiB, `more` at its beginning and `last` at its end.
fn huge(more: &str, last: &str) -> String {
    let text = "word ".repeat(1 << 20);
    format!(
        r#"{{{more}"choices":[{{"index":0,"message":{{"content":"{text}"}},"finish_reason":"stop"}}]{last}}}"#
    )
}

async fn ask(world: &World, upstream: &Upstream, body: &str, label: &str) -> Reply {
    let answer = Answer::bytes(200, body.to_owned()).header("content-type", label);
    upstream.always(answer.framing(Framing::Chunked).writes(Writes::Size(300_000)));
    world.chat().await
}

#[tokio::test]
async fn s2_16_the_usage_of_a_large_answer_is_found_wherever_it_stands() {
    let (first, second, world) = two();
    let usage = r#""usage":{"prompt_tokens":100,"completion_tokens":40}"#;
    for body in [
        huge(&format!("{usage},"), ""),
        huge("", &format!(",{usage},\"x\":\"{}\"", "x".repeat(40 << 10))),
        huge("", &format!(",{usage}")),
    ] {
        for label in ["application/json", "text/plain"] {
            let reply = ask(&world, &first, &body, label).await;
            assert!(reply.status == 200 && reply.text == body, "{label}");
        }
    }
    assert_eq!(second.count(), 0);
    for line in world.usage() {
        assert_eq!((tokens(&line), &line["assumed"]), ((100, 40), &json!(false)), "{line}");
    }
}

/// Wherever its usage stands: a count that comes later may be larger.
#[tokio::test]
async fn s2_1_what_a_large_answer_used_that_broke_off_is_assumed() {
    let (first, second, world) = two();
    let usage = r#""usage":{"prompt_tokens":100,"completion_tokens":40}"#;
    for (lines, body) in [(2, huge(&format!("{usage},"), "")), (4, huge("", &format!(",{usage}")))] {
        first.always(Answer::json(200, body.clone()).close_at(At::Byte(9 << 19)));
        assert!(world.chat().await.broken);
        let gate = Gate::new();
        first.always(Answer::json(200, body).hold_at(At::Byte(9 << 19), &gate));
        let mut caller = Caller::send(&world, &unary()).await;
        caller.read_until("word").await;
        caller.leave();
        world.usage_lines(lines).await;
    }
    assert_eq!(second.count(), 0);
    let lines = world.usage();
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["stream_broken", "canceled", "stream_broken", "canceled"]);
    assert!(lines.iter().all(|line| line["assumed"] == true), "{lines:#?}");
    assert!(lines.iter().take(2).all(|line| tokens(line) == (100, 40)), "{lines:#?}");
    assert!(tokens(&lines[2]).1 > 100_000 && tokens(&lines[3]).1 > 0, "{lines:#?}");
}

#[tokio::test]
async fn s2_16_a_large_answer_with_an_error_in_it_is_none() {
    let (first, second, world) = two();
    let error = r#""error":{"message":"Slow down","code":429}"#;
    let reply = ask(&world, &first, &huge(&format!("{error},"), ""), "application/json").await;
    assert_eq!((reply.content().as_str(), second.count()), ("from the second", 1));
    let reply = ask(&world, &first, &huge("", &format!(",{error}")), "application/json").await;
    assert!(reply.broken, "it has begun, and must not look whole");
    let reply = ask(&world, &first, huge("", "").trim_end_matches('}'), "application/json").await;
    assert!(reply.broken, "nor what ends in its middle");
    let lines = world.usage();
    let outcomes: Vec<_> =
        lines.iter().map(|line| line["attempts"][0]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["rate_limited", "rate_limited", "garbled"]);
    assert_eq!(lines[1]["outcome"], "stream_broken");
}

#[tokio::test]
async fn s2_16_the_images_of_an_answer_without_usage_are_booked_as_a_constant() {
    let (first, _second, world) = two();
    for bytes in [1 << 20, 5 << 20] {
        let url = format!("data:image/png;base64,{}", base64(bytes));
        let message = json!({"content": "see", "images": [{"image_url": {"url": url}}]});
        let body = json!({"choices": [{"index": 0, "message": message}]}).to_string();
        let reply = ask(&world, &first, &body, "application/json").await;
        assert!(reply.text == body, "{bytes}");
    }
    for line in world.usage() {
        assert_eq!(line["assumed"], true, "{line}");
        assert!((IMAGE..IMAGE + 5).contains(&tokens(&line).1), "{line}");
    }
}

#[tokio::test]
async fn s2_16_the_images_of_a_request_are_assumed_as_a_constant() {
    let (first, _second, world) = two();
    first.always(Answer::json(200, r#"{"choices":[{"message":{"content":"a cat"}}]}"#));
    let url = format!("data:image/png;base64,{}", base64(10 << 20));
    let mut body = unary();
    body["messages"][0]["content"] =
        json!([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]);
    assert_eq!(world.post(body.to_string()).await.status, 200);
    let line = &world.usage()[0];
    assert_eq!(line["assumed"], true, "{line}");
    assert!((IMAGE..IMAGE + 200).contains(&tokens(line).0), "{line}");
}

/// It has no length and no chunks: an end in order would look like one of the answer.
#[tokio::test]
async fn s2_1_an_answer_that_breaks_off_ends_no_connection_of_http_1_0_in_order() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    let body = unary().to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let whole = json!({"choices": [{"message": {"content": "x".repeat(6 << 20)}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
    for breaks in [false, true] {
        let answer = Answer::json(200, whole.to_string());
        upstream.always(if breaks { answer.close_at(At::Byte(5 << 20)) } else { answer });
        let mut caller = TcpStream::connect(world.data).await.unwrap();
        caller.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let end = caller.read_to_end(&mut read).await;
        assert!(read.starts_with(b"HTTP/1.0 200 OK"), "{}", read.len());
        assert_eq!(end.is_err(), breaks, "{end:?} after {} bytes", read.len());
    }
}
