//! docs/reference/compatibility.md: every line says why, and names tests that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of all functions in the Rust files below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            functions(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                rest[..end].to_owned()
            });
            found.extend(names);
        }
    }
}

#[test]
fn every_decision_names_tests_that_are_there() {
    let page = fs::read_to_string(root().join("docs/reference/compatibility.md")).unwrap();
    let mut known = BTreeSet::new();
    functions(&root(), &mut known);
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what |"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[what, does, why, tests] = &cells[..] else { panic!("a row has four cells: {row}") };
        assert!(!what.is_empty() && !does.is_empty() && !why.is_empty(), "says what, how and why: {row}");
        let tests: Vec<&str> = tests.split(", ").map(|test| test.trim_matches('`')).collect();
        for test in tests {
            assert!(known.contains(test), "{what}: no test is called {test}");
        }
        count += 1;
    }
    assert!(count > 50, "only {count} rows were read");
}
