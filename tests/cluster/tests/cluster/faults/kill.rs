//! The operator is killed at a call, before the API server hears of it or after it has answered, and started again:
//! at every single call of the story in turn.

use super::calm::calm;
use super::scene::Scene;
use crate::shared;
use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, stream};
use std::future::{pending, ready};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;
use weir_cluster::proxy::{Call, Then};
use weir_cluster::world::Operator;

/// So many worlds are told the story at once by each test.
const AT_ONCE: usize = 4;
/// How many calls a telling has differs: it is at an end when these many were told without the call that was meant.
const UNTOUCHED: usize = 4;
/// Fewer calls than this are no story.
const LEAST: usize = 20;

#[derive(Debug, Clone, Copy)]
enum When {
    Before,
    After,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_an_operator_killed_after_any_call_is_followed_by_one_that_finishes() {
    kill_at_each(When::After).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_an_operator_killed_before_any_call_is_followed_by_one_that_finishes() {
    kill_at_each(When::Before).await;
}

async fn kill_at_each(when: When) {
    let untouched = AtomicUsize::new(0);
    let told = stream::iter(1..)
        .take_while(|_| ready(untouched.load(Ordering::Relaxed) < UNTOUCHED))
        .map(async |n| {
            let told = killed_at(n, when).await.with_context(|| format!("killed {when:?} call {n}"));
            untouched.fetch_add(usize::from(matches!(told, Ok(false))), Ordering::Relaxed);
            told
        })
        .buffer_unordered(AT_ONCE);
    let told: Vec<Result<bool>> = told.collect().await;
    let failed: Vec<String> =
        told.iter().filter_map(|told| Some(format!("{:#}", told.as_ref().err()?))).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), told.len());
    let killed = told.iter().filter(|told| matches!(told, Ok(true))).count();
    assert!(killed >= LEAST, "no more than {killed}");
}

/// The whole story with an operator that is killed once; whether it was.
async fn killed_at(n: usize, when: When) -> Result<bool> {
    let mut scene = Scene::new(shared::plane().await).await?;
    let (victim, killed) = (Arc::<OnceLock<u32>>::default(), Arc::<Notify>::default());
    let (whom, tell) = (victim.clone(), killed.clone());
    let kill = move |_: &Call| {
        // What is not dead by now goes on calling: the process is gone when `kill` has returned.
        let _ = Command::new("kill").args(["-KILL", &whom.wait().to_string()]).status();
        tell.notify_one();
        Then::Break
    };
    let counts = |call: &Call| !call.is_watch();
    match when {
        When::Before => scene.proxy.before_request(n, counts, kill),
        When::After => scene.proxy.after_response(n, counts, kill),
    }
    let mut operator = scene.operator()?;
    let _ = victim.set(operator.process.id());
    let (plane, setting) = (scene.plane, scene.setting.clone());
    let mut was_killed = false;
    let replace = async {
        killed.notified().await;
        was_killed = true;
        operator.process.kill();
        operator = Operator::start(plane, &setting)?;
        pending::<Result<()>>().await
    };
    tokio::select! {
        ended = scene.tell(Some(&calm().await.end)) => ended.map(drop)?,
        failed = replace => failed?,
    }
    Ok(was_killed)
}
