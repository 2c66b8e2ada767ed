//! S2.2, S2.7: what becomes of bodies: held until they are whole, and passed on byte for byte.

use crate::harness::{Config, Reply, World, streamed, unary};
use serde_json::Value;
use weir_upstream::{Answer, At, Framing, Gate, Upstream, Writes};

/// Up to here a unary answer is held.
const HELD: usize = 4 << 20;

fn two() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let world = Config::over(&[&first, &second]).start();
    (first, second, world)
}

/// A completion of exactly so many bytes.
fn completion(bytes: usize) -> String {
    let around = |text: &str| {
        format!(r#"{{"id":"x","choices":[{{"index":0,"message":{{"content":"{text}"}}}}],"z":1}}"#)
    };
    let text: String = ('a'..='z').cycle().take(bytes - around("").len()).collect();
    around(&text)
}

#[tokio::test]
async fn s2_2_a_unary_answer_that_breaks_in_its_middle_moves_on() {
    let (first, second, world) = two();
    let body = completion(100_000);
    let answer = || Answer::json(200, body.clone());
    let chunked = || answer().framing(Framing::Chunked).writes(Writes::Size(10_000));
    let broken = [
        answer().reset_at(At::Byte(50_000)),
        answer().close_at(At::Byte(50_000)),
        answer().reset_at(At::Byte(0)),
        answer().close_at(At::Byte(99_999)),
        chunked().reset_at(At::Byte(50_000)),
        chunked().close_at(At::Byte(50_000)),
        chunked().close_at(At::End),
    ];
    for (number, answer) in broken.iter().enumerate() {
        first.always(answer.clone());
        let reply = world.chat().await;
        assert!(reply.is_whole() && reply.content() == "from the second", "{number} {reply:?}");
    }
    assert_eq!(second.count(), broken.len());
    for line in world.usage() {
        assert_eq!(line["attempts"][0]["outcome"], "server_error", "{line}");
    }
}

#[tokio::test]
async fn s2_2_four_mebibytes_are_held() {
    let (first, second, world) = two();
    let body = completion(HELD);
    for framing in [Framing::Length, Framing::Chunked] {
        let answer = || Answer::json(200, body.clone()).framing(framing).writes(Writes::Size(1 << 20));
        first.always(answer());
        let reply = world.chat().await;
        assert!(reply.status == 200 && reply.text == body, "{framing:?}");
        assert!(reply.header("content-length").is_some(), "known, since it was held");
        first.always(answer().reset_at(At::Byte(HELD - 1)));
        let reply = world.chat().await;
        assert!(reply.is_whole() && reply.content() == "from the second", "{framing:?}");
    }
    assert_eq!(second.count(), 2);
}

#[tokio::test]
async fn s2_2_a_larger_answer_streams_through_whole() {
    let (first, second, world) = two();
    for bytes in [HELD + 1, 9 << 20] {
        let body = completion(bytes);
        for framing in [Framing::Length, Framing::Chunked, Framing::UntilClose] {
            first.always(Answer::json(200, body.clone()).framing(framing).writes(Writes::Size(300_000)));
            let reply = world.chat().await;
            assert!(reply.status == 200 && !reply.broken, "{framing:?} {bytes}");
            assert!(reply.text == body, "{framing:?} {bytes}: {} bytes came", reply.text.len());
            assert_eq!(reply.header("x-weir-provider"), Some("default/p1"));
        }
    }
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s2_2_a_larger_answer_that_breaks_is_seen_to_be_broken() {
    let (first, second, world) = two();
    let body = completion(6 << 20);
    for framing in [Framing::Length, Framing::Chunked] {
        let answer = Answer::json(200, body.clone()).framing(framing).writes(Writes::Size(300_000));
        for broken in [answer.clone().reset_at(At::Byte(5 << 20)), answer.close_at(At::Byte(5 << 20))] {
            // A reset takes along what was not read yet: not before the answer is committed.
            let gate = Gate::new();
            first.always(broken.hold_at(At::Byte((5 << 20) - 1), &gate));
            let begun = world.open_stream(unary()).await;
            gate.open();
            let reply = Reply::read(begun).await;
            assert_eq!(reply.status, 200);
            assert!(reply.broken, "{framing:?}: {} bytes look like a whole answer", reply.text.len());
            assert!(body.starts_with(&reply.text));
        }
    }
    assert_eq!(second.count(), 0);
    for line in world.usage() {
        assert_eq!((&line["outcome"], &line["assumed"]), (&"stream_broken".into(), &true.into()), "{line}");
        assert!(line["tokens"]["output"].as_u64() > Some(100_000), "what was passed on counts: {line}");
    }
}

#[tokio::test]
async fn s4_1_the_usage_of_an_answer_too_large_to_hold_is_read_as_it_passes() {
    let (first, _second, world) = two();
    let counted = r#""usage": {"prompt_tokens":100,"completion_tokens":40,"prompt_tokens_details":{"cached_tokens":60}}}"#;
    let body = completion(5 << 20).replace("\"z\":1}", counted);
    for framing in [Framing::Length, Framing::Chunked] {
        first.always(Answer::json(200, body.clone()).framing(framing).writes(Writes::Size(300_000)));
        assert!(world.chat().await.text == body);
    }
    for line in world.usage() {
        let expected = serde_json::json!({"input": 40, "cache_read": 60, "cache_write": 0, "cache_write_1h": 0, "output": 40, "reasoning": 0});
        assert_eq!((&line["tokens"], &line["assumed"]), (&expected, &false.into()), "{line}");
    }
}

#[tokio::test]
async fn s2_2_something_large_that_is_no_answer_moves_on() {
    let (first, second, world) = two();
    let page = format!("<html>{}</html>", "x".repeat(5 << 20));
    first.always(Answer::bytes(200, page).header("content-type", "text/html"));
    assert!(world.chat().await.is_whole());
    assert_eq!(second.count(), 1);
}

/// A request as nobody's library writes it: its spacing, its order, its numbers and escapes.
const ODD: &str = "\t{ \"messages\" :[ {\"content\":\"h\\u00e9llo \\ud83d\\ude00 \\/ \u{fc}\", \"role\":\"user\"}\r\n ],\
                   \"x_unknown\" : {\"b\":1.0,\"a\":1e3,\"n\":12345678901234567890,\"model\":\"chat\"},\
                   \"temperature\":0.70, \"model\" :  \"chat\"  , \"stop\":null,\"logit_bias\":{\"50256\":-100} }\n";

#[tokio::test]
async fn s2_7_only_the_model_of_a_request_is_touched() {
    let (first, _second, world) = two();
    assert_eq!(world.post(ODD).await.status, 200);
    let expected = ODD.replace("\"model\" :  \"chat\"", "\"model\" :  \"gpt-upstream\"");
    assert_eq!(String::from_utf8_lossy(&first.last().unwrap().body), expected);
}

#[tokio::test]
async fn s2_7_a_request_for_a_model_of_the_same_name_is_not_touched_at_all() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| provider.models[0].upstream_name = "chat".to_owned());
    let world = config.start();
    assert_eq!(world.post(ODD).await.status, 200);
    assert_eq!(String::from_utf8_lossy(&upstream.last().unwrap().body), ODD);
}

