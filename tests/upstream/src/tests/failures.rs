//! Each failure, as a client without any HTTP library sees it.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, unchunk};
use crate::{Answer, At, Blackhole, Chat, Refused, Upstream};

const UNARY: &str = r#"{"model":"m"}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// What comes for a request until the connection ends, and how that ends.
fn ends(answer: impl Into<Answer>, request: &str) -> (String, &'static str) {
    let upstream = Upstream::start();
    upstream.always(answer);
    let mut client = Client::to(&upstream);
    client.post(request);
    let (bytes, end) = client.rest();
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn responds(answer: impl Into<Answer>) -> String {
    let upstream = Upstream::start();
    upstream.always(answer);
    let mut client = Client::to(&upstream);
    client.post(UNARY);
    client.some()
}

#[test]
fn resets_and_closes_happen_where_they_should() {
    assert_eq!(ends(Answer::reset(), UNARY), (String::new(), "reset"));
    assert_eq!(ends(Answer::close(), UNARY), (String::new(), "closed"));
    assert_eq!(ends(Answer::says("x").reset_at(At::Head(12)), UNARY), ("HTTP/1.1 200".into(), "reset"));

    let (response, end) = ends(Answer::json(200, "0123456789").reset_at(At::Byte(4)), UNARY);
    assert!(response.contains("content-length: 10\r\n") && response.ends_with("\r\n\r\n0123"));
    assert_eq!(end, "reset");
    let (response, end) = ends(Answer::json(200, "0123456789").close_at(At::Byte(4)), UNARY);
    assert!(response.ends_with("\r\n\r\n0123") && end == "closed");

    let (response, end) = ends(Chat::says("").events(9).answer().reset_at(At::Event(3)), STREAM);
    assert_eq!((response.matches("data: ").count(), end), (3, "reset"));
    let (response, end) = ends(Chat::says("").events(9).answer().close_at(At::Event(3)), STREAM);
    assert_eq!((response.matches("data: ").count(), end), (3, "closed"));
    assert!(!response.ends_with("0\r\n\r\n"));
    let (response, end) = ends(Answer::says("x").close_at(At::End), STREAM);
    assert!(response.ends_with("[DONE]\n\n\r\n") && end == "closed", "{response:?}");
    let (response, end) = ends(Answer::says("x").close_at(At::After), STREAM);
    assert!(response.ends_with("0\r\n\r\n") && end == "closed");
}

#[test]
fn statuses_carry_their_headers_and_codes() {
    assert!(responds(Answer::rate_limited(Some(7))).contains("retry-after: 7\r\n"));
    assert!(!responds(Answer::rate_limited(None)).contains("retry-after"));
    assert!(responds(Answer::overloaded()).starts_with("HTTP/1.1 529 "));
    assert!(responds(Answer::context_length()).contains(r#""code":"context_length_exceeded""#));
    assert!(responds(Answer::html(502)).contains("content-type: text/html"));
    assert!(responds(Answer::html(200)).starts_with("HTTP/1.1 200 OK"));
    assert!(responds(Answer::error_inside_200()).contains(r#"{"error":{"#));
    let redirect = responds(Answer::redirect(307, "http://elsewhere/"));
    assert!(redirect.starts_with("HTTP/1.1 307 ") && redirect.contains("location: http://elsewhere/"));
    let typed = responds(Answer::says("x").header("content-type", "text/html"));
    assert_eq!(typed.matches("content-type").count(), 1);
}

#[test]
fn garbage_is_not_http_and_broken_json_is_whole_http() {
    let (bytes, end) = ends(Answer::garbage(), UNARY);
    assert!(!bytes.contains("HTTP/") && end == "closed");
    for answer in [Answer::invalid_json(), Answer::truncated_json()] {
        let response = responds(answer);
        let body = response.split_once("\r\n\r\n").unwrap().1;
        assert!(response.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_err());
    }
}

#[test]
fn gzip_is_a_container_that_gzip_accepts() {
    let packed = crate::gzip::store(b"hello");
    assert_eq!(packed.get(..3), Some(&[0x1f, 0x8b, 8][..]));
    assert_eq!(packed.get(10..15), Some(&[1, 5, 0, 0xfa, 0xff][..]));
    assert_eq!(packed.get(20..), Some(&[0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0][..]));
    assert!(responds(Answer::gzip(b"{}")).contains("content-encoding: gzip"));
}

#[test]
fn a_hanging_answer_stays_open_and_silent() {
    let upstream = Upstream::start();
    upstream.always(Chat::says("").events(5).answer().hang_at(At::Event(2)));
    let mut client = Client::to(&upstream);
    client.patience(Duration::from_millis(100));
    client.post(STREAM);
    let (bytes, end) = client.rest();
    assert_eq!((String::from_utf8_lossy(&bytes).matches("data: ").count(), end), (2, "open"));
    upstream.always(Answer::hang());
    let mut client = Client::to(&upstream);
    client.patience(Duration::from_millis(50));
    client.post(UNARY);
    assert_eq!(client.rest(), (vec![], "open"));
}

#[test]
fn streams_can_end_badly_inside_a_200() {
    let upstream = Upstream::start();
    let stream = |answer: Answer| {
        upstream.then(answer);
        let mut client = Client::to(&upstream);
        client.post(STREAM);
        unchunk(&client.until(b"0\r\n\r\n"))
    };
    let failed = stream(Chat::says("").events(9).error_after(2, json!({"message": "no"})).answer());
    assert!(failed.ends_with("data: {\"error\":{\"message\":\"no\"}}\n\n"), "{failed}");
    assert_eq!(failed.matches("data: ").count(), 3);
    let unfinished = stream(Chat::says("x").finish(None).without_done().answer());
    assert!(!unfinished.contains("[DONE]") && !unfinished.contains(r#""finish_reason":"stop""#));
    assert_eq!(stream(Answer::empty_stream()), "");
    let large = stream(Answer::says("x".repeat(1 << 20)));
    assert!(large.len() > 1 << 20);
}

#[test]
fn pauses_stand_between_events() {
    let upstream = Upstream::start();
    let pause = Duration::from_millis(20);
    upstream.always(Chat::says("").events(3).without_done().answer().every(pause).wait_at(At::Start, pause));
    let mut client = Client::to(&upstream);
    let start = Instant::now();
    client.post(STREAM);
    client.until(b"0\r\n\r\n");
    // Role, three texts, finish: four pauses and the one before the headers.
    assert!(start.elapsed() >= pause * 5, "{:?}", start.elapsed());
}

#[test]
fn endless_streams_go_on_until_the_client_leaves() {
    let upstream = Upstream::start();
    upstream.always(Answer::endless_comments(Duration::ZERO));
    let mut client = Client::to(&upstream);
    client.post(STREAM);
    let mut read = 0;
    while read < 1 << 20 {
        read += client.some().len();
    }
}

#[test]
fn a_refused_port_refuses_and_a_black_hole_does_not_answer() {
    let refused = Refused::start().unwrap();
    let error = TcpStream::connect(("127.0.0.1", refused.port())).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    let hole = Blackhole::start().unwrap();
    let address = ([127, 0, 0, 1], hole.port()).into();
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn a_stopped_upstream_refuses_and_can_come_back() {
    let upstream = Upstream::start();
    let port = upstream.port();
    let mut client = Client::to(&upstream);
    client.post(UNARY);
    client.some();
    drop(upstream);
    assert_ne!(client.rest().1, "open");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let back = Upstream::start_on(port).unwrap();
    let mut client = Client::to(&back);
    client.post(UNARY);
    assert!(client.some().contains("200 OK"));
}
