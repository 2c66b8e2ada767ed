//! Callers of both APIs over accounts of both: all four pairs, unary and streamed.

mod answers;
mod caching;
mod cut;
mod passing;
mod refusals;
mod rescue;
mod said;
mod unsayable;

use crate::harness::{Config, KEY, MODEL, Reply, World};
use serde_json::{Value, json};
use weir_config::Vendor;
use weir_upstream::{Answer, Chat, Message, Upstream};

/// What is spoken, by a caller or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    Chat,
    Messages,
}

use Api::{Chat as ChatApi, Messages as MessagesApi};

pub const BOTH: [Api; 2] = [ChatApi, MessagesApi];

impl Api {
    pub fn path(self) -> &'static str {
        match self {
            ChatApi => "/v1/chat/completions",
            MessagesApi => "/v1/messages",
        }
    }

    /// The smallest request: its caller says hello.
    pub fn request(self, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": "Say hello."}]);
        match self {
            ChatApi => json!({"model": MODEL, "stream": stream, "messages": messages}),
            MessagesApi => {
                json!({"model": MODEL, "max_tokens": 1000, "stream": stream, "messages": messages})
            }
        }
    }

    /// An answer of an account, with this text.
    pub fn says(self, text: &str) -> Answer {
        match self {
            ChatApi => Chat::says(text).answer(),
            MessagesApi => Message::says(text).answer(),
        }
    }
}

/// A configuration over accounts in this order, strict ones, the first preferred.
pub fn over(accounts: &[(Api, &Upstream)]) -> Config {
    let upstreams: Vec<&Upstream> = accounts.iter().map(|(_, upstream)| *upstream).collect();
    let mut config = Config::over(&upstreams);
    for (at, (api, upstream)) in accounts.iter().enumerate() {
        upstream.strict();
        if *api == MessagesApi {
            config.provider_mut(at, |provider| provider.vendor = Vendor::Anthropic);
        }
    }
    config
}

/// One account of this API, and a gateway over it.
pub fn one(account: Api) -> (Upstream, World) {
    let upstream = Upstream::start();
    let world = over(&[(account, &upstream)]).start();
    (upstream, world)
}

/// An account of this API, one of the other API behind it, and a gateway over them.
pub fn two(first: Api) -> (Upstream, Upstream, World) {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let second = if first == ChatApi { MessagesApi } else { ChatApi };
    other.always(second.says("from the other"));
    let world = over(&[(first, &upstream), (second, &other)]).start();
    (upstream, other, world)
}

/// The request of a caller of `api`, with the headers of its SDKs.
pub fn request(world: &World, api: Api, key: &str) -> reqwest::RequestBuilder {
    let request = world.client.post(world.url(api.path())).header("content-type", "application/json");
    match api {
        ChatApi => request.bearer_auth(key),
        MessagesApi => request.header("x-api-key", key).header("anthropic-version", "2023-06-01"),
    }
}

/// The answer to `body`, sent by a caller of `api`.
pub async fn ask(world: &World, api: Api, body: &Value) -> Reply {
    ask_as(world, api, KEY, body.to_string()).await
}

pub async fn ask_as(world: &World, api: Api, key: &str, body: impl Into<reqwest::Body>) -> Reply {
    Reply::read(request(world, api, key).body(body).send().await.unwrap()).await
}

/// `value` with these fields too.
pub fn with(mut value: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("no fields: {fields}") };
    value.as_object_mut().unwrap().extend(fields);
    value
}
