//! What the pages show works.

use crate::process::{folder, run, weir};

/// The Secrets that the README's providers name.
const SECRETS: &str = "apiVersion: v1
kind: Secret
metadata: {name: openai}
stringData: {api-key: sk-not-a-real-key}
---
apiVersion: v1
kind: Secret
metadata: {name: anthropic}
stringData: {api-key: sk-not-a-real-key}
";

#[test]
fn the_readmes_manifest_is_clean() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 1);
    let files = folder([("readme.yaml", blocks[0]), ("secrets.yaml", SECRETS)]);
    let (code, out, errors) = run(weir().arg("lint").arg(files.path()).args(["--fail-on", "warn"]));
    assert_eq!(code, Some(0), "{out}{errors}");
}

/// Where ARCHITECTURE.md names files without their folder.
const FOLDERS: &[&str] = &[
    "",
    "gateway/config/src/",
    "gateway/config/src/published/",
    "gateway/src/",
    "gateway/wire/src/",
    "gateway/kube/src/",
    "operator/src/",
    "operator/src/report/",
    "tests/cluster/src/node/",
];

/// Every file that ARCHITECTURE.md names exists.
#[test]
fn the_files_that_the_architecture_names_exist() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/ARCHITECTURE.md")).unwrap();
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let mut places = FOLDERS.iter().map(|folder| format!("{root}/{folder}{name}"));
        assert!(places.any(|place| std::path::Path::new(&place).exists()), "{name}");
    }
}