#[tokio::test]
async fn s2_7_of_a_streams_request_the_usage_option_is_touched_as_well() {
    let (first, _second, world) = two();
    for (asked, sent) in [
        (
            r#"{"model":"chat","stream":true}"#,
            r#"{"model":"gpt-upstream","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream":true, "stream_options" : { "x_other":1.50 } ,"model":"chat"}"#,
            r#"{"stream":true, "stream_options" : {"include_usage":true, "x_other":1.50 } ,"model":"gpt-upstream"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":false,"x":[]},"model":"chat"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":[]},"model":"gpt-upstream"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null,"model":"chat"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"gpt-upstream"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ "include_usage" : true },"model":"chat"}"#,
            r#"{"stream":true,"stream_options":{ "include_usage" : true },"model":"gpt-upstream"}"#,
        ),
    ] {
        assert!(world.post(asked).await.is_whole(), "{asked}");
        assert_eq!(String::from_utf8_lossy(&first.last().unwrap().body), sent);
    }
}

#[tokio::test]
async fn s2_7_odd_json_of_a_request_reaches_the_upstream_as_it_is() {
    let (first, _second, world) = two();
    for odd in [r#""\ud83d""#, r#""\udc00\ud800""#, "1e400", "-1e400", "[1E999]"] {
        for stream in [false, true] {
            let body = format!(
                r#"{{"model":"chat","stream":{stream},"stream_options":{{"include_usage":true}},"x":{odd}}}"#
            );
            assert!(world.post(body.clone()).await.is_whole(), "{body}");
            let sent = body.replace("\"chat\"", "\"gpt-upstream\"");
            assert_eq!(String::from_utf8_lossy(&first.last().unwrap().body), sent);
        }
    }
}

