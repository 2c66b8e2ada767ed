//! A `weir-cluster --node` as somebody at a terminal has it, and the machine around it.

use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::Duration;
use weir_cluster::node::{images, pods};
use weir_cluster::{binaries, wait};

const LIMIT: Duration = Duration::from_secs(120);

/// What a cluster could change: the mounts and links of this process's namespaces, which are the machine's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    mounts: Vec<String>,
    links: BTreeSet<String>,
}

impl Machine {
    pub(crate) fn now() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        Self {
            mounts: mounts.lines().map(str::to_owned).collect(),
            links: names(Path::new("/sys/class/net")),
        }
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

pub(crate) fn kill(pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap();
    assert!(status.success());
}

pub(crate) struct Owner {
    pub(crate) process: Child,
    /// Not in `process`: to wait for that would close it.
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) temporary: tempfile::TempDir,
    /// The process that removes what is outside of the namespaces.
    pub(crate) supervisor: u32,
    /// The namespace that all of the cluster's processes are in.
    namespace: PathBuf,
}

impl Owner {
    /// Starts one and waits until it says that it is up.
    pub(crate) fn start(temporary: tempfile::TempDir) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_weir-cluster"))
            .arg("--node")
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Ctrl-C ends it")), "it ended before it was up");
        let supervisor = only_child(process.id());
        let unshare = only_child(supervisor);
        let namespace = fs::read_link(format!("/proc/{unshare}/ns/pid_for_children")).unwrap();
        let owner = Self { stdin: process.stdin.take(), process, temporary, supervisor, namespace };
        assert!(owner.processes() > 6, "control plane and node");
        owner
    }

    /// How many control groups are the cluster's, not counting those inside of them.
    pub(crate) fn cgroups(&self) -> usize {
        let (root, ours) = (Path::new("/sys/fs/cgroup"), format!("weir-cluster-{}-", self.supervisor));
        let ours = |folder: &Path| names(folder).iter().filter(|name| name.starts_with(&ours)).count();
        ours(root) + names(root).iter().map(|name| ours(&root.join(name))).sum::<usize>()
    }

    pub(crate) fn folders(&self) -> usize {
        fs::read_dir(self.temporary.path()).unwrap().count()
    }

    /// How many processes are in the cluster's namespaces.
    pub(crate) fn processes(&self) -> usize {
        let of = |name: &String| fs::read_link(format!("/proc/{name}/ns/pid"));
        names(Path::new("/proc")).iter().filter(|name| of(name).is_ok_and(|it| it == self.namespace)).count()
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        wait::until(what, LIMIT, async || Ok(is_so().then_some(()))).await.unwrap();
    }

    /// So that there are a shim, a sandbox, mounts, links and groups to be removed.
    pub(crate) async fn run_a_pod(&self) {
        let container = json!({ "image": images::PYTHON, "args": ["-c", "import time; time.sleep(3600)"] });
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "stays" },
            "spec": pods::pod_spec(container, "Always"),
        });
        wait::until("the pod is admitted", LIMIT, async || {
            // Not before the namespace has its service account.
            Ok(self.kubectl(&["apply", "--filename=-"], &pod.to_string()).status.success().then_some(()))
        })
        .await
        .unwrap();
        let ready = self.kubectl(&["wait", "--for=condition=Ready", "pod/stays", "--timeout=60s"], "");
        assert!(ready.status.success(), "{ready:?}");
    }

    fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let work = fs::read_dir(self.temporary.path()).unwrap().next().unwrap().unwrap().path();
        let mut kubectl = Command::new(work.join("enter"));
        kubectl.arg(binaries::plane().unwrap()).arg("kubectl").args(arguments);
        kubectl.env("KUBECONFIG", work.join("admin.kubeconfig"));
        let mut kubectl =
            kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        kubectl.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        kubectl.wait_with_output().unwrap()
    }
}

fn only_child(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap()
}
