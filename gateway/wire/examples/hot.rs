//! What one request costs in this crate: `valgrind --tool=callgrind` or `perf stat -e instructions:u` around
//! `hot unary 10000` and `hot stream 10000`, less the same with 0 rounds, divided by the rounds.

use bytes::Bytes;
use std::hint::black_box;
use weir_config::{UnixSeconds, Vendor};
use weir_wire::{Account, Additions, Api, Asked, Envelope};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// About 1 KB, as an SDK writes it.
fn request() -> Bytes {
    let question =
        "Explain in two or three sentences why the sky is blue at noon and red in the evening. ".repeat(3);
    let system =
        "You are a helpful assistant. Answer briefly, in plain words, and say so if you are not sure. "
            .repeat(3);
    let body = format!(
        r#"{{"messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{question}"}},{{"role":"assistant","content":"Light is scattered.\nShort waves more than long ones."}},{{"role":"user","content":"And on Mars?"}}],"model":"gpt-4o-mini","temperature":0.7,"max_tokens":256,"top_p":1,"stream":false,"user":"user-1234","metadata":{{"team":"search","trace":"4bf92f3577b34da6"}}}}"#
    );
    body.into()
}

/// About 0.7 KB.
const ANSWER: &str = r#"{"id":"chatcmpl-BvzQnXq5nC4w8bU1kqk3sT0zT6a1b","object":"chat.completion","created":1780000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"On Mars it is the other way round: fine dust scatters red light by day, and around the setting sun the sky turns blue.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":143,"completion_tokens":29,"total_tokens":172,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default","system_fingerprint":"fp_51db84afab"}"#;

/// Events as OpenAI sends them, padded to hide how long their text is.
fn events() -> [Bytes; 2] {
    [(" scatters", "k3sT0zAbc"), (" light", "pQ4xT0zAbcdE")].map(|(text, padding)| {
        format!(
            "data: {{\"id\":\"chatcmpl-BvzQnXq5nC4w8bU1kqk3sT0zT6a1b\",\"object\":\"chat.completion.chunk\",\"created\":1780000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_51db84afab\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"{padding}\"}}\n\n"
        )
        .into()
    })
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(0usize);
    match what.as_str() {
        "unary" => {
            let body = request();
            for _ in 0..rounds {
                unary(&body);
            }
        }
        "stream" => {
            let events = events();
            let body = Bytes::from_static(br#"{"model":"gpt-4o-mini","stream":true}"#);
            let Ok(asked) = Asked::read(Api::Chat, body) else { return };
            let mut stream = asked.reading(&account(), ENVELOPE);
            for event in events.iter().cycle().take(rounds) {
                black_box(stream.feed(black_box(event.clone()), NOW));
            }
            black_box(stream.end(NOW));
        }
        "across" => {
            let body = long_request();
            for _ in 0..rounds {
                across(&body);
            }
        }
        _ => {
            use std::io::Write as _;
            let [event, _] = events();
            let sizes = (request().len(), ANSWER.len(), event.len());
            let _ = writeln!(
                std::io::stderr(),
                "usage: hot unary|stream|across ROUNDS; request, answer, event: {sizes:?} bytes"
            );
        }
    }
}

fn unary(body: &Bytes) {
    let Ok(asked) = Asked::read(Api::Chat, black_box(body.clone())) else { return };
    let account = black_box(account());
    black_box(asked.encode(&account, Additions { usage: true }).is_ok());
    let reading = asked.reading(&account, ENVELOPE);
    black_box(reading.whole(black_box(&Bytes::from_static(ANSWER.as_bytes())), NOW).is_ok());
}

/// A request that is translated: read as it came, then for the account.
fn across(body: &Bytes) {
    let Ok(asked) = Asked::read(Api::Chat, black_box(body.clone())) else { return };
    let account = Account::new(Api::Messages, Vendor::Anthropic.row(), "claude-sonnet-4-5");
    black_box(asked.encode(&account, Additions::default()).is_ok());
}

/// 400 KB of a conversation, in 200 turns.
fn long_request() -> Bytes {
    let turn = |n: usize| {
        let role = if n.is_multiple_of(2) { "user" } else { "assistant" };
        let text = "Some words of \\\"code\\\" and prose, line by line.\\n".repeat(40);
        format!(r#"{{"role":"{role}","content":"{text}"}}"#)
    };
    let turns: Vec<String> = (0..200).map(turn).collect();
    format!(r#"{{"model":"gpt-4o-mini","messages":[{}]}}"#, turns.join(",")).into()
}

fn account() -> Account<'static> {
    let account = Account::new(Api::Chat, Vendor::OpenAI.row(), "gpt-4o-mini-2024-07-18");
    Account { context_window: Some(128_000), ..account }
}

const ENVELOPE: Envelope<'static> = Envelope { id: "1", created: NOW };
