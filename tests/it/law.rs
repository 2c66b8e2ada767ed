//! The law of dependencies (ARCHITECTURE.md, section 2), read from `cargo metadata` and `cargo tree`.

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

/// What `package` needs when it alone is built for use (no tests, no build scripts), each under what needs it: depth
/// and name. `cargo metadata` doesn't tell: there, a feature that one of our crates turns on is on for all.
fn needs(package: &str) -> Vec<(usize, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--manifest-path", root, "-p", package, "-e", "normal"]);
    let output = tree.args(["--prefix", "depth", "--format", " {p}"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().unwrap(), words.next()?.to_owned()))
    };
    String::from_utf8(output.stdout).unwrap().lines().filter_map(line).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// A way to a package that `pattern` covers, by names.
fn way(needs: &[(usize, String)], pattern: &str) -> Option<String> {
    let mut path: Vec<&str> = Vec::new();
    for (depth, name) in needs {
        path.truncate(*depth);
        path.push(name);
        if *depth > 0 && matches(pattern, name) {
            return Some(path.join(" -> "));
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
    let ours: BTreeSet<String> =
        metadata().workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let mut wrong = Vec::new();
    for (package, never) in NEVER.iter().filter(|(package, _)| ours.contains(*package)) {
        let needs = needs(package);
        wrong.extend(never.iter().filter_map(|pattern| way(&needs, pattern)));
    }
    assert!(wrong.is_empty(), "forbidden:\n{}", wrong.join("\n"));
}

/// The test above could not fail if the trees were read wrongly.
#[test]
fn law_the_trees_are_read_rightly() {
    let way = |package, pattern| way(&needs(package), pattern);
    assert_eq!(
        way("weir-gateway", "tokio").as_deref().map(|way| way.starts_with("weir-gateway -> ")),
        Some(true)
    );
    assert!(way("weir-gateway", "mio").unwrap().contains(" -> tokio -> mio"), "through tokio");
    assert!(way("weir-policy", "sha2").unwrap().contains("weir-config"), "through weir-config");
    assert!(way("weir-operator", "kube-cl*").unwrap().ends_with("kube-client"), "a pattern");
    assert_eq!(way("weir-gateway", "weir-tests"), None);
    assert_eq!(way("weir-policy", "proptest"), None, "tests alone need it");
    assert_eq!(way("weir-compile", "kube-client"), None, "another crate's feature");
}
