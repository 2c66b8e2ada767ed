//! S2.1: a stream that breaks behind its content ends in an error of the caller's API, and never as if it were whole.

use super::said::frames;
use super::{Api, BOTH, ask, two};
use crate::harness::Reply;
use serde_json::{Value, json};
use weir_upstream::{Answer, At, Chat, Message};

const INPUT: &str = r#"{"city":"Zürich","days":[1,2,3]}"#;

/// The error that ends this stream. Asserts that nothing says it were whole.
fn error(caller: Api, reply: &Reply) -> Value {
    assert!(reply.status == 200 && !reply.broken, "{reply:?}");
    match caller {
        Api::Chat => {
            assert!(!reply.text.contains("[DONE]"), "{reply:?}");
            let whole = |event: &String| {
                let event: Value = serde_json::from_str(event).unwrap();
                event["choices"][0]["finish_reason"].is_string()
            };
            assert!(!reply.events().iter().any(whole), "{reply:?}");
            reply.stream_error().unwrap_or_else(|| panic!("{reply:?}"))
        }
        Api::Messages => {
            let frames = frames(reply);
            let names: Vec<&str> = frames.iter().map(|(name, _)| name.as_str()).collect();
            assert!(!names.contains(&"message_stop") && !names.contains(&"message_delta"), "{reply:?}");
            let (name, data) = frames.last().unwrap();
            assert_eq!(name, "error", "{reply:?}");
            data["error"].clone()
        }
    }
}

/// Asserts that streams of an account of `account` that answers so break for both callers, after `said`.
async fn breaks(account: Api, answer: Answer, said: &str) {
    breaks_for(&BOTH, account, answer, said).await;
}

async fn breaks_for(callers: &[Api], account: Api, answer: Answer, said: &str) {
    let (upstream, other, world) = two(account);
    upstream.always(answer.clone());
    for caller in callers.iter().copied() {
        let reply = ask(&world, caller, &caller.request(true)).await;
        let error = error(caller, &reply);
        assert!(reply.text.contains(said), "{caller:?} asks {account:?} that answers {answer:?}: {reply:?}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{reply:?}");
    }
    assert_eq!(other.count(), 0, "it was too late");
    let lines = world.usage();
    for line in lines {
        assert_eq!(line["attempts"].as_array().unwrap().len(), 1, "{line}");
        assert_ne!(line["outcome"], "ok", "{line}");
        assert!(line["cost_nano_usd"].as_u64() > Some(0), "{line}");
    }
}

fn message() -> Message {
    Message::pieces(["said ", "first ", "and ", "more"]).without_ping()
}

fn chat() -> Chat {
    Chat::pieces(["said ", "first ", "and ", "more"])
}

#[tokio::test]
async fn s2_1_a_break_behind_content_ends_in_the_callers_error() {
    for at in [At::Event(4), At::Event(6)] {
        breaks(Api::Messages, message().answer().reset_at(at), "first").await;
        breaks(Api::Messages, message().answer().close_at(at), "first").await;
    }
    breaks(Api::Chat, chat().answer().reset_at(At::Event(3)), "first").await;
    breaks(Api::Chat, chat().answer().close_at(At::Event(3)), "first").await;
}

#[tokio::test]
async fn s2_1_an_end_without_message_stop_is_a_break() {
    breaks(Api::Messages, message().unfinished().answer(), "more").await;
    breaks(Api::Chat, chat().finish(None).without_done().answer(), "more").await;
}

#[tokio::test]
async fn s2_1_an_error_behind_content_is_told_in_the_callers_api() {
    breaks(Api::Messages, message().error_after(4, "overloaded_error", "Overloaded").answer(), "first").await;
    let error = json!({"message": "Overloaded", "type": "server_error", "code": null});
    breaks(Api::Chat, chat().error_after(3, error).answer(), "first").await;
}

#[tokio::test]
async fn s2_1_a_stream_cut_in_the_middle_of_a_tools_arguments_calls_nothing() {
    let message = || Message::empty().without_ping().calls("weather", INPUT);
    let chat = || Chat::empty().calls("weather", INPUT);
    breaks(Api::Messages, message().answer().reset_at(At::Event(4)), "weather").await;
    breaks(Api::Messages, message().error_after(4, "api_error", "Internal").answer(), "weather").await;
    breaks(Api::Messages, message().unfinished().answer(), "weather").await;
    breaks(Api::Chat, chat().answer().reset_at(At::Event(3)), "weather").await;
    breaks(Api::Chat, chat().finish(None).without_done().answer(), "weather").await;
}

#[tokio::test]
async fn s2_13_garbage_behind_content_is_a_failure_where_it_is_translated() {
    let stream = |frames: &[&str]| Answer::events(frames.iter().map(|frame| (*frame).to_owned()));
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n";
    let block = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"said\"}}\n\n";
    let garbage = "event: content_block_delta\ndata: {nonsense\n\n";
    breaks_for(&[Api::Chat], Api::Messages, stream(&[start, block, delta, garbage]), "said").await;
    let chunk = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"said\"},\"finish_reason\":null}]}\n\n";
    breaks_for(&[Api::Messages], Api::Chat, stream(&[chunk, "data: {nonsense\n\n"]), "said").await;
}

#[tokio::test]
async fn s2_12_message_stop_ends_a_stream_at_once() {
    let (upstream, world) = super::one(Api::Messages);
    upstream.always(message().answer().hang_at(At::End));
    for caller in BOTH {
        let reply = ask(&world, caller, &caller.request(true)).await;
        assert_eq!(super::said::Said::of(caller, &reply).text, "said first and more", "{reply:?}");
    }
}
