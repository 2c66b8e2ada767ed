//! What is published is torn, by a hand or by a publish that did not come to its end: gateways keep what they run,
//! and the operator mends it.

use super::calm::calm;
use super::end::{Published, published};
use super::eventually;
use super::scene::Scene;
use super::story::{LIMIT, Texts};
use crate::shared;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use weir_cluster::proxy::{Call, Then};
use weir_cluster::wait;
use weir_cluster::world::Operator;
use weir_config::Digest;
use weir_config::published::{INDEX_KEY, Index, PART_KEY};

const INDEX: &str = "main-config";
const PUBLIC: &str = "main-config-public-00";
const SECRET: &str = "main-config-secret-00";

/// Harm that is done by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Harm {
    PartDeleted,
    SecretPartDeleted,
    PartChanged,
    SecretPartChanged,
    DigestThatNoPartHas,
    PartThatIsNotThere,
    Garbage,
    NoText,
    IndexDeleted,
    AllDeleted,
}

use Harm::{
    AllDeleted, DigestThatNoPartHas, Garbage, IndexDeleted, NoText, PartChanged, PartDeleted,
    PartThatIsNotThere, SecretPartChanged, SecretPartDeleted,
};

const ALL: [Harm; 10] = [
    PartDeleted,
    SecretPartDeleted,
    PartChanged,
    SecretPartChanged,
    DigestThatNoPartHas,
    PartThatIsNotThere,
    Garbage,
    NoText,
    IndexDeleted,
    AllDeleted,
];

impl Harm {
    /// Whether the index is another afterwards, so that it has to count on.
    fn is_to_the_index(self) -> bool {
        !matches!(self, PartDeleted | SecretPartDeleted | PartChanged | SecretPartChanged)
    }
}

/// A story that has begun.
struct Begun<'plane> {
    scene: Scene<'plane>,
    operator: Operator,
    texts: Texts,
    maps: Api<ConfigMap>,
    secrets: Api<Secret>,
}

