//! The law of dependencies (ARCHITECTURE.md, section 2), read from `cargo metadata`.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Which of our crates may depend on which.
const INSIDE: &[(&str, &[&str])] = &[
    ("weir-config", &[]),
    ("weir-policy", &["weir-config"]),
    ("weir-wire", &["weir-config"]),
    ("weir-gateway", &["weir-config", "weir-policy", "weir-wire"]),
    ("weir-source-kube", &["weir-config", "weir-gateway"]),
    ("weir-crds", &["weir-config"]),
    ("weir-compile", &["weir-config", "weir-crds"]),
    ("weir-operator", &["weir-compile", "weir-config", "weir-crds"]),
    ("weir", &["weir-compile", "weir-config", "weir-crds", "weir-gateway", "weir-policy"]),
    ("weir-cluster", &[]),
    ("weir-upstream", &[]),
    ("weir-tests", &["weir-compile", "weir-config", "weir-crds", "weir-gateway", "weir-upstream"]),
];

/// What a crate must not reach, through however many others. A final `*` is any ending.
const NEVER: &[(&str, &[&str])] = &[
    ("weir-config", &["tokio", "http", "kube*", "k8s-openapi", "axum*", "hyper*", "reqwest", "rustls"]),
    ("weir-policy", &["tokio", "rand", "fastrand", "getrandom", "chrono", "time", "http", "kube*", "hyper*"]),
    ("weir-wire", &["tokio", "reqwest", "axum*", "hyper*", "kube*", "k8s-openapi", "rustls"]),
    ("weir-compile", &["tokio", "kube-client", "kube-runtime", "hyper*", "reqwest", "axum*"]),
    ("weir-gateway", &["kube*", "k8s-openapi", "weir-crds", "weir-compile", "weir-operator", "genai-prices"]),
    ("weir-operator", &["weir-gateway", "weir-wire", "weir-policy"]),
    ("weir-upstream", &["weir-*"]),
];

/// What a crate must not name itself, though what it builds on may: a published configuration is JSON, and
/// weir-config is where that is said.
const NEVER_ITSELF: &[(&str, &[&str])] =
    &[("weir-policy", &["serde_json", "zstd"]), ("weir-wire", &["zstd"])];

fn metadata() -> Metadata {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    // Other platforms' dependencies may never have been fetched here.
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut command = MetadataCommand::new();
    command.manifest_path(root).other_options(["--locked", "--filter-platform", host].map(str::to_owned));
    command.exec().unwrap()
}

/// Every package with what it needs when it is built for use: no tests, no build scripts.
fn edges(metadata: &Metadata) -> BTreeMap<&PackageId, Vec<&PackageId>> {
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    let is_normal =
        |dep: &&cargo_metadata::NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
    nodes
        .iter()
        .map(|node| (&node.id, node.deps.iter().filter(is_normal).map(|dep| &dep.pkg).collect()))
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// A way from `from` to a package that `pattern` covers, by names.
fn way(
    edges: &BTreeMap<&PackageId, Vec<&PackageId>>,
    name: impl Fn(&PackageId) -> String,
    from: &PackageId,
    pattern: &str,
) -> Option<String> {
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![(from, name(from))];
    while let Some((id, path)) = next.pop() {
        for to in edges.get(id).into_iter().flatten() {
            let path = format!("{path} -> {}", name(to));
            if matches(pattern, &name(to)) {
                return Some(path);
            }
            if seen.insert(to) {
                next.push((to, path));
            }
        }
    }
    None
}

#[test]
fn law_our_crates_depend_on_each_other_as_the_architecture_says() {
    let metadata = metadata();
    let ours: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let (_, allowed) = INSIDE.iter().find(|(known, _)| *known == name).unwrap_or_else(|| {
            panic!("{name} is new: say in ARCHITECTURE.md and here what it may depend on")
        });
        let direct = package.dependencies.iter().filter(|dep| dep.kind == DependencyKind::Normal);
        for dep in direct.filter(|dep| ours.contains(dep.name.as_str())) {
            assert!(allowed.contains(&dep.name.as_str()), "{name} must not depend on {}", dep.name);
        }
        let itself = NEVER_ITSELF.iter().filter(|(known, _)| *known == name).flat_map(|(_, never)| *never);
        for never in itself {
            let named = package
                .dependencies
                .iter()
                .any(|dep| dep.kind == DependencyKind::Normal && dep.name == *never);
            assert!(!named, "{name} must not depend on {never}");
        }
    }
}

#[test]
fn law_no_crate_reaches_what_it_must_not_know() {
    let metadata = metadata();
    let edges = edges(&metadata);
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let name = |id: &PackageId| names[id].to_owned();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let Some((_, never)) = NEVER.iter().find(|(known, _)| *known == package.name.as_str()) else {
            continue;
        };
        for pattern in *never {
            wrong.extend(way(&edges, name, &package.id, pattern));
        }
    }
    assert!(wrong.is_empty(), "forbidden:\n{}", wrong.join("\n"));
}

/// The test above could not fail if the graph were read wrongly.
#[test]
fn law_the_graph_is_read_rightly() {
    let metadata = metadata();
    let edges = edges(&metadata);
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let name = |id: &PackageId| names[id].to_owned();
    let of = |wanted: &str| *names.iter().find(|(_, name)| **name == wanted).unwrap().0;
    assert!(way(&edges, name, of("weir-gateway"), "tokio").is_some());
    assert!(way(&edges, name, of("weir-gateway"), "mio").is_some(), "through tokio");
    assert!(way(&edges, name, of("weir-policy"), "sha2").is_some(), "through weir-config");
    assert!(way(&edges, name, of("weir-gateway"), "weir-tests").is_none());
    assert!(way(&edges, name, of("weir-policy"), "proptest").is_none(), "tests alone need it");
}