#[tokio::test]
async fn s2_7_a_byte_order_mark_in_front_of_a_request_is_not_sent_on() {
    let (first, _second, world) = two();
    assert_eq!(world.post(format!("\u{feff}{ODD}")).await.status, 200);
    let sent = ODD.replace("\"model\" :  \"chat\"", "\"model\" :  \"gpt-upstream\"");
    assert_eq!(String::from_utf8_lossy(&first.last().unwrap().body), sent);
}

#[tokio::test]
async fn s2_7_an_answer_passes_through_byte_for_byte() {
    let (first, _second, world) = two();
    let odd = "\r\n { \"choices\" : [ {\"message\":{\"content\":\"\\u00e9 \u{fc} \\/\",\"x\":1.0},\"index\":0} ],\
               \"x_unknown\":{\"n\":12345678901234567890,\"e\":1e3}, \"usage\" :null}\n\n";
    first.always(Answer::json(200, odd));
    let reply = world.chat().await;
    assert_eq!((reply.status, &*reply.text), (200, odd));
}

#[tokio::test]
async fn s2_7_a_stream_passes_through_byte_for_byte() {
    let (first, _second, world) = two();
    let frames = [
        ": a comment\r\n\r\n",
        "id: 7\nretry: 100\nevent: x\ndata:{\"choices\":[{\"delta\":{\"content\":\"\\u00e9\u{fc}\"}}],\"x\":1.0}\n\n",
        "data: {\"choices\": [ {\"delta\":\r\ndata:  {\"content\":\"more\"} } ] }\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\r\r",
        "data: [DONE]\n\n",
    ];
    for writes in [Writes::Joined, Writes::PerEvent, Writes::Size(1)] {
        first.always(Answer::events(frames).writes(writes));
        let reply = world.post(streamed().to_string()).await;
        assert_eq!((reply.status, &*reply.text), (200, &*frames.concat()));
    }
}

#[tokio::test]
async fn s2_7_what_the_upstream_gets_is_built_not_forwarded() {
    let (first, _second, world) = two();
    let request = world.client.post(world.url("/v1/chat/completions")).bearer_auth(crate::harness::KEY);
    let request = request
        .header("cookie", "a=b")
        .header("x-forwarded-for", "10.1.2.3")
        .header("openai-organization", "org-1");
    assert_eq!(request.body(ODD).send().await.unwrap().status(), 200);
    let seen = first.last().unwrap();
    let names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in &names {
        let known = [
            "host",
            "content-type",
            "accept",
            "accept-encoding",
            "user-agent",
            "authorization",
            "content-length",
        ];
        assert!(known.contains(name), "{name} was sent on");
    }
    assert_eq!(seen.header("authorization"), Some("Bearer sk-p1-credential-sentinel"));
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/chat/completions"));
    assert!(serde_json::from_slice::<Value>(&seen.body).is_ok());
}