impl Begun<'_> {
    async fn new() -> Result<Self> {
        let mut scene = Scene::new(shared::plane().await).await?;
        let operator = scene.operator()?;
        let texts = scene.story().begin().await?;
        let (client, namespace) = (scene.objects.client.clone(), scene.objects.namespace.clone());
        let (maps, secrets) =
            (Api::namespaced(client.clone(), &namespace), Api::namespaced(client, &namespace));
        Ok(Self { scene, operator, texts, maps, secrets })
    }

    async fn harm(&self, harm: Harm) -> Result<()> {
        match harm {
            PartDeleted => self.delete_map(PUBLIC).await,
            SecretPartDeleted => self.delete_secret(SECRET).await,
            PartChanged => {
                let bytes = |map: &mut ConfigMap| {
                    map.binary_data.get_or_insert_default().insert(PART_KEY.into(), nonsense())
                };
                self.change(PUBLIC, bytes).await
            }
            SecretPartChanged => {
                let mut secret = self.secrets.get(SECRET).await?;
                secret.data.get_or_insert_default().insert(PART_KEY.to_owned(), nonsense());
                self.secrets.replace(SECRET, &PostParams::default(), &secret).await?;
                Ok(())
            }
            DigestThatNoPartHas => {
                self.change_index(|index| {
                    index.parts.values_mut().for_each(|part| part.sha256 = Digest::of(b"no part"));
                })
                .await
            }
            PartThatIsNotThere => {
                self.change_index(|index| {
                    let part = index.parts[PUBLIC].clone();
                    index.parts.insert("main-config-public-63".to_owned(), part);
                })
                .await
            }
            Garbage => {
                self.change(INDEX, |map| {
                    map.data.get_or_insert_default().insert(INDEX_KEY.into(), "{".into())
                })
                .await
            }
            NoText => self.change(INDEX, |map| map.data = None).await,
            IndexDeleted => self.delete_map(INDEX).await,
            AllDeleted => {
                self.delete_map(INDEX).await?;
                self.delete_map(PUBLIC).await?;
                self.delete_secret(SECRET).await
            }
        }
    }

    /// An index that holds together and names what is not there.
    async fn change_index(&self, change: impl Fn(&mut Index)) -> Result<()> {
        let mut index = published(&self.scene.objects).await?.index;
        change(&mut index);
        index.generation += 1;
        let hashed =
            index.parts.iter().flat_map(|(name, part)| [name.as_bytes(), &[0], &part.sha256.0].concat());
        index.hash = Digest::of(&hashed.collect::<Vec<u8>>());
        let json = index.to_json()?;
        Index::from_json(json.as_bytes()).context("a sound index")?;
        self.change(INDEX, |map| map.data.get_or_insert_default().insert(INDEX_KEY.into(), json.clone()))
            .await
    }

    async fn change<T>(&self, name: &str, change: impl Fn(&mut ConfigMap) -> T) -> Result<()> {
        let mut map = self.maps.get(name).await?;
        change(&mut map);
        self.maps.replace(name, &PostParams::default(), &map).await?;
        Ok(())
    }

    async fn delete_map(&self, name: &str) -> Result<()> {
        self.maps.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    async fn delete_secret(&self, name: &str) -> Result<()> {
        self.secrets.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until a reader can read it and the gateway runs it.
    async fn until_mended(&self, what: &str) -> Result<Published> {
        eventually(&format!("{what} is mended"), LIMIT, async || {
            let published = published(&self.scene.objects).await?;
            let status = self.scene.gateway.status().await?;
            let runs = &status["config"];
            let is_run = runs["generation"] == published.index.generation
                && runs["hash"] == published.index.hash.to_string();
            ensure!(is_run, "the gateway runs {runs}, not {:?}", published.index.revision());
            Ok(Some(published))
        })
        .await
    }

    /// What changes later arrives, and the end is that of a calm day.
    async fn end(&mut self) -> Result<()> {
        self.scene.story().change().await?;
        self.scene.story().revoke(&self.texts).await?;
        self.scene.story().end(&self.texts, Some(&calm().await.end)).await?;
        ensure!(self.scene.gateway.process.ended()?.is_none(), "the gateway has ended");
        Ok(())
    }
}

fn nonsense() -> ByteString {
    ByteString(b"nonsense".to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_what_a_hand_tears_the_operator_mends_and_counts_on() {
    let mut begun = Begun::new().await.unwrap();
    for harm in ALL {
        let before = begun.until_mended("before").await.unwrap().index.generation;
        begun.harm(harm).await.with_context(|| format!("{harm:?}")).unwrap();
        let wait = async || {
            let after = begun.until_mended(&format!("{harm:?}")).await?.index.generation;
            Ok((!harm.is_to_the_index() || after > before).then_some(after))
        };
        let grown = eventually(&format!("{harm:?}: a generation beyond {before}"), LIMIT, wait).await;
        grown.unwrap();
        assert_eq!(begun.scene.traffic.wrong(), Vec::<String>::new(), "{harm:?}");
    }
    begun.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_what_was_torn_while_no_operator_ran_is_mended_by_the_next() {
    let mut begun = Begun::new().await.unwrap();
    for harm in ALL {
        begun.operator.process.kill();
        begun.harm(harm).await.with_context(|| format!("{harm:?}")).unwrap();
        begun.operator = begun.scene.operator().unwrap();
        begun.until_mended(&format!("{harm:?}")).await.unwrap();
        assert_eq!(begun.scene.traffic.wrong(), Vec::<String>::new(), "{harm:?}");
    }
    begun.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_parts_without_their_index_change_nothing_until_the_next_operator_comes() {
    let mut begun = Begun::new().await.unwrap();
    let before = begun.until_mended("before").await.unwrap();
    let (torn, is_torn) = std::sync::mpsc::channel();
    let pid = begun.operator.process.id();
    let is_index = |call: &Call| call.method == "PUT" && call.path.ends_with(INDEX);
    begun.scene.proxy.before_request(1, is_index, move |_| {
        let _ = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        let _ = torn.send(());
        Then::Break
    });
    begun.scene.story().apply_the_change().await.unwrap();
    eventually("the publish is torn", LIMIT, async || Ok(is_torn.try_recv().ok())).await.unwrap();
    begun.operator.process.kill();
    // Parts are new, the index is not: whoever runs goes on, and whoever starts has the last good one.
    assert!(published(&begun.scene.objects).await.is_err(), "the parts are those of the index");
    begun.scene.gateway.restart(begun.scene.plane).unwrap();
    let answered =
        async || Ok((begun.scene.traffic.ask(super::story::BROUGHT, "chat").await? == 200).then_some(()));
    eventually("a gateway that starts now answers", LIMIT, answered).await.unwrap();
    assert_eq!(begun.scene.traffic.ask(super::story::BROUGHT, "talk").await.unwrap(), 404);

    begun.operator = begun.scene.operator().unwrap();
    begun.scene.story().until_changed().await.unwrap();
    let after = begun.until_mended("after").await.unwrap();
    assert!(after.index.generation > before.index.generation);
    begun.scene.story().revoke(&begun.texts).await.unwrap();
    begun.scene.story().until_it_stands_as(&calm().await.end).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_1_an_index_that_goes_as_soon_as_it_comes_comes_again() {
    let mut begun = Begun::new().await.unwrap();
    let index = &begun.maps;
    for _ in 0..10 {
        // At once: before the operator has looked at what its own watch tells.
        let there = async || Ok(index.get_opt(INDEX).await?.map(drop));
        wait::until("the index is there", LIMIT, there).await.unwrap();
        index.delete(INDEX, &DeleteParams::default()).await.unwrap();
    }
    begun.until_mended("the index").await.unwrap();
    begun.end().await.unwrap();
}
