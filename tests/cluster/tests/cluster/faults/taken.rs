//! Somebody else has an object of a name that a configuration needs: it is left as it is, the gateway says so, and
//! callers do not notice (semantics S10.8).

use super::calm::calm;
use super::eventually;
use super::scene::Scene;
use crate::shared;
use anyhow::Result;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject};
use serde_json::{Value, json};
use std::time::Duration;
use weir_cluster::world::{Objects, condition, text};
use weir_crds::Kind;

/// How long it may take until it is found that the name is free: somebody looks at it every ten seconds.
const NOTICED: Duration = Duration::from_secs(20);

/// A foreign object: its kind, and what it is.
struct Foreign {
    kind: &'static str,
    plural: &'static str,
    name: &'static str,
    content: &'static str,
}

const INDEX: Foreign = Foreign {
    kind: "ConfigMap",
    plural: "configmaps",
    name: "main-config",
    content: "data: {index.json: 'this is mine'}",
};

const SECRET: Foreign = Foreign {
    kind: "Secret",
    plural: "secrets",
    name: "main-config-secret-00",
    content: "stringData: {part.zst: 'this is mine'}",
};

impl Foreign {
    fn api(&self, objects: &Objects) -> Api<DynamicObject> {
        objects.any("v1", self.kind, self.plural)
    }

    async fn make(&self, objects: &Objects) -> Result<Value> {
        let Self { kind, name, content, .. } = self;
        let yaml = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{content}\n");
        objects.apply(&yaml).await?;
        self.read(objects).await
    }

    async fn read(&self, objects: &Objects) -> Result<Value> {
        Ok(json!(self.api(objects).get(self.name).await?))
    }

    async fn delete(&self, objects: &Objects) {
        self.api(objects).delete(self.name, &DeleteParams::default()).await.unwrap();
    }
}

fn says_taken(object: &Value) -> bool {
    condition(object, "Programmed").is_some_and(|programmed| {
        text(programmed, "/status") == Some("False") && text(programmed, "/reason") == Some("NameTaken")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_8_a_foreign_index_survives_and_the_gateway_is_published_once_it_is_gone() {
    survives(&INDEX).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_8_a_foreign_part_survives_and_the_gateway_is_published_once_it_is_gone() {
    survives(&SECRET).await;
}

/// The name is taken from the start.
async fn survives(foreign: &Foreign) {
    let mut scene = Scene::new(shared::plane().await).await.unwrap();
    let before = foreign.make(&scene.objects).await.unwrap();
    let _operator = scene.operator().unwrap();
    scene.story().apply_all().await.unwrap();
    scene.objects.until((Kind::Gateway, "main"), "NameTaken", says_taken).await.unwrap();
    assert_eq!(foreign.read(&scene.objects).await.unwrap(), before);
    foreign.delete(&scene.objects).await;
    eventually("it is published without another write", NOTICED, async || {
        super::end::published(&scene.objects).await.map(Some)
    })
    .await
    .unwrap();
    scene.tell(Some(&calm().await.end)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_8_callers_do_not_notice_that_a_name_was_taken() {
    for foreign in [&INDEX, &SECRET] {
        let mut scene = Scene::new(shared::plane().await).await.unwrap();
        let mut operator = scene.operator().unwrap();
        let texts = scene.story().begin().await.unwrap();
        operator.process.kill();
        foreign.delete(&scene.objects).await;
        let before = foreign.make(&scene.objects).await.unwrap();
        let _operator = scene.operator().unwrap();
        scene.objects.until((Kind::Gateway, "main"), "NameTaken", says_taken).await.unwrap();
        scene.story().apply_the_change().await.unwrap();
        let route = (Kind::Route, "chat");
        let says_so_of_this_one = |object: &Value| {
            says_taken(object)
                && condition(object, "Programmed").unwrap()["observedGeneration"]
                    == object["metadata"]["generation"]
        };
        scene.objects.until(route, "NameTaken", says_so_of_this_one).await.unwrap();
        assert_eq!(foreign.read(&scene.objects).await.unwrap(), before);
        assert_eq!(scene.traffic.wrong(), Vec::<String>::new(), "{}", foreign.name);
        foreign.delete(&scene.objects).await;
        let changed =
            async || Ok((scene.traffic.ask(super::story::BROUGHT, "talk").await? == 200).then_some(()));
        eventually("the change arrives", NOTICED, changed).await.unwrap();
        scene.story().revoke(&texts).await.unwrap();
        scene.story().end(&texts, Some(&calm().await.end)).await.unwrap();
    }
}
