//! SIGHUP and SIGUSR1: the usage log is opened anew, and nothing ends.

use crate::process::{Up, eventually, shop, weir};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

fn start(shop: &tempfile::TempDir, usage_log: &str) -> Up {
    let state = shop.path().join("state");
    fs::create_dir_all(&state).unwrap();
    let mut command = weir();
    Up::start_with(
        command.arg("up").arg(shop.path()).arg("--state").arg(state).args(["--usage-log", usage_log]),
    )
}

/// The ids in a usage log; every line is whole.
fn ids(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "torn: {}", path.display());
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    text.lines().map(line).collect()
}

#[test]
fn s9_15_a_usage_log_is_rotated_under_traffic_without_a_line_lost_or_doubled() {
    let (shop, logs) = (shop(), tempfile::tempdir().unwrap());
    let path = logs.path().join("usage.jsonl");
    let up = start(&shop, path.to_str().unwrap());
    let (asked, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(up.chat("chat").0, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (n, signal) in ["HUP", "USR1", "HUP", "USR1"].into_iter().enumerate() {
            let old = logs.path().join(format!("usage.{n}"));
            eventually("lines are in it", || fs::metadata(&path).is_ok_and(|log| log.len() > 0));
            fs::rename(&path, &old).unwrap();
            up.signal(signal);
            eventually("a new file is begun", || path.exists());
            let packed = ids(&old).len();
            let before = asked.load(Ordering::Relaxed);
            eventually("traffic goes on", || asked.load(Ordering::Relaxed) > before + 20);
            assert_eq!(ids(&old).len(), packed, "nothing goes into a file that was left");
        }
        done.store(true, Ordering::Relaxed);
    });
    up.signal("TERM");
    assert_eq!(up.ends(), Some(0));
    let files: Vec<_> = fs::read_dir(logs.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5);
    let all: Vec<String> = files.iter().flat_map(|file| ids(file)).collect();
    assert_eq!(all.len(), asked.load(Ordering::Relaxed), "no line is lost");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "and none is doubled");
}

#[test]
fn s9_15_without_a_file_the_same_signals_do_nothing() {
    for usage_log in ["-", "off"] {
        let shop = shop();
        let up = start(&shop, usage_log);
        for signal in ["HUP", "USR1", "HUP"] {
            up.signal(signal);
            assert_eq!(up.chat("chat").0, 200);
        }
        up.signal("TERM");
        assert_eq!(up.ends(), Some(0));
    }
}

#[test]
fn s9_15_a_log_that_cannot_be_opened_anew_goes_on_where_it_was() {
    let (shop, logs) = (shop(), tempfile::tempdir().unwrap());
    let (folder, moved) = (logs.path().join("a"), logs.path().join("b"));
    fs::create_dir(&folder).unwrap();
    let up = start(&shop, folder.join("usage.jsonl").to_str().unwrap());
    assert_eq!(up.chat("chat").0, 200);
    fs::rename(&folder, &moved).unwrap();
    up.signal("HUP");
    up.hears("cannot be opened anew");
    assert_eq!(up.chat("chat").0, 200);
    up.signal("TERM");
    assert_eq!(up.ends(), Some(0));
    assert_eq!(ids(&moved.join("usage.jsonl")).len(), 2);
}
