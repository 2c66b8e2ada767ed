//! Few descriptors: callers wait, and no upstream is blamed.

use crate::process::{KEY, Up, eventually, folder, server, weir};
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Answers no request before so many are there, or for `HOLD`; keeps every connection.
#[derive(Clone)]
struct Upstream(Arc<(Mutex<usize>, Condvar)>, usize);

const HOLD: Duration = Duration::from_secs(3);
const ANSWER: &str = r#"{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

impl Upstream {
    /// Its port.
    fn start(together: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let upstream = Self(Arc::default(), together);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (upstream, stream) = (upstream.clone(), stream.unwrap());
                thread::spawn(move || upstream.serve(stream));
            }
        });
        port
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let (mut reader, mut writer) = (BufReader::new(stream.try_clone().ok()?), stream);
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if let Some(told) = line.strip_prefix("content-length: ") {
                    length = told.trim().parse().ok()?;
                }
                if line == "\r\n" {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).ok()?;
            let (count, came) = &*self.0;
            let mut here = count.lock().unwrap();
            *here += 1;
            came.notify_all();
            drop(came.wait_timeout_while(here, HOLD, |here| *here < self.1).unwrap());
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
            writer.write_all(format!("{head} {}\r\n\r\n{ANSWER}", ANSWER.len()).as_bytes()).ok()?;
        }
    }
}

/// `weir up` under the limits that `ulimit` gives it, over upstreams that offer a model each: a, b, …
fn start(ulimit: &str, ports: &[u16]) -> (Up, tempfile::TempDir) {
    let shop = folder([("key.yaml", KEY)]);
    for (name, port) in ["a", "b", "c"].iter().zip(ports) {
        let route = format!(
            "---\napiVersion: weir.dev/v1alpha1\nkind: LLMRoute\nmetadata: {{name: {name}}}\nspec:\n  \
             model: {name}\n  targets: [{{name: only, providerRef: {{name: {name}}}}}]\n"
        );
        fs::write(shop.path().join(format!("{name}.yaml")), server(name, *port) + &route).unwrap();
    }
    let state = shop.path().join("state");
    fs::create_dir_all(&state).unwrap();
    let program = weir();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit {ulimit}; exec \"$0\" \"$@\"")).arg(program.get_program());
    command.arg("up").arg(shop.path()).arg("--state").arg(state).args(["--threads", "1"]);
    command.arg("--usage-log").arg(shop.path().join("usage.log"));
    (Up::start_with(&mut command), shop)
}

#[test]
fn s9_12_the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
    let (up, _shop) = start("-Sn 64; ulimit -Hn 200", &[Upstream::start(1)]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", up.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> =
        line.split_ascii_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers, ["200", "200"], "{line}");
}

/// All at once; the answers' statuses and texts, in the order of asking.
fn ask(up: &Up, model: &str, count: usize) -> Vec<(u16, String)> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..count).map(|_| scope.spawn(|| up.chat(model))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    })
}

/// 128 descriptors: 32 callers at once, with an upstream connection each.
const LIMIT: &str = "-n 128";

#[test]
fn s9_12_callers_beyond_the_descriptors_wait_and_are_served() {
    let (up, shop) = start(LIMIT, &[Upstream::start(32)]);
    for (status, text) in ask(&up, "a", 150) {
        assert_eq!(status, 200, "{text}");
    }
    let usage = shop.path().join("usage.log");
    eventually("all are logged", || fs::read_to_string(&usage).unwrap().lines().count() == 150);
    assert!(!fs::read_to_string(&usage).unwrap().contains("server_error"));
}

#[test]
fn s9_12_idle_connections_give_way_to_what_callers_ask_for() {
    // 96 callers at once: with their connections upstream and as many idle ones there are more than 256.
    let (up, _shop) = start("-n 256", &[Upstream::start(96), Upstream::start(96), Upstream::start(96)]);
    for model in ["a", "b", "c"] {
        for (status, text) in ask(&up, model, 96) {
            assert_eq!(status, 200, "{model}: {text}");
        }
    }
}

/// The headers of a request with the first key, and `more` of them.
fn head(up: &Up, more: &str) -> String {
    format!("host: weir\r\nauthorization: Bearer {}\r\n{more}\r\n", up.key())
}

/// An answer on a connection that is kept: its head and what has come of its body with it.
fn said(caller: &mut TcpStream, request: &str) -> String {
    caller.write_all(request.as_bytes()).unwrap();
    let mut piece = [0; 8 << 10];
    let read = caller.read(&mut piece).unwrap();
    String::from_utf8_lossy(&piece[..read]).into_owned()
}

#[test]
fn s9_12_no_descriptor_for_an_upstream_is_our_overload_and_no_failure_of_the_account() {
    let (up, shop) = start(LIMIT, &[Upstream::start(1)]);
    let address = up.base_url().strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut caller = TcpStream::connect(address).unwrap();
    assert!(said(&mut caller, &format!("GET /v1/models HTTP/1.1\r\n{}", head(&up, ""))).contains(" 200 "));
    // It is left what it has: the next descriptor would be the lowest that is free.
    let open: HashSet<u32> = fs::read_dir(format!("/proc/{}/fd", up.id()))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().parse().unwrap())
        .collect();
    let next = (0..).find(|number| !open.contains(number)).unwrap();
    let left = Command::new("prlimit")
        .args(["--pid", &up.id().to_string(), &format!("--nofile={next}:128")])
        .status();
    assert!(left.unwrap().success());
    let body = r#"{"model":"a","messages":[{"role":"user","content":"hi"}]}"#;
    let length = format!("content-length: {}\r\n", body.len());
    let request = format!("POST /v1/chat/completions HTTP/1.1\r\n{}{body}", head(&up, &length));
    for _ in 0..3 {
        let text = said(&mut caller, &request);
        assert!(text.contains(" 503 "), "{text}");
        let text = text.to_ascii_lowercase();
        assert!(text.contains(r#""code":"overloaded""#) && text.contains("no socket left"), "{text}");
        assert!(text.contains("x-weir-error-source: gateway") && !text.contains("x-should-retry"), "{text}");
        let wait = text.lines().find_map(|line| line.strip_prefix("retry-after-ms: ")).unwrap();
        assert!((1000..=5000).contains(&wait.trim().parse::<u32>().unwrap()), "{wait}");
    }
    let again = Command::new("prlimit").args(["--pid", &up.id().to_string(), "--nofile=128:128"]).status();
    assert!(again.unwrap().success());
    let usage = fs::read_to_string(shop.path().join("usage.log")).unwrap();
    assert!(!usage.contains("server_error"), "{usage}");
    let (_, metrics) = up.get("admin_url", "/metrics");
    assert!(!metrics.contains(r#"outcome="server_error""#), "{metrics}");
}
