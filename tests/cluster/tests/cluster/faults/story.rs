//! The story that every world goes through: objects come, a route changes, a credential is rotated, a key is deleted.

use super::end::{End, published};
use super::eventually;
use super::traffic::Traffic;
use anyhow::{Context as _, Result, ensure};
use std::time::Duration;
use weir_cluster::world::manifests::{GATEWAY, PROVIDER};
use weir_cluster::world::{Gateway, Objects};
use weir_cluster::{Plane, wait};
use weir_crds::Kind;

/// How long a world may take for any step, whatever is done to it.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// Fields that differ from world to world: times, counts of what happened, what is random or follows from it.
pub(super) const CHANCE: [&str; 10] = [
    "lastTransitionTime",
    "observedGeneration",
    "generation",
    "hash",
    "id",
    "digests",
    "sha256",
    "createdAt",
    "clusterIP",
    "clusterIPs",
];

/// A route to an account without credential first and to one with a credential second, which is never called.
const ROUTE: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat}
spec:
  gatewayRef: {name: main}
  model: chat
  targets:
  - {name: first, providerRef: {name: mock}, model: mock-large}
  - {name: second, providerRef: {name: paid}, model: gpt-4o, priority: 1}
";

const REST: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: paid}
spec:
  vendor: OpenAI
  credentials: {apiKeySecretRef: {name: paid, key: api-key}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: app}
spec:
  gatewayRef: {name: main}
  source: {generate: {secretName: app-llm}}
  allowedModels: ['*']
---
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: gone}
spec:
  gatewayRef: {name: main}
  source: {generate: {secretName: gone-llm}}
  allowedModels: ['*']
---
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: brought}
spec:
  gatewayRef: {name: main}
  source: {secretRef: {name: brought, key: llm-key}}
  allowedModels: ['*']
---
apiVersion: v1
kind: Secret
metadata: {name: brought}
stringData: {llm-key: a-key-that-somebody-brought-with-them-0123456789}
";

/// A key that is to be made into a Secret that somebody else has.
pub(super) const KEY_OF_A_TAKEN_NAME: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata: {name: late}
spec:
  gatewayRef: {name: main}
  source: {generate: {secretName: brought}}
  allowedModels: ['*']
";

/// The text of the key `brought`.
pub(super) const BROUGHT: &str = "a-key-that-somebody-brought-with-them-0123456789";

fn credential(text: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: paid, labels: {{weir.dev/credential: 'true'}}}}
stringData: {{api-key: {text}}}
"
    )
}

/// What tells the story, and to whom.
pub(super) struct Story<'a> {
    pub(super) plane: &'a Plane,
    pub(super) objects: &'a Objects,
    pub(super) gateway: &'a mut Gateway,
    pub(super) traffic: &'a Traffic,
}

/// Key texts that the story has seen working.
pub(super) struct Texts {
    pub(super) app: String,
    gone: String,
}

