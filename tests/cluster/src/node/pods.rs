//! What tests do to pods, mostly with kubectl, as people do. Nothing here holds up a test's other tasks, and
//! everything has a deadline.

use super::{Node, command, images};
use crate::wait;
use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::{LogParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

/// How long anything may take that takes seconds on a quiet machine.
pub const SOON: Duration = Duration::from_secs(120);

/// What became of a pod that ran to its end.
#[derive(Debug)]
pub struct Ran {
    /// The container's exit code.
    pub code: i32,
    /// What it wrote.
    pub output: String,
}

impl Ran {
    /// What it wrote.
    ///
    /// # Errors
    /// Its exit code isn't 0.
    pub fn successfully(self) -> Result<String> {
        if self.code != 0 {
            bail!("exit code {}:\n{}", self.code, self.output);
        }
        Ok(self.output)
    }
}

impl Node {
    /// A namespace `<prefix>-<random>` that admits only pods of the standard `restricted`.
    ///
    /// # Errors
    /// None that a test should expect.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let name = self.plane.namespace(prefix).await?;
        let labels =
            json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
        let namespaces: Api<Namespace> = Api::all(self.plane.admin()?);
        namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(&labels)).await?;
        Ok(name)
    }

    /// kubectl as somebody who may do everything; gives back its standard output.
    ///
    /// # Errors
    /// It fails, or takes longer than [`SOON`]; then the error holds what it said.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = self.plane.kubectl();
        kubectl.args(arguments);
        command::output(kubectl, SOON).await
    }

    /// `kubectl apply --server-side` in a namespace, of a file, a folder, or of text.
    ///
    /// # Errors
    /// As [`Node::kubectl`].
    pub async fn apply(&self, namespace: &str, path: &Path) -> Result<String> {
        let path = path.display().to_string();
        self.kubectl(&["apply", "--server-side", "--namespace", namespace, "--filename", &path]).await
    }

    /// [`Node::apply`] of text.
    ///
    /// # Errors
    /// As [`Node::kubectl`].
    pub async fn apply_text(&self, namespace: &str, yaml: &str) -> Result<String> {
        let path = self.plane.work.write(&format!("applied-{:08x}.yaml", getrandom::u32()?), yaml)?;
        self.apply(namespace, &path).await
    }

    /// Waits until a Deployment, say `deployment/a`, runs what it should and all of it is ready.
    ///
    /// # Errors
    /// It doesn't come to; the error says what its namespace looks like.
    pub async fn rolled_out(&self, namespace: &str, workload: &str) -> Result<()> {
        let limit = format!("--timeout={}s", SOON.as_secs() - 10);
        let status = self.kubectl(&["rollout", "status", "--namespace", namespace, workload, &limit]).await;
        status.map(drop).with_context(|| self.account(namespace))
    }

    /// Runs a program in the first container of a pod, say `pod/a` or `deployment/a`; gives back its standard output.
    ///
    /// # Errors
    /// As [`Node::kubectl`], and so if the program fails.
    pub async fn exec(&self, namespace: &str, target: &str, program: &[&str]) -> Result<String> {
        self.kubectl(&[&["exec", "--namespace", namespace, target, "--"], program].concat()).await
    }

    /// What a container wrote so far.
    ///
    /// # Errors
    /// As [`Node::kubectl`].
    pub async fn logs(&self, namespace: &str, target: &str) -> Result<String> {
        self.kubectl(&["logs", "--namespace", namespace, target]).await
    }

    /// What a pod writes from now on, as it comes.
    ///
    /// # Errors
    /// kubectl can't be run.
    pub fn follow(&self, namespace: &str, target: &str) -> Result<Follow> {
        let path = self.plane.work_dir().join(format!("followed-{:08x}", getrandom::u32()?));
        let file = File::create(&path).context("create a file for a log")?;
        let mut kubectl = self.plane.kubectl();
        kubectl.args(["logs", "--follow", "--namespace", namespace, target]);
        let kubectl = kubectl.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        Ok(Follow { kubectl: kubectl.context("run kubectl")?, path })
    }

    /// Pods of a namespace, by a label selector such as `app=a`; all of them for an empty one.
    ///
    /// # Errors
    /// None that a test should expect.
    pub async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>> {
        let pods: Api<Pod> = Api::namespaced(self.plane.admin()?, namespace);
        Ok(pods.list(&kube::api::ListParams::default().labels(selector)).await?.items)
    }

    /// Makes a pod of one container; nothing waits for it. `container` lacks what is the same for every test: the
    /// name, the pull policy, and what the standard `restricted` demands.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn start_pod(&self, namespace: &str, name: &str, container: Value) -> Result<()> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": { "app": name } },
            "spec": pod_spec(container, "Never"),
        }))?;
        let pods: Api<Pod> = Api::namespaced(self.plane.admin()?, namespace);
        pods.create(&PostParams::default(), &pod).await?;
        Ok(())
    }

    /// [`Node::start_pod`], and waits until it has ended.
    ///
    /// # Errors
    /// It isn't admitted, or doesn't end; the error says what its namespace looks like.
    pub async fn run_pod(&self, namespace: &str, name: &str, container: Value) -> Result<Ran> {
        self.start_pod(namespace, name, container).await?;
        self.ended(namespace, name).await
    }

    /// Waits until a pod has ended.
    ///
    /// # Errors
    /// It doesn't; the error says what its namespace looks like.
    pub async fn ended(&self, namespace: &str, name: &str) -> Result<Ran> {
        let pods: Api<Pod> = Api::namespaced(self.plane.admin()?, namespace);
        let what = format!("pod {name} ends");
        let code = wait::until(&what, SOON, async || Ok(exit_code(&pods.get(name).await?))).await;
        let code = code.with_context(|| self.account(namespace))?;
        Ok(Ran { code, output: pods.logs(name, &LogParams::default()).await? })
    }

    /// Runs a Python program in a pod ([`images::PYTHON`]) with the environment of a Secret, if one is named, to its
    /// end.
    ///
    /// # Errors
    /// As [`Node::run_pod`].
    pub async fn python(
        &self,
        namespace: &str,
        name: &str,
        program: &str,
        secret: Option<&str>,
    ) -> Result<Ran> {
        let environment: Vec<Value> =
            secret.iter().map(|secret| json!({ "secretRef": { "name": secret } })).collect();
        let container = json!({ "image": images::PYTHON, "args": ["-c", program], "envFrom": environment });
        self.run_pod(namespace, name, container).await
    }

    /// What a namespace looks like: pods, Events, the ends of the pods' logs. For a failure's message.
    /// It holds up the thread for as long as kubectl takes: the test has failed already.
    pub fn account(&self, namespace: &str) -> String {
        let mut account = format!("== namespace {namespace}");
        for arguments in [
            ["get", "deployments,pods", "--output=wide"].as_slice(),
            &["get", "events", "--sort-by=.lastTimestamp"],
        ] {
            let mut kubectl = self.plane.kubectl();
            let said =
                kubectl.args(["--request-timeout=10s", "--namespace", namespace]).args(arguments).output();
            let said = said.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
            account.push('\n');
            account.push_str(&String::from_utf8_lossy(&said));
        }
        for log in logs_of(&self.plane.work_dir().join("logs/pods"), namespace) {
            account.push_str(&crate::process::tail(&log.display().to_string(), &log));
            account.push('\n');
        }
        account
    }
}

