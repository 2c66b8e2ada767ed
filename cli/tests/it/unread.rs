//! Nobody reads what the process says, or whoever did has left.

use crate::process::{PROVIDER, ROUTE, Up, eventually, server, shop, weir};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// A provider that nobody answers for: each request is some log lines.
fn broken_shop() -> tempfile::TempDir {
    let shop = shop();
    fs::write(shop.path().join("broken.yaml"), server("broken", 1)).unwrap();
    let route = ROUTE.replace("name: chat\n", "name: broken\n").replace("model: chat", "model: broken");
    let route = route.replace("providerRef: {name: mock}", "providerRef: {name: broken}");
    let route = route + "  fallback: {maxAttempts: 1}\n"; // repeats wait, which is not what is tested
    fs::write(shop.path().join("route-broken.yaml"), route).unwrap();
    shop
}

/// Starts it with all its logs on.
fn start(shop: &tempfile::TempDir, usage_log: &str) -> Up {
    let state = shop.path().join("state");
    fs::create_dir_all(&state).unwrap();
    let mut command = weir();
    command.arg("up").arg(shop.path()).arg("--state").arg(state);
    Up::start_unread(command.args(["--log", "trace", "--threads", "2", "--usage-log", usage_log]))
}

/// So many requests from some callers at once; every other one of a kind that is logged. All are answered.
fn ask(up: &Up, count: usize) {
    thread::scope(|scope| {
        for caller in 0..8 {
            scope.spawn(move || {
                for n in (caller..count).step_by(8) {
                    let (model, status) = if n % 2 == 0 { ("broken", 503) } else { ("chat", 200) };
                    assert_eq!(up.chat(model).0, status, "request {n}");
                }
            });
        }
    });
}

fn metric(up: &Up, name: &str) -> u64 {
    let (status, text) = up.get("admin_url", "/metrics");
    assert_eq!(status, 200);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
}

#[test]
fn s9_10_pipes_that_nobody_reads_stop_nothing() {
    let shop = broken_shop();
    let up = start(&shop, "-");
    let began = Instant::now();
    ask(&up, 4000);
    eventually("log lines are dropped and counted", || {
        ask(&up, 400);
        metric(&up, "weir_log_dropped_total") > 0
    });
    // What the main thread says of an edit finds no reader either.
    let provider = format!("{PROVIDER}  mock: {{reply: Lorem}}\n");
    fs::write(shop.path().join("provider.yaml"), provider).unwrap();
    eventually("the edit applies", || up.chat("chat").1.contains("Lorem"));
    up.signal("TERM");
    let told = Instant::now();
    assert_eq!(up.ends(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(15), "{:?} of {:?}", told.elapsed(), began.elapsed());
}

#[test]
fn s9_10_readers_that_leave_end_nothing() {
    let shop = broken_shop();
    let mut up = start(&shop, "-");
    up.readers_leave();
    ask(&up, 200);
    eventually("lost lines are counted", || metric(&up, "weir_log_dropped_total") > 0);
    up.signal("TERM");
    assert_eq!(up.ends(), Some(0));
}