impl Story<'_> {
    /// All of it, until the world stands as `wanted` says; without it until it stands still.
    pub(super) async fn tell(&mut self, wanted: Option<&End>) -> Result<End> {
        let texts = self.begin().await.context("begin")?;
        self.change().await.context("change")?;
        self.revoke(&texts).await.context("revoke")?;
        self.end(&texts, wanted).await
    }

    /// The end, once change and revocation are said.
    pub(super) async fn end(&self, texts: &Texts, wanted: Option<&End>) -> Result<End> {
        let end = match wanted {
            Some(wanted) => self.until_it_stands_as(wanted).await?,
            None => self.until_it_stands_still().await?,
        };
        self.nobody_noticed(texts).await?;
        Ok(end)
    }

    pub(super) async fn apply_all(&self) -> Result<()> {
        for manifest in [GATEWAY, PROVIDER, &credential("first-credential"), REST, ROUTE] {
            self.objects.apply(manifest).await?;
        }
        Ok(())
    }

    /// Everything is applied, and works.
    pub(super) async fn begin(&mut self) -> Result<Texts> {
        self.apply_all().await?;
        self.gateway.ready(self.plane).await?;
        self.until_answered(BROUGHT, "chat", 200).await?;
        self.traffic.expect(BROUGHT, "chat");
        let [app, gone] = [self.until_minted("app-llm").await?, self.until_minted("gone-llm").await?];
        Ok(Texts { app, gone })
    }

    /// The route has one more name, the account another credential, and the gateway's Service another port.
    pub(super) async fn change(&self) -> Result<()> {
        self.apply_the_change().await?;
        self.until_changed().await
    }

    pub(super) async fn apply_the_change(&self) -> Result<()> {
        self.objects.apply(&credential("second-credential")).await?;
        self.objects.apply(&GATEWAY.replace("replicas: 0", "replicas: 0, service: {port: 8080}")).await?;
        self.objects.apply(&ROUTE.replace("model: chat", "model: chat\n  aliases: [{name: talk}]")).await
    }

    pub(super) async fn until_changed(&self) -> Result<()> {
        self.until_answered(BROUGHT, "talk", 200).await?;
        eventually("the credential is published", LIMIT, async || {
            let snapshot = published(self.objects).await?.snapshot.to_string();
            Ok(snapshot.contains("second-credential").then_some(()))
        })
        .await
    }

    /// A key goes.
    pub(super) async fn revoke(&self, texts: &Texts) -> Result<()> {
        self.delete_the_key(texts).await?;
        self.until_revoked(texts).await
    }

    pub(super) async fn delete_the_key(&self, texts: &Texts) -> Result<()> {
        self.traffic.stop(&texts.gone);
        self.objects.delete(Kind::Key, "gone").await
    }

    pub(super) async fn until_revoked(&self, texts: &Texts) -> Result<()> {
        self.until_answered(&texts.gone, "chat", 401).await
    }

    async fn until_minted(&self, secret: &str) -> Result<String> {
        let text = self.objects.secret(secret, "OPENAI_API_KEY").await?;
        self.until_answered(&text, "chat", 200).await?;
        self.traffic.expect(&text, "chat");
        Ok(text)
    }

    /// Waits until the gateway answers `status`.
    pub(super) async fn until_answered(&self, key: &str, model: &str, status: u16) -> Result<()> {
        let mut last = String::new();
        let answered = eventually(&format!("{status} to {key} for {model}"), LIMIT, async || {
            let answer = self.traffic.ask(key, model).await;
            last = format!("{answer:?}");
            Ok((answer.is_ok_and(|answer| answer == status)).then_some(()))
        })
        .await;
        answered.with_context(|| last)
    }

    pub(super) async fn until_it_stands_as(&self, wanted: &End) -> Result<End> {
        let mut differences = Vec::new();
        let found = eventually("the same end", LIMIT, async || {
            let end = End::read(self.objects).await?;
            differences = end.beside(wanted);
            Ok(Some(end).filter(|_| differences.is_empty()))
        })
        .await;
        found.with_context(|| format!("{differences:#?}"))
    }

    /// An end that is the same a second and a half later: longer than any status is held back.
    async fn until_it_stands_still(&self) -> Result<End> {
        eventually("an end", LIMIT, async || {
            let before = End::read(self.objects).await?;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            Ok(Some(End::read(self.objects).await?).filter(|end| *end == before))
        })
        .await
    }

    /// Every key that worked and was not revoked works, with the text that it had, and no caller was refused.
    async fn nobody_noticed(&self, texts: &Texts) -> Result<()> {
        let text = self.objects.secret("app-llm", "OPENAI_API_KEY").await?;
        ensure!(text == texts.app, "the key has another text than it had once");
        let seen = self.traffic.answered();
        wait::until("callers go on", LIMIT, async || Ok((self.traffic.answered() > seen + 2).then_some(())))
            .await?;
        let wrong = self.traffic.wrong();
        ensure!(wrong.is_empty(), "callers were told: {wrong:#?}");
        Ok(())
    }
}