/// The kubelet's files, which are there even while no API server is: `<namespace>_<pod>_<uid>/<container>/<restarts>.log`.
fn logs_of(root: &Path, namespace: &str) -> Vec<PathBuf> {
    let within =
        |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
    let is_ours = |pod: &PathBuf| pod.to_string_lossy().contains(&format!("/{namespace}_"));
    let mut logs: Vec<PathBuf> =
        within(root.to_owned()).filter(is_ours).flat_map(within).flat_map(within).collect();
    logs.sort();
    logs
}

/// Of one container, as the standard `restricted` demands.
pub fn pod_spec(mut container: Value, restart_policy: &str) -> Value {
    if let Some(fields) = container.as_object_mut() {
        fields.entry("name").or_insert("main".into());
        fields.entry("imagePullPolicy").or_insert("Never".into());
        fields.entry("securityContext").or_insert(json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        }));
    }
    json!({
        "restartPolicy": restart_policy,
        "terminationGracePeriodSeconds": 1,
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [container],
    })
}

fn exit_code(pod: &Pod) -> Option<i32> {
    let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    Some(status.state.as_ref()?.terminated.as_ref()?.exit_code)
}

/// A log that is being followed; dropping it ends that.
pub struct Follow {
    kubectl: Child,
    path: PathBuf,
}

impl Follow {
    /// Everything so far.
    pub fn text(&self) -> String {
        std::fs::read(&self.path).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Waits until `text` was written.
    ///
    /// # Errors
    /// It isn't; the error holds what was.
    pub async fn until(&self, text: &str) -> Result<()> {
        let found = async || Ok(self.text().contains(text).then_some(()));
        wait::until(&format!("{text:?} in a log"), SOON, found).await.with_context(|| self.text())
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
