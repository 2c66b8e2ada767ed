//! However a plane's owner ends, nothing of it stays.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use weir_cluster::wait;

const LIMIT: Duration = Duration::from_secs(30);

/// A `weir-cluster` with a temporary folder of its own.
struct Owner {
    process: Child,
    temporary: tempfile::TempDir,
}

impl Owner {
    /// Starts one and waits until it says that it is up.
    fn start(temporary: tempfile::TempDir) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_weir-cluster"))
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Ctrl-C ends it")), "it ended before it was up");
        Self { process, temporary }
    }

    fn folders(&self) -> Vec<PathBuf> {
        fs::read_dir(self.temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn children(&self) -> Vec<Other> {
        let others = fs::read_dir("/proc").unwrap().filter_map(|entry| Other::read(&entry.unwrap().path()));
        others.filter(|other| other.parent == self.process.id()).collect()
    }
}

/// Another process, told from a later one with its number by when it began.
#[derive(Debug, PartialEq, Eq)]
struct Other {
    pid: u32,
    parent: u32,
    begun: String,
    role: String,
}

impl Other {
    fn read(folder: &Path) -> Option<Self> {
        let pid = folder.file_name()?.to_str()?.parse().ok()?;
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        // After the name, which may hold anything, in parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let line = fs::read(folder.join("cmdline")).ok()?;
        let role = line.split(|byte| *byte == 0).nth(1).unwrap_or_default();
        let role = String::from_utf8_lossy(role).into_owned();
        Some(Self { pid, parent: fields[1].parse().ok()?, begun: fields[19].to_owned(), role })
    }

    fn is_alive(&self) -> bool {
        Self::read(Path::new(&format!("/proc/{}", self.pid))).is_some_and(|now| now.begun == self.begun)
    }

    fn kill(&self) {
        let status = Command::new("sh").args(["-c", &format!("kill -9 {}", self.pid)]).status().unwrap();
        assert!(status.success());
    }
}

async fn all_end(children: &[Other]) {
    let gone = async || Ok(children.iter().all(|child| !child.is_alive()).then_some(()));
    wait::until("the plane's processes end", LIMIT, gone).await.unwrap();
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process_and_no_folder() {
    let mut owner = Owner::start(tempfile::tempdir().unwrap());
    let children = owner.children();
    let mut roles: Vec<&str> = children.iter().map(|child| child.role.as_str()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "sweep"]);
    assert_eq!(owner.folders().len(), 1);
    owner.process.kill().unwrap();
    owner.process.wait().unwrap();
    all_end(&children).await;
    assert_eq!(owner.folders(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_could_not_be_swept_goes_with_the_next_start() {
    let mut owner = Owner::start(tempfile::tempdir().unwrap());
    let children = owner.children();
    let left = owner.folders();
    children.iter().find(|child| child.role == "sweep").unwrap().kill();
    owner.process.kill().unwrap();
    owner.process.wait().unwrap();
    all_end(&children).await;
    assert_eq!(owner.folders(), left, "nobody was there to sweep");

    let mut next = Owner::start(owner.temporary);
    assert_eq!(next.folders().len(), 1);
    assert_ne!(next.folders(), left);
    let children = next.children();
    drop(next.process.stdin.take());
    assert!(next.process.wait().unwrap().success(), "it ends with its standard input");
    all_end(&children).await;
    assert_eq!(next.folders(), Vec::<PathBuf>::new());
}
