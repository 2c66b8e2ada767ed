//! `cases/*.yaml`: manifests beside what compile makes of them, `*.snapshot.json` and `*.findings.txt`.
//!
//! A new case is a new file. `WEIR_BLESS=1` writes what is expected anew, for a reader to check in the diff; in
//! CI it is refused.

use crate::load;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use weir_compile::{Code, Input, Output, compile};
use weir_config::published::document;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    cases.sort();
    assert!(cases.len() >= 5, "the cases are gone");
    cases
}

fn input(case: &Path) -> Input {
    let yaml = std::fs::read_to_string(case).unwrap();
    load::input(&load::documents(&case.display().to_string(), &yaml))
}

fn compiled(case: &Path) -> Output {
    compile(&input(case))
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}

/// Compares, or with `bless` writes; says what differs.
fn check(expected: &Path, actual: &str, bless: bool) -> Option<String> {
    if bless {
        std::fs::write(expected, actual).unwrap();
        return None;
    }
    let checked_in = std::fs::read_to_string(expected).unwrap_or_default();
    if checked_in == actual {
        return None;
    }
    let line = checked_in.lines().zip(actual.lines()).position(|(old, new)| old != new);
    let line = line.unwrap_or(checked_in.lines().count().min(actual.lines().count()));
    let show = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    let name = expected.file_name().unwrap().display();
    Some(format!("{name}:{}\n  checked in: {}\n  now:        {}", line + 1, show(&checked_in), show(actual)))
}

#[test]
fn s8_6_every_case_compiles_to_what_is_checked_in() {
    let bless = is_set("WEIR_BLESS");
    assert!(!(bless && is_set("CI")), "CI does not bless");
    let mut differences = Vec::new();
    for case in cases() {
        let output = compiled(&case);
        let snapshots: BTreeMap<_, _> =
            output.gateways.iter().map(|(name, snapshot)| (name, document(snapshot).unwrap())).collect();
        let snapshot = serde_json::to_string_pretty(&snapshots).unwrap() + "\n";
        let findings: String = output.findings.iter().map(|finding| format!("{finding}\n")).collect();
        differences.extend(check(&case.with_extension("snapshot.json"), &snapshot, bless));
        differences.extend(check(&case.with_extension("findings.txt"), &findings, bless));
    }
    assert!(differences.is_empty(), "look, then WEIR_BLESS=1 cargo test:\n{}", differences.join("\n"));
}

fn of_compile() -> impl Iterator<Item = &'static Code> {
    Code::ALL.iter().filter(|code| code.is_found_by_compile())
}

#[test]
fn every_code_occurs_in_a_case() {
    let seen: BTreeSet<Code> =
        cases().iter().flat_map(|case| compiled(case).findings).map(|finding| finding.code).collect();
    let missing: Vec<&str> =
        of_compile().filter(|code| !seen.contains(code)).map(|code| code.reason()).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn s10_10_no_finding_shows_what_is_in_a_secret() {
    for case in cases() {
        let input = input(&case);
        let output = compile(&input);
        let texts = input.secrets.values().flat_map(|secret| secret.data.values());
        for text in texts.filter(|text| text.len() >= 4).map(|text| String::from_utf8_lossy(text)) {
            let shown = output.findings.iter().find(|finding| finding.to_string().contains(text.trim()));
            assert_eq!(shown, None, "{}", case.display());
        }
    }
}
