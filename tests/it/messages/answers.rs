//! What is said comes through, whoever asks whom: text, calls of tools, thinking.

use super::said::Said;
use super::{Api, BOTH, ask, one, with};
use serde_json::{Value, json};
use weir_upstream::{Answer, Chat, Message, Writes};

const TEXT: &str = "Say this is a test, with ümlauts, \"quotes\" and 🦀.";

/// A request that asks for `TEXT`, of a model that is told to be brief.
fn told(api: Api, stream: bool, text: &str) -> Value {
    let mut request = api.request(stream);
    request["messages"] = match api {
        Api::Chat => {
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}])
        }
        Api::Messages => json!([{"role": "user", "content": text}]),
    };
    match api {
        Api::Chat => with(request, json!({"stream_options": stream.then(|| json!({"include_usage": true}))})),
        Api::Messages => with(request, json!({"system": "Be brief."})),
    }
}

/// The same, with a tool.
fn with_a_tool(api: Api, stream: bool) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tool = match api {
        Api::Chat => {
            json!({"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": schema}})
        }
        Api::Messages => json!({"name": "weather", "description": "The weather.", "input_schema": schema}),
    };
    with(told(api, stream, "Zürich"), json!({"tools": [tool]}))
}

/// For each pair, unary and streamed, what is said to `request` by an account that talks.
async fn each(request: impl Fn(Api, bool) -> Value, mut check: impl FnMut(Api, Said)) {
    for account in BOTH {
        let (upstream, world) = one(account);
        upstream.always(Answer::talks());
        for (caller, stream) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
            let reply = ask(&world, caller, &request(caller, stream)).await;
            assert_eq!(reply.status, 200, "{caller:?} asks {account:?}: {reply:?}");
            let path = upstream.last().unwrap().path;
            assert_eq!(path, account.path());
            check(caller, Said::of(caller, &reply));
        }
    }
}

#[tokio::test]
async fn text_comes_through_between_all_callers_and_accounts() {
    each(
        |api, stream| told(api, stream, TEXT),
        |caller, said| {
            let stop = if caller == Api::Chat { "stop" } else { "end_turn" };
            assert_eq!((said.text.as_str(), said.stop.as_deref()), (TEXT, Some(stop)), "{said:?}");
            assert!(said.calls.is_empty() && said.thought.is_empty(), "{said:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn system_prompts_reach_every_account() {
    each(
        |api, stream| told(api, stream, "What are your instructions?"),
        |_, said| assert_eq!(said.text, "Be brief."),
    )
    .await;
}

#[tokio::test]
async fn a_call_of_a_tool_comes_through_with_its_arguments() {
    each(with_a_tool, |caller, said| {
        let stop = if caller == Api::Chat { "tool_calls" } else { "tool_use" };
        assert_eq!(said.calls, [("weather".to_owned(), json!({"city": "Zürich"}))], "{said:?}");
        assert_eq!((said.stop.as_deref(), said.text.as_str()), (Some(stop), ""), "{said:?}");
    })
    .await;
}

#[tokio::test]
async fn a_tools_result_reaches_every_account() {
    let results = |api: Api, stream: bool| {
        let mut request = with_a_tool(api, stream);
        let turns = request["messages"].as_array_mut().unwrap();
        match api {
            Api::Chat => {
                let call = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Zürich\"}"}});
                turns.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
                turns.push(json!({"role": "tool", "tool_call_id": "call_1", "content": "Rain."}));
            }
            Api::Messages => {
                let call = json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}});
                turns.push(json!({"role": "assistant", "content": [call]}));
                let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain."});
                turns.push(json!({"role": "user", "content": [result]}));
            }
        }
        request
    };
    each(results, |_, said| assert_eq!(said.text, "The tool says: Rain.")).await;
}

#[tokio::test]
async fn thinking_comes_through() {
    for account in BOTH {
        let (upstream, world) = one(account);
        upstream.always(match account {
            Api::Chat => Chat::says("Yes.").reasoning("Let me see.").answer(),
            Api::Messages => Message::says("Yes.").thinking("Let me see.", "c2ln").answer(),
        });
        for (caller, stream) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
            let reply = ask(&world, caller, &caller.request(stream)).await;
            let said = Said::of(caller, &reply);
            assert_eq!((said.text.as_str(), said.thought.as_str()), ("Yes.", "Let me see."), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn s2_5_however_a_stream_is_cut_its_translation_says_the_same() {
    for (caller, account) in [(Api::Chat, Api::Messages), (Api::Messages, Api::Chat)] {
        let (upstream, world) = one(account);
        let mut found = Vec::new();
        for size in [1, 7, 100, 1 << 20] {
            let answer = match account {
                Api::Chat => {
                    Chat::pieces(["Grüße, ", "🦀"]).calls("weather", r#"{"city":"Zürich"}"#).answer()
                }
                Api::Messages => {
                    Message::pieces(["Grüße, ", "🦀"]).calls("weather", r#"{"city":"Zürich"}"#).answer()
                }
            };
            upstream.always(answer.writes(Writes::Size(size)));
            let reply = ask(&world, caller, &with_a_tool(caller, true)).await;
            found.push(Said::of(caller, &reply));
        }
        assert_eq!(found[0].text, "Grüße, 🦀");
        assert_eq!(found[0].calls, [("weather".to_owned(), json!({"city": "Zürich"}))]);
        assert!(found.iter().all(|said| *said == found[0]), "{found:?}");
    }
}

#[tokio::test]
async fn max_tokens_is_what_the_caller_says_within_what_the_model_gives() {
    let upstream = weir_upstream::Upstream::start();
    for (most, asked, sent, dropped) in [
        (None, None, 4096, None),
        (Some(8000), None, 8000, None),
        (Some(8000), Some(100), 100, None),
        (Some(8000), Some(9000), 8000, Some("max_tokens")),
        (None, Some(9000), 9000, None),
    ] {
        let mut config = super::over(&[(Api::Messages, &upstream)]);
        config.provider_mut(0, |provider| provider.models[0].max_output_tokens = most);
        let world = config.start();
        upstream.always(Message::says("x"));
        let request = with(Api::Chat.request(false), json!({"max_tokens": asked}));
        let reply = ask(&world, Api::Chat, &request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(upstream.last().unwrap().json()["max_tokens"], sent, "{most:?} {asked:?}");
        assert_eq!(reply.header("x-weir-dropped-params"), dropped, "{most:?} {asked:?}");
    }
}
