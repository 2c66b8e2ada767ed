//! The law of dependencies (ARCHITECTURE.md): of crates, read from `cargo metadata` and `cargo tree`; within a crate, read
//! from its sources.

mod files;
mod graph;
mod modules;
mod names;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;
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
    ("weir-upstream", &[]),
    ("weir-cluster", &["weir-config", "weir-crds", "weir-operator"]),
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

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(ROOT).no_deps().other_options(["--locked".to_owned()]);
    command.exec().unwrap()
}

/// Every package that `package` reaches when it is built by itself and for use, without tests and build scripts: its
/// name, and a way there. `cargo metadata` would not do: there a library has the features that anybody in the
/// workspace wants, and kube is a client for some and a few types for others.
fn reached(package: &str) -> Vec<(String, String)> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--locked", "--edges", "normal", "--prefix", "depth", "--format", " {p}"]);
    let output = command.args(["--manifest-path", ROOT, "--package", package]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut way: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut words = line.split_whitespace();
        let depth: usize = words.next().unwrap().parse().unwrap();
        way.truncate(depth);
        way.push(words.next().unwrap().to_owned());
        found.push((way[depth].clone(), way.join(" -> ")));
    }
    found
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// A way from `package` to one that `pattern` covers, by names.
fn way(package: &str, pattern: &str) -> Option<String> {
    let others = reached(package).into_iter().skip(1);
    others.filter(|(name, _)| matches(pattern, name)).map(|(_, way)| way).next()
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
    let known = metadata.workspace_packages().into_iter().filter_map(|package| {
        let rule = NEVER.iter().find(|(known, _)| *known == package.name.as_str());
        rule.map(|(name, never)| (*name, *never))
    });
    let wrong: Vec<String> = known
        .flat_map(|(name, never)| {
            let forbidden = |name: &str| never.iter().any(|pattern| matches(pattern, name));
            let others = reached(name).into_iter().skip(1);
            others.filter(move |(name, _)| forbidden(name)).map(|(_, way)| way)
        })
        .collect();
    assert!(wrong.is_empty(), "forbidden:\n{}", wrong.join("\n"));
}

/// Built for use, be it alone or with all others, the gateway has the kernel's sockets and no others.
#[test]
fn law_no_program_has_sockets_in_memory() {
    for packages in [&["--workspace"][..], &["--package", "weir"], &["--package", "weir-source-kube"]] {
        let has_them = |edges: &str| {
            let mut command = Command::new(env!("CARGO"));
            command.args([
                "tree",
                "--locked",
                "--prefix",
                "none",
                "--format",
                "{p} {f}",
                "--manifest-path",
                ROOT,
            ]);
            let output = command.args(["--edges", edges]).args(packages).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let mut gateways = text.lines().filter(|line| line.starts_with("weir-gateway ")).peekable();
            assert!(gateways.peek().is_some(), "{packages:?} have no gateway");
            gateways.any(|line| line.contains("memory-sockets"))
        };
        assert!(!has_them("normal,build"), "{packages:?}");
        assert_eq!(has_them("all"), packages == ["--workspace"], "the tests have them: {packages:?}");
    }
}

/// The tests above could not fail if the graph were read wrongly.
#[test]
fn law_the_graph_is_read_rightly() {
    assert!(way("weir-gateway", "tokio").is_some());
    assert!(way("weir-gateway", "mio").is_some(), "through tokio");
    assert!(way("weir-policy", "sha2").is_some(), "through weir-config");
    assert!(way("weir-gateway", "weir-tests").is_none());
    assert!(way("weir-policy", "proptest").is_none(), "tests alone need it");
    assert!(way("weir-source-kube", "kube-client").is_some(), "what it asks for");
    assert!(way("weir-compile", "kube").is_some() && way("weir-compile", "kube-client").is_none());
}
