//! What an account sees: of a caller of its own API the caller's bytes, of one of the other what the gateway writes.

use super::{Api, ask, one, request, with};
use crate::harness::{KEY, Reply};
use serde_json::json;
use weir_upstream::{Message, Seen, Upstream};

/// As clients write it: fields that nobody knows, marks for the cache, odd spacing, numbers of many digits.
const ODD: &str = r#"{ "model" : "chat","max_tokens":1000, "metadata":{"user_id":"u"},
 "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
 "messages":[{"role":"user","content":[{"type":"text","text":"Say \u00fc.","cache_control":{"type":"ephemeral"},"new":1.0000000000000000001}]}],
 "some_new_field": {"b":1,"a":[ ]} , "stream":STREAM }"#;

fn last(upstream: &Upstream) -> Seen {
    upstream.last().unwrap()
}

#[tokio::test]
async fn s2_7_between_messages_and_messages_only_the_model_is_rewritten() {
    let upstream = Upstream::start();
    let mut config = super::Config::over(&[&upstream]); // not strict: a field of tomorrow is sent
    config.provider_mut(0, |provider| provider.vendor = super::Vendor::Anthropic);
    let world = config.start();
    for stream in ["false", "true"] {
        upstream.always(Message::says("x"));
        let body = ODD.replace("STREAM", stream);
        let reply = super::ask_as(&world, Api::Messages, KEY, body.clone()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = String::from_utf8(last(&upstream).body.to_vec()).unwrap();
        assert_eq!(seen, body.replace("\"chat\"", "\"gpt-upstream\""));
    }
}

#[tokio::test]
async fn s2_7_an_answer_between_messages_and_messages_is_the_accounts_bytes() {
    let (upstream, world) = one(Api::Messages);
    let body = r#"{"type":"message","id":"msg_1","role":"assistant","new":[1.50],"model":"m","content":[{"type":"text","text":"\u00fc","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}"#;
    upstream.always(weir_upstream::Answer::json(200, body));
    let reply = ask(&world, Api::Messages, &Api::Messages.request(false)).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, body));
    let frames = [
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}  }\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\u00fc\",\"new\":1.50}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ];
    upstream.always(weir_upstream::Answer::events(frames));
    let reply = ask(&world, Api::Messages, &Api::Messages.request(true)).await;
    assert_eq!((reply.status, reply.text), (200, frames.concat()));
}

#[tokio::test]
async fn s10_2_an_account_of_messages_gets_its_credential_in_its_own_header() {
    let (upstream, world) = one(Api::Messages);
    upstream.always(Message::says("x"));
    for caller in super::BOTH {
        assert_eq!(ask(&world, caller, &caller.request(false)).await.status, 200);
        let seen = last(&upstream);
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/messages"));
        assert_eq!(seen.header("x-api-key"), Some("sk-p1-credential-sentinel"));
        assert_eq!(
            (seen.header("authorization"), seen.header("anthropic-version")),
            (None, Some("2023-06-01"))
        );
        assert!(!format!("{:?}", seen.headers).contains(KEY), "{seen:?}");
    }
    let (upstream, world) = one(Api::Chat);
    assert_eq!(ask(&world, Api::Messages, &Api::Messages.request(false)).await.status, 200);
    let seen = last(&upstream);
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.header("authorization"), Some("Bearer sk-p1-credential-sentinel"));
    assert_eq!((seen.header("x-api-key"), seen.header("anthropic-version")), (None, None));
}

#[tokio::test]
async fn a_callers_version_and_betas_go_to_those_who_speak_the_same() {
    let (upstream, world) = one(Api::Messages);
    upstream.always(Message::says("x"));
    let asks = |version: Option<&'static str>| {
        let request = world.client.post(world.url("/v1/messages")).header("x-api-key", KEY);
        let request = match version {
            Some(version) => request.header("anthropic-version", version),
            None => request,
        };
        request.header("anthropic-beta", "a-2026-01-01").header("anthropic-beta", "b,c")
    };
    let body = Api::Messages.request(false).to_string();
    for (version, sent) in [(Some("2026-10-21"), "2026-10-21"), (None, "2023-06-01")] {
        let reply = Reply::read(asks(version).body(body.clone()).send().await.unwrap()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = last(&upstream);
        let all = |name: &str| {
            let values = seen.headers.iter().filter(|(found, _)| found == name);
            values.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(all("anthropic-version"), [sent]);
        assert_eq!(all("anthropic-beta").join(",").replace(' ', ""), "a-2026-01-01,b,c");
    }
    // What a caller of the other API says of Anthropic's is not for its account.
    let chat = request(&world, Api::Chat, KEY)
        .header("anthropic-beta", "a")
        .header("anthropic-version", "2026-10-21");
    let reply = Reply::read(chat.body(Api::Chat.request(false).to_string()).send().await.unwrap()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let seen = last(&upstream);
    assert_eq!((seen.header("anthropic-beta"), seen.header("anthropic-version")), (None, Some("2023-06-01")));
}

#[tokio::test]
async fn answers_tell_which_account_gave_them_and_their_id() {
    for account in super::BOTH {
        let (upstream, world) = one(account);
        upstream.always(account.says("x"));
        for stream in [false, true] {
            let reply = ask(&world, Api::Messages, &Api::Messages.request(stream)).await;
            let id = reply.header("x-request-id").unwrap();
            assert!(id.starts_with("req_") && reply.header("request-id") == Some(id), "{reply:?}");
            assert_eq!(reply.header("x-weir-provider"), Some("default/p1"));
            assert_eq!(reply.header("x-weir-attempts"), Some("1"));
            let kind = if stream { "text/event-stream; charset=utf-8" } else { "application/json" };
            assert_eq!(reply.header("content-type"), Some(kind));
            let reply = ask(&world, Api::Chat, &Api::Chat.request(stream)).await;
            assert_eq!(reply.header("request-id"), None, "{reply:?}");
        }
    }
}

#[tokio::test]
async fn what_a_caller_of_messages_asks_for_reaches_an_account_of_chat_in_its_words() {
    let (upstream, world) = one(Api::Chat);
    let asked = json!({
        "stop_sequences": ["END"], "temperature": 0.5, "top_p": 0.9, "tool_choice": {"type": "any"},
        "tools": [{"name": "now", "input_schema": {"type": "object"}}],
    });
    let reply = ask(&world, Api::Messages, &with(Api::Messages.request(false), asked)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let seen = last(&upstream).json();
    assert_eq!((&seen["model"], &seen["stop"]), (&json!("gpt-upstream"), &json!(["END"])), "{seen}");
    assert_eq!((&seen["temperature"], &seen["top_p"]), (&json!(0.5), &json!(0.9)), "{seen}");
    assert_eq!(
        (&seen["tool_choice"], &seen["tools"][0]["function"]["name"]),
        (&json!("required"), &json!("now"))
    );
}
