//! The API server refuses a write once: 409, for somebody else was faster, or 429, for it has too much to do. The
//! end is the same, and nobody asks again and again.

use super::calm::calm;
use super::eventually;
use super::scene::Scene;
use super::story::LIMIT;
use crate::shared;
use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, stream};
use weir_cluster::proxy::{Answer, Call};
use weir_cluster::world::{condition, text};
use weir_crds::Kind;

const AT_ONCE: usize = 5;
/// So many calls more than on a calm day are no hot loop: a pass anew reads all parts, and tellings differ.
const MORE: usize = 40;

/// A kind of write.
struct Path {
    method: &'static str,
    /// What its path holds.
    holds: &'static str,
}

/// Every kind of write that the story has.
const PATHS: &[Path] = &[
    Path { method: "POST", holds: "/leases" },
    Path { method: "PATCH", holds: "/leases/weir-operator" },
    Path { method: "POST", holds: "/secrets" },
    Path { method: "POST", holds: "/configmaps" },
    Path { method: "PUT", holds: "/secrets/main-config-secret" },
    Path { method: "PUT", holds: "/configmaps/main-config-public" },
    Path { method: "PUT", holds: "/configmaps/main-config" },
    Path { method: "POST", holds: "/serviceaccounts" },
    Path { method: "POST", holds: "/roles" },
    Path { method: "POST", holds: "/rolebindings" },
    Path { method: "POST", holds: "/services" },
    Path { method: "POST", holds: "/deployments" },
    Path { method: "PATCH", holds: "/services/main-gateway" },
    Path { method: "PATCH", holds: "/llmgateways/main/status" },
    Path { method: "PATCH", holds: "/llmproviders/paid/status" },
    Path { method: "PATCH", holds: "/llmroutes/chat/status" },
    Path { method: "PATCH", holds: "/llmkeys/app/status" },
];

impl Path {
    fn is(&self, call: &Call) -> bool {
        call.method == self.method && call.path.contains(self.holds)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_a_write_that_is_refused_once_is_made_again_and_not_again_and_again() {
    let answers = [Answer::conflict(), Answer::too_many_requests(1), Answer::internal_error()];
    let cases = PATHS.iter().flat_map(|path| answers.iter().map(move |answer| (path, answer.clone())));
    let told = stream::iter(cases.collect::<Vec<_>>()).map(async |(path, answer)| {
        let what = format!("{} {}: {answer:?}", path.method, path.holds);
        refused(path, answer).await.context(what)
    });
    let told: Vec<Result<()>> = told.buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<String> =
        told.iter().filter_map(|told| Some(format!("{:#}", told.as_ref().err()?))).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), told.len());
}

async fn refused(path: &'static Path, answer: Answer) -> Result<()> {
    let mut scene = Scene::new(shared::plane().await).await?;
    scene.proxy.answer_next(1, |call| path.is(call), answer);
    let _operator = scene.operator()?;
    scene.tell(Some(&calm().await.end)).await?;
    // The Lease is renewed when the story is over.
    let is_refused = async || Ok(scene.proxy.calls().iter().any(|call| path.is(call)).then_some(()));
    eventually("something is refused", LIMIT, is_refused).await?;
    let calls: Vec<Call> = scene.proxy.calls().into_iter().filter(|call| !call.is_watch()).collect();
    let most = calm().await.calls.len() + MORE;
    ensure!(calls.len() <= most, "{} calls, not {most}: {calls:#?}", calls.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_refused_is_lost_and_holds_nothing_up() {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let is_event = |call: &Call| call.path.contains("/events");
    scene.proxy.on_request(move |call| is_event(call).then(|| Answer::too_many_requests(1)));
    let _operator = scene.operator().unwrap();
    let texts = scene.story().begin().await.unwrap();
    // A Secret that somebody else has: an Event says so, too.
    let key = super::story::KEY_OF_A_TAKEN_NAME;
    scene.objects.apply(key).await.unwrap();
    let taken = |object: &serde_json::Value| {
        condition(object, "Ready").is_some_and(|ready| text(ready, "/reason") == Some("NameTaken"))
    };
    scene.objects.until((Kind::Key, "late"), "NameTaken", taken).await.unwrap();
    eventually("an Event was tried", LIMIT, async || {
        Ok(scene.proxy.calls().iter().any(is_event).then_some(()))
    })
    .await
    .unwrap();
    scene.objects.delete(Kind::Key, "late").await.unwrap();
    scene.story().change().await.unwrap();
    scene.story().revoke(&texts).await.unwrap();
    scene.story().end(&texts, Some(&calm().await.end)).await.unwrap();
    let tried = scene.proxy.calls().iter().filter(|call| is_event(call)).count();
    // Once for every turn: each of seven objects may be seen without a ready pod and then with one, and the key's
    // name is taken.
    assert!(tried <= 2 * 7 + 3, "{tried} times");
}
