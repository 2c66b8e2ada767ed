//! Callers who go on asking, and remember every answer that was none.

use super::{Weir, hello};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Some ask for whole answers, one after the other over a kept connection; some for streams of seconds.
const WHOLE: usize = 6;
const STREAMS: usize = 4;

/// A load under way.
pub(super) struct Load {
    shared: Arc<Shared>,
    callers: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    whole: AtomicUsize,
    streams: AtomicUsize,
    failures: std::sync::Mutex<Vec<String>>,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) whole: usize,
    pub(super) streams: usize,
    pub(super) failures: Vec<String>,
}

impl Load {
    /// Begins to ask at `base` for `whole`, and for streams of `stream`.
    pub(super) fn start(weir: &Weir, base: &str, whole: &'static str, stream: &'static str) -> Self {
        let (shared, mut callers) = (Arc::<Shared>::default(), JoinSet::new());
        for caller in 0..WHOLE + STREAMS {
            let (shared, url) = (Arc::clone(&shared), format!("{base}/v1/chat/completions"));
            // Each is a client of its own: an app.
            let (http, key) = (reqwest::Client::new(), weir.key.clone());
            callers.spawn(async move {
                while !shared.stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let (asked, counter) = if caller < WHOLE {
                        (ask_whole(&http, &url, &key, whole).await, &shared.whole)
                    } else {
                        (ask_stream(&http, &url, &key, stream).await, &shared.streams)
                    };
                    match asked {
                        Ok(()) => drop(counter.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => shared
                            .failures
                            .lock()
                            .unwrap()
                            .push(format!("caller {caller} after {:?}: {error:#}", began.elapsed())),
                    }
                }
            });
        }
        Self { shared, callers }
    }

    /// Lets everybody finish what he has begun.
    pub(super) async fn end(mut self) -> Counts {
        self.shared.stop.store(true, Ordering::Relaxed);
        while self.callers.join_next().await.is_some() {}
        let failures = self.shared.failures.lock().unwrap().clone();
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Counts { whole: count(&self.shared.whole), streams: count(&self.shared.streams), failures }
    }
}

async fn ask_whole(http: &reqwest::Client, url: &str, key: &str, model: &str) -> Result<()> {
    let request = http.post(url).bearer_auth(key).body(hello(model, false).to_string());
    let answer = request.timeout(Duration::from_secs(30)).send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status == 200, "{status}: {text}");
    Ok(())
}

async fn ask_stream(http: &reqwest::Client, url: &str, key: &str, model: &str) -> Result<()> {
    let request = http.post(url).bearer_auth(key).body(hello(model, true).to_string());
    let answer = request.timeout(Duration::from_secs(60)).send().await?;
    ensure!(answer.status() == 200, "{}", answer.status());
    let text = answer.text().await?;
    ensure!(
        text.trim_end().ends_with("data: [DONE]"),
        "it was cut: …{}",
        &text[text.len().saturating_sub(200)..]
    );
    Ok(())
}
