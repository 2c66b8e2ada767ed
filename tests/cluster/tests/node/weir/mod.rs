//! Weir in pods, as people install it: the chart, the images, manifests; and what callers notice of what is done to it.

mod app;
mod away;
mod load;
mod reload;
mod rolling;
mod uninstall;

use crate::shared::{Scene, scene, scene_alone};
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::Api;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};
use weir_cluster::helm::{self, Helm};
use weir_cluster::node::Node;
use weir_cluster::node::pods::SOON;
use weir_cluster::wait;
use weir_cluster::world::Objects;

/// The cluster has them once.
static IMAGES: OnceCell<()> = OnceCell::const_new();
/// Who finds the kinds missing brings them: whoever walked a page may have removed them.
static KINDS: Mutex<()> = Mutex::const_new(());

/// Weir in a namespace of its own: an operator, a gateway `default` with two pods, and the quickstart.
struct Weir {
    scene: Scene,
    objects: Objects,
    helm: Helm,
    http: reqwest::Client,
    /// The text of the quickstart's key.
    key: String,
}

/// Beside other tests.
async fn weir(prefix: &str) -> Weir {
    Weir::install(scene(prefix).await).await.unwrap()
}

/// While no other test runs.
async fn weir_alone(prefix: &str) -> Weir {
    Weir::install(scene_alone(prefix).await).await.unwrap()
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

impl Weir {
    async fn install(scene: Scene) -> Result<Self> {
        let (node, namespace) = (scene.node, scene.namespace.clone());
        IMAGES.get_or_try_init(|| node.import_weir()).await?;
        {
            let _turn = KINDS.lock().await;
            node.plane.install_crds().await?;
        }
        let helm = Helm::on(&node.plane)?;
        let chart = helm::chart().display().to_string();
        let values = json!({
            "crds": {"enabled": false},
            "image": {"registry": "test.local"},
            "gateway": {"create": true, "spec": {"egress": {"allowPrivate": ["10.99.0.0/24"]}}},
        });
        // As somebody does it who waits for it.
        let arguments = ["install", "weir", &chart, "-n", &namespace, "-f", "-", "--wait", "--timeout", "2m"];
        let helm = {
            let arguments = arguments.map(str::to_owned);
            let installed = tokio::task::spawn_blocking(move || {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                helm.run(&arguments, &values).map(|_| helm)
            });
            installed.await?.with_context(|| node.account(&namespace))?
        };
        node.apply(&namespace, &repository("examples/quickstart")).await?;
        let objects = Objects { client: node.plane.admin()?, namespace };
        let mut weir = Self { scene, objects, helm, http: reqwest::Client::new(), key: String::new() };
        weir.until_ready(&["llmgateway/default", "llmroute/chat", "llmkey/quickstart"]).await?;
        weir.until_two_pods().await?;
        weir.key = weir.objects.secret("quickstart-llm", "OPENAI_API_KEY").await?;
        // Ready pods are one thing; that the node's proxy has heard of them is another.
        weir.until_answered(&weir.service().await?, "chat", 200).await?;
        Ok(weir)
    }

    fn node(&self) -> &'static Node {
        self.scene.node
    }

    fn namespace(&self) -> &str {
        &self.scene.namespace
    }

    /// `kubectl` in its namespace.
    async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.node().kubectl(&[&["--namespace", self.namespace()], arguments].concat()).await
    }

    async fn until_ready(&self, objects: &[&str]) -> Result<()> {
        let arguments = [&["wait", "--for=condition=Ready", "--timeout=100s"], objects].concat();
        self.kubectl(&arguments).await.map(drop).with_context(|| self.node().account(self.namespace()))
    }

    /// The gateway's pods that aren't on their way out.
    async fn pods(&self) -> Result<Vec<Pod>> {
        let pods = self.node().pods(self.namespace(), "weir.dev/gateway=default").await?;
        Ok(pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Waits until the gateway has two pods, both ready.
    async fn until_two_pods(&self) -> Result<Vec<Pod>> {
        let found = wait::until("two ready pods", SOON, async || {
            let pods = self.pods().await?;
            Ok((pods.len() == 2 && pods.iter().all(is_ready)).then_some(pods))
        });
        found.await.with_context(|| self.node().account(self.namespace()))
    }

    /// Where in-cluster callers connect: the Service's address.
    async fn service(&self) -> Result<String> {
        let services: Api<Service> = Api::namespaced(self.objects.client.clone(), self.namespace());
        let service = services.get("default-gateway").await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).context("a cluster IP")?;
        Ok(format!("http://{address}"))
    }

    /// The status of one chat completion.
    async fn ask(&self, base: &str, model: &str) -> Result<u16> {
        let request = self.http.post(format!("{base}/v1/chat/completions")).bearer_auth(&self.key);
        let answer = request.body(hello(model, false).to_string()).send().await?;
        Ok(answer.status().as_u16())
    }

    /// Waits until `base` answers `status`.
    async fn until_answered(&self, base: &str, model: &str, status: u16) -> Result<()> {
        wait::until(&format!("{base} answers {status}"), SOON, async || {
            Ok((self.ask(base, model).await.is_ok_and(|answered| answered == status)).then_some(()))
        })
        .await
    }

    async fn secret(&self, name: &str) -> Result<Option<Secret>> {
        let secrets: Api<Secret> = Api::namespaced(self.objects.client.clone(), self.namespace());
        Ok(secrets.get_opt(name).await?)
    }
}

fn hello(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]})
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Where a pod listens.
fn base(pod: &Pod) -> String {
    let address = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default();
    format!("http://{address}:8080")
}

/// Which pods these are, and how often their containers were started again.
fn lives(pods: &[Pod]) -> Vec<(String, i32)> {
    let restarts = |pod: &Pod| {
        let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
        containers.unwrap_or_default().iter().map(|container| container.restart_count).sum()
    };
    let mut lives: Vec<_> =
        pods.iter().map(|pod| (pod.metadata.uid.clone().unwrap_or_default(), restarts(pod))).collect();
    lives.sort();
    lives
}

/// Kills the gateway in a pod as the kernel would: this process sees the pods' processes.
fn kill(pod: &Pod) -> Result<()> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let (dashed, underlined) = (format!("pod{uid}"), format!("pod{}", uid.replace('-', "_")));
    let mut killed = 0;
    for process in std::fs::read_dir("/proc")? {
        let path = process?.path();
        let read = |file: &str| std::fs::read_to_string(path.join(file)).unwrap_or_default();
        let cgroup = read("cgroup");
        if read("comm").trim() == "weir-gateway" && (cgroup.contains(&dashed) || cgroup.contains(&underlined))
        {
            let pid = path.file_name().context("a pid")?.to_string_lossy().into_owned();
            ensure!(
                std::process::Command::new("kill").args(["-KILL", &pid]).status()?.success(),
                "kill {pid}"
            );
            killed += 1;
        }
    }
    ensure!(killed == 1, "{killed} gateways in pod {uid}");
    Ok(())
}

/// A limit that is a promise, and not a test's patience.
const A_SECOND: Duration = Duration::from_secs(1);
