//! The binary as a pod runs it.

use crate::api::{Api, NAMESPACE, PATIENCE};
use crate::world::{eventually, key_text, publication, snapshot};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, Read, Write, pipe};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use weir_config::published::PART_KEY;

/// A process, with what it says on standard error and standard output.
struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    usage: Arc<Mutex<String>>,
    client: reqwest::Client,
}

impl Process {
    fn start(api: &Api, dir: &Path, level: &str) -> Self {
        let mut command = command(api, dir, level);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = gather(child.stderr.take().unwrap());
        let usage = gather(child.stdout.take().unwrap());
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { child, log, usage, client }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The address in the field `field` of the line that says that it has started.
    async fn address(&self, field: &str) -> String {
        let mut found = None;
        eventually("it has started", async || {
            let log = self.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            found = lines.into_iter().find_map(|line| Some(line["fields"][field].as_str()?.to_owned()));
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    async fn status(&self) -> Value {
        let url = format!("http://{}/status", self.address("admin").await);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn chat(&self, words: &str) -> u16 {
        let url = format!("http://{}/v1/chat/completions", self.address("data").await);
        let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": words }] });
        let asked = self.client.post(url).bearer_auth(key_text(0)).json(&body);
        asked.send().await.unwrap().status().as_u16()
    }

    /// Sends SIGTERM and waits: the exit code.
    async fn terminate(&mut self) -> Option<i32> {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        let mut code = None;
        eventually("it ends", async || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        })
        .await;
        code.unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary on what `api` publishes; its ports and streams are to be added.
fn command(api: &Api, dir: &Path, level: &str) -> Command {
    let kubeconfig = dir.join("kubeconfig");
    let server = format!("http://{}", api.address);
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{ "name": "it", "cluster": { "server": server } }],
        "users": [{ "name": "it", "user": { "token": "token-sentinel" } }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
    });
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-gateway"));
    command.args(["--log", level]).arg("--state-dir").arg(dir.join("state"));
    command
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .env("WEIR_GATEWAY", format!("{NAMESPACE}/gw"))
        .env("WEIR_WORKERS", "1")
        .env("WEIR_MEMORY_BUDGET", "64Mi");
    command
}

fn gather(from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let to = Arc::clone(&text);
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let mut text = to.lock().unwrap();
            text.push_str(&line.unwrap());
            text.push('\n');
        }
    });
    text
}

#[tokio::test]
async fn s9_1_the_binary_serves_what_is_published_and_ends_in_order() {
    let api = Api::start();
    let published = publication(&snapshot(1), None);
    api.publish(&published);
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(&api, dir.path(), "info");
    eventually("it runs", async || process.status().await["config"]["generation"] == 1).await;
    assert_eq!(process.chat("hello").await, 200);
    assert_eq!(process.terminate().await, Some(0));
    let usage = process.usage.lock().unwrap().clone();
    assert_eq!(usage.lines().count(), 1, "the usage log is all of standard output: {usage}");
    for line in process.log().lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[tokio::test]
async fn s10_10_no_log_holds_a_key_or_a_prompt_even_when_parts_are_broken() {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(&api, dir.path(), "trace");
    eventually("it runs", async || process.status().await["config"]["generation"] == 1).await;
    assert_eq!(process.chat("prompt-sentinel").await, 200);
    // A Secret that cannot be parsed, with something in it that must not be quoted.
    let second = publication(&snapshot(2), Some(&first.index));
    let name = "gw-config-secret-00";
    api.put("secrets", name, json!({ "data": { PART_KEY: "not base64: hunter2-sentinel" } }));
    api.put_index(&second.index);
    eventually("it says why", async || {
        process.status().await["source"]["problem"].as_str().is_some_and(|problem| problem.contains(name))
    })
    .await;
    assert_eq!(process.terminate().await, Some(0));
    let log = process.log();
    assert!(log.contains("TRACE") && log.contains(name), "it is not empty: {} bytes", log.len());
    let digest = snapshot(1).keys[0].digests[0].sha256.to_string();
    let (key, words) = (key_text(0), ["prompt-sentinel", "hunter2-sentinel", "sk-credential-sentinel"]);
    for secret in words.into_iter().chain(["token-sentinel", &key, &digest]) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_binary_that_cannot_start_says_why() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weir-gateway"))
            .args(args)
            .env_clear()
            .env("HOME", "/nonexistent")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&[]);
    assert!(code == Some(2) && said.contains("--gateway"), "{code:?} {said}");
    let (code, said) = run(&["--gateway", "gw"]);
    assert!(code == Some(2) && said.contains("namespace/name"), "{code:?} {said}");
    let (code, said) = run(&["--gateway", "llm/gw"]);
    assert!(code == Some(2) && said.contains("error: "), "{code:?} {said}");
}

/// A pipe that takes no further byte, and its reader, who reads none.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&[b'x'; 64 << 10]).unwrap(); // what Linux gives a pipe
    (reader, writer.into())
}

#[tokio::test]
async fn s9_10_full_pipes_stop_neither_traffic_nor_the_end() {
    let api = Api::start();
    api.publish(&publication(&snapshot(1), None));
    let dir = tempfile::tempdir().unwrap();
    let ports = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [data, admin] = ports.map(|port| port.local_addr().unwrap().to_string());
    let ((_stdout, out), (_stderr, err)) = (full_pipe(), full_pipe());
    let mut command = command(&api, dir.path(), "trace");
    command.args(["--listen", &data, "--admin-listen", &admin]).stdout(out).stderr(err);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let nothing = Arc::new(Mutex::new(String::new()));
    let child = command.spawn().unwrap();
    let mut process = Process { child, log: Arc::clone(&nothing), usage: nothing, client };
    let asked = async || {
        let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": "hello" }] });
        let url = format!("http://{data}/v1/chat/completions");
        let sent = process.client.post(url).bearer_auth(key_text(0)).json(&body).send().await;
        sent.is_ok_and(|answer| answer.status() == 200)
    };
    eventually("it serves", &asked).await;
    for _ in 0..200 {
        assert!(asked().await);
    }
    assert_eq!(process.terminate().await, Some(0));
}

#[test]
fn s9_10_a_binary_that_cannot_start_ends_though_nobody_reads_why() {
    let (_reader, err) = full_pipe();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-gateway"));
    command.args(["--gateway", "llm/gw", "--log", "no=filter=at=all"]).env_clear().stderr(err);
    assert_eq!(command.status().unwrap().code(), Some(2));
}
