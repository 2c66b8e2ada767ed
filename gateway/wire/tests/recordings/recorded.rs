//! The recordings in `tests/fixtures/wire`, found by walking the folder.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use weir_config::{UnixSeconds, Vendor};
use weir_wire::{Account, Api, Asked, Envelope, Reading};

/// One recorded answer.
pub struct Case {
    /// `vendor/case`.
    pub name: String,
    pub api: String,
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

/// How an answer is read for a caller who asked for a `stream`, and for its usage.
pub fn reading(stream: bool, usage: bool) -> Reading {
    let options = format!(r#""stream":{stream},"stream_options":{{"include_usage":{usage}}}"#);
    let asked = Asked::read(Api::Chat, format!(r#"{{"model":"m",{options}}}"#).into()).unwrap();
    let envelope = Envelope { id: "1", created: UnixSeconds(0) };
    asked.reading(&Account::new(Api::Chat, Vendor::OpenAICompatible.row(), "m"), envelope)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every recording, by name.
pub fn cases() -> Vec<Case> {
    let (folder, mut paths) = (folder(), Vec::new());
    files(&folder, &mut paths);
    let mut cases: Vec<Case> = paths.iter().filter_map(|path| case(&folder, path)).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() > 80, "the recordings are where they were");
    cases
}

fn case(folder: &Path, path: &Path) -> Option<Case> {
    let name = path.strip_prefix(folder).unwrap().with_extension("").to_str().unwrap().to_owned();
    let text = fs::read_to_string(path).unwrap();
    match path.extension()?.to_str()? {
        "sse" => {
            let (api, status, headers) = ("chat".to_owned(), 200, http::HeaderMap::new());
            (!name.contains("responses")).then_some(Case { name, api, status, headers, body: text })
        }
        "json" => {
            let recorded: Value = serde_json::from_str(&text).unwrap();
            let response = &recorded["response"];
            let headers = response["headers"].as_object().unwrap().iter().map(|(name, value)| {
                (name.parse::<http::HeaderName>().unwrap(), value.as_str().unwrap().parse().unwrap())
            });
            Some(Case {
                api: recorded["api"].as_str().unwrap().to_owned(),
                status: response["status"].as_u64().unwrap() as u16,
                headers: headers.collect(),
                body: response["body"].as_str()?.to_owned(),
                name,
            })
        }
        _ => None,
    }
}

/// The column "Shows" of the README, by case: what its author read in the recording.
pub fn shown() -> BTreeMap<String, String> {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let name = cells.first()?.strip_prefix("| [")?.split_once("](")?.1.strip_suffix(')')?;
        Some((name.rsplit_once('.')?.0.to_owned(), (*cells.get(cells.len() - 2)?).to_owned()))
    });
    rows.collect()
}

/// A number of the "usage in 1 out 2 cached 3" that ends a row of the README.
pub fn counted(shows: &str, what: &str) -> Option<u64> {
    let (_, usage) = shows.rsplit_once("usage in ")?;
    let mut words = ["in"].into_iter().chain(usage.split_whitespace());
    words.find(|word| *word == what)?;
    words.next()?.parse().ok()
}

/// The lines of a golden file in `golden`.
pub fn golden(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/golden").join(name);
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Fails with the first line that differs.
pub fn same(actual: &[String], golden: &[String]) {
    for (actual, golden) in actual.iter().zip(golden) {
        assert_eq!(actual, golden);
    }
    assert_eq!(actual.len(), golden.len(), "as many cases as lines");
}
