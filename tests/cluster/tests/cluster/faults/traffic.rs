//! Callers who never stop asking, and what they were told that they should not have been.

use anyhow::Result;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Between two requests of all callers together.
const BETWEEN: Duration = Duration::from_millis(40);

/// One gateway's callers; they go when this is dropped.
pub(super) struct Traffic {
    gateway: SocketAddr,
    http: reqwest::Client,
    state: Arc<Mutex<State>>,
    /// Ends when this is dropped.
    _asking: JoinSet<()>,
}

#[derive(Default)]
struct State {
    /// Keys that are valid, each with a model that it may ask for.
    callers: Vec<(String, String)>,
    answered: usize,
    wrong: Vec<String>,
}

impl Traffic {
    /// Callers of the gateway at `gateway`; none yet.
    pub(super) fn start(gateway: SocketAddr) -> Self {
        let (http, state) = (reqwest::Client::new(), Arc::<Mutex<State>>::default());
        let mut asking = JoinSet::new();
        asking.spawn(ask_for_ever(http.clone(), gateway, state.clone()));
        Self { gateway, http, state, _asking: asking }
    }

    /// From now on nothing but 200 is right for `key`.
    pub(super) fn expect(&self, key: &str, model: &str) {
        lock(&self.state).callers.push((key.to_owned(), model.to_owned()));
    }

    /// Nobody calls with `key` any more.
    pub(super) fn stop(&self, key: &str) {
        lock(&self.state).callers.retain(|(known, _)| known != key);
    }

    /// One request: its status.
    pub(super) async fn ask(&self, key: &str, model: &str) -> Result<u16> {
        ask(&self.http, self.gateway, key, model).await
    }

    /// How many requests were answered as they should be.
    pub(super) fn answered(&self) -> usize {
        lock(&self.state).answered
    }

    /// Whoever was told anything but 200.
    pub(super) fn wrong(&self) -> Vec<String> {
        lock(&self.state).wrong.clone()
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask_for_ever(http: reqwest::Client, gateway: SocketAddr, state: Arc<Mutex<State>>) {
    for turn in 0.. {
        tokio::time::sleep(BETWEEN).await;
        let caller = {
            let state = lock(&state);
            let turn = turn % state.callers.len().max(1);
            state.callers.get(turn).cloned()
        };
        let Some((key, model)) = caller else { continue };
        let answer = ask(&http, gateway, &key, &model).await;
        let mut state = lock(&state);
        if matches!(answer, Ok(200)) {
            state.answered += 1;
        } else if state.callers.iter().any(|(known, _)| *known == key) {
            state.wrong.push(format!("{answer:?} to {} for {model}", key.get(..8).unwrap_or_default()));
        }
    }
}

async fn ask(http: &reqwest::Client, gateway: SocketAddr, key: &str, model: &str) -> Result<u16> {
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hello" }] });
    let request = http.post(format!("http://{gateway}/v1/chat/completions")).bearer_auth(key);
    Ok(request.body(body.to_string()).send().await?.status().as_u16())
}
