//! Pages that a reader follows command by command: each `$ ` line of their console blocks is run as it stands, in the
//! repository's folder, and prints what the page says it prints. `…` on a page is whatever comes there.

use crate::shared::{Scene, scene_alone};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weir_cluster::binaries;
use weir_cluster::node::Node;
use weir_cluster::node::images;
use weir_crds::Kind;

/// One command of a page, and the lines that it prints.
#[derive(Debug, PartialEq)]
struct Step {
    command: String,
    prints: Vec<String>,
}

/// The steps of a page's console blocks, below the heading `from` only, if one is given.
fn steps(page: &str, from: Option<&str>) -> Vec<Step> {
    let (mut steps, mut in_block, mut counts) = (Vec::<Step>::new(), false, from.is_none());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ").filter(|_| !in_block) {
            counts = from.is_none_or(|from| from == heading);
        }
        if line.starts_with("```") {
            in_block = counts && line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| in_block) {
            steps.push(Step { command: command.to_owned(), prints: Vec::new() });
        } else if let Some(step) = steps.last_mut().filter(|_| in_block) {
            if step.prints.is_empty() && step.command.ends_with('\\') {
                step.command = format!("{}\n{line}", step.command);
            } else {
                step.prints.push(line.to_owned());
            }
        }
    }
    steps
}

/// Whether `said` is what the page shows: line by line, `…` alone is any number of lines, within a line any text.
fn shows(prints: &[String], said: &[&str]) -> bool {
    match prints.split_first() {
        None => said.is_empty(),
        Some((any, rest)) if any == "…" => {
            (0..=said.len()).filter_map(|skip| said.get(skip..)).any(|said| shows(rest, said))
        }
        Some((line, rest)) => {
            said.split_first().is_some_and(|(first, others)| is_like(line, first) && shows(rest, others))
        }
    }
}

fn is_like(shown: &str, said: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| said.strip_prefix(first)) else { return false };
    let mut ends = rest.is_empty();
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        ends = rest.is_empty() || piece.is_empty();
    }
    ends
}

#[test]
fn what_a_page_shows_is_compared_line_by_line() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(shows(&lines("a\n…\nz"), &["a", "b", "z"]) && shows(&lines("a\n…"), &["a"]));
    assert!(shows(&lines("a … c"), &["a b c"]) && shows(&lines("a: …"), &["a: b"]));
    assert!(
        !shows(&lines("a"), &["a", "b"]) && !shows(&lines("a\nb"), &["a"]) && !shows(&lines("a"), &["ab"])
    );
    let page =
        "## One\n```console\n$ no\n```\n## Two\n```console\n$ a \\\n  b\nc\n$ d\n```\n```\n$ no\n```\n";
    let step = |command: &str, prints: &[&str]| Step {
        command: command.to_owned(),
        prints: prints.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(steps(page, Some("Two")), [step("a \\\n  b", &["c"]), step("d", &[])]);
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder with the programs that pages call by name.
fn programs(node: &Node) -> Result<PathBuf> {
    let folder = node.plane.work_dir().join("path");
    std::fs::create_dir_all(&folder)?;
    let script = |name: &str, text: String| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
    };
    script("kubectl", format!("#!/bin/sh\nexec {} kubectl \"$@\"\n", node.plane.binary().display()))?;
    script("helm", format!("#!/bin/sh\nexec {} \"$@\"\n", binaries::helm()?.display()))?;
    Ok(folder)
}

/// Runs the steps one after the other.
async fn follow(node: &Node, steps: Vec<Step>) -> Result<()> {
    ensure!(!steps.is_empty(), "the page has no commands");
    let path = programs(node)?;
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(path).chain(std::env::split_paths(&others)))?;
    for Step { command, prints } in steps {
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &command]).current_dir(repository()).env("PATH", &path);
        shell.env("KUBECONFIG", node.plane.kubeconfig_path()).env("HOME", node.plane.work_dir());
        shell.stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || shell.output()).await?.context("run bash")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let (said, complaints) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "$ {command}\n{said}\n{complaints}");
        let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
        ensure!(shows(&prints, &lines), "$ {command}\nprints\n{said}\nand not\n{}", prints.join("\n"));
    }
    Ok(())
}

/// What the page before has made: each begins in a cluster without it. The kinds belong to the release that brought
/// them.
async fn begin_anew(node: &Node) {
    let kinds = node.kubectl(&["get", "crd", "llmgateways.weir.dev", "--ignore-not-found"]).await.unwrap();
    for namespace in ["llm", "weir"] {
        if !kinds.is_empty() {
            // With its pods, or the namespace would take minutes to go.
            node.kubectl(&["delete", "llmgateways", "--all", "--namespace", namespace]).await.unwrap();
            let pods =
                ["wait", "--for=delete", "pod", "--namespace", namespace, "--selector=weir.dev/gateway"];
            node.kubectl(&[pods.as_slice(), &["--timeout=100s"]].concat()).await.unwrap();
        }
        node.kubectl(&["delete", "namespace", namespace, "--ignore-not-found"]).await.unwrap();
    }
    let kinds = Kind::ALL.map(|kind| format!("{}.weir.dev", kind.plural()));
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    node.kubectl(&[&["delete", "crd", "--ignore-not-found"], kinds.as_slice()].concat()).await.unwrap();
}

/// Where pages say that a registry of the reader's own is.
pub(crate) const ELSEWHERE: &str = "registry.example.com/team";

/// Weir's images under the names that the chart has and that a registry of one's own gives, and the app's.
async fn images_as_readers_have_them(node: &Node) {
    let version = env!("CARGO_PKG_VERSION");
    node.import_weir().await.unwrap();
    for name in ["weir-operator", "weir-gateway"] {
        let ours = format!("{}/{name}:{version}", images::REGISTRY);
        images::tag(&ours, &format!("docker.io/library/{name}:{version}")).await.unwrap();
        images::tag(&ours, &format!("{ELSEWHERE}/{name}:1.0.0")).await.unwrap();
    }
    images::tag(images::PYTHON, "docker.io/library/python:3.13-slim").await.unwrap();
}

/// A reader's place: a cluster with nothing in it but the images that pages speak of.
pub(crate) async fn reader(prefix: &str) -> Scene {
    let scene = scene_alone(prefix).await;
    images_as_readers_have_them(scene.node).await;
    begin_anew(scene.node).await;
    scene
}

/// Follows a page's commands; `namespace` is where they work.
pub(crate) async fn follow_page(page: &str, from: Option<&str>, namespace: &str) {
    let scene = reader("page").await;
    let page = std::fs::read_to_string(repository().join(page)).unwrap();
    let followed = follow(scene.node, steps(&page, from)).await;
    followed.unwrap_or_else(|error| panic!("{error:#}\n{}", scene.node.account(namespace)));
}

#[tokio::test]
async fn the_page_for_clusters_does_what_it_says() {
    follow_page("docs/cluster.md", None, "llm").await;
}

#[tokio::test]
async fn the_readmes_way_into_a_cluster_does_what_it_says() {
    follow_page("README.md", Some("In a cluster"), "llm").await;
}
