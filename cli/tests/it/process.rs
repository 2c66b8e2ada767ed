//! The binary as a process, and an HTTP client that hides nothing.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn weir() -> Command {
    Command::new(env!("CARGO_BIN_EXE_weir"))
}

/// Runs to the end: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A folder with these files.
pub(crate) fn folder<const N: usize>(files: [(&str, &str); N]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A provider, a route for model `chat` and a generated key, in three files.
pub(crate) fn shop() -> TempDir {
    folder([("provider.yaml", PROVIDER), ("route.yaml", ROUTE), ("key.yaml", KEY)])
}

pub(crate) const PROVIDER: &str = "apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata:
  name: mock
spec:
  vendor: Mock
";

/// A provider called `name` whose server is at `port` of this machine.
pub(crate) fn server(name: &str, port: u16) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: LLMProvider\nmetadata: {{name: {name}}}\nspec:\n  \
         vendor: OpenAICompatible\n  credentials: {{none: {{}}}}\n  \
         endpoint: {{url: 'http://127.0.0.1:{port}/v1', allowInsecure: true}}\n"
    )
}

pub(crate) const ROUTE: &str = "apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata:
  name: chat
spec:
  model: chat
  targets:
    - name: only
      providerRef: {name: mock}
";

pub(crate) const KEY: &str = "apiVersion: weir.dev/v1alpha1
kind: LLMKey
metadata:
  name: app
spec:
  source:
    generate: {secretName: app}
  allowedModels: ['*']
";

/// A running `weir up -o json`.
pub(crate) struct Up {
    child: Child,
    pub(crate) ready: Value,
    /// Locked only so that several callers may share this.
    errors: Mutex<Receiver<String>>,
    /// Its standard output and error, where nobody reads them.
    unread: Option<(ChildStdout, ChildStderr)>,
    _state: Option<TempDir>,
}

impl Up {
    /// Starts on free ports and waits until it is ready.
    pub(crate) fn start(manifests: &Path) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut up = Self::start_with(weir().arg("up").arg(manifests).arg("--state").arg(state.path()));
        up._state = Some(state);
        up
    }

    /// The same from a command of one's own; ports and output are added.
    pub(crate) fn start_with(command: &mut Command) -> Self {
        let mut child = spawn(command);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, errors) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        if line.is_empty() {
            let said: Vec<String> = errors.iter().collect();
            panic!("it did not start: {said:#?}");
        }
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, ready, errors: Mutex::new(errors), unread: None, _state: None }
    }

    /// The same with nobody who reads what it says once it is ready.
    pub(crate) fn start_unread(command: &mut Command) -> Self {
        let mut child = spawn(command);
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (mut line, mut reader) = (String::new(), BufReader::new(stdout));
        reader.read_line(&mut line).unwrap();
        let (ready, stdout) = (serde_json::from_str(&line).unwrap(), reader.into_inner());
        Self { child, ready, errors: Mutex::new(channel().1), unread: Some((stdout, stderr)), _state: None }
    }

    /// Whoever might have read it leaves.
    pub(crate) fn readers_leave(&mut self) {
        self.unread = None;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn base_url(&self) -> &str {
        self.ready["base_url"].as_str().unwrap()
    }

    /// The text of the first key.
    pub(crate) fn key(&self) -> &str {
        self.ready["keys"][0]["key"].as_str().unwrap()
    }

    /// Waits for a line on standard error that has `part` in it.
    pub(crate) fn hears(&self, part: &str) -> String {
        self.hears_after(part).pop().unwrap()
    }

    /// The same with all lines before it.
    pub(crate) fn hears_after(&self, part: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let until = Instant::now() + PATIENCE;
        let errors = self.errors.lock().unwrap();
        while let Ok(line) = errors.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let is_it = line.contains(part);
            lines.push(line);
            if is_it {
                return lines;
            }
        }
        panic!("no line says {part:?}: {lines:#?}");
    }

    /// The status of a chat with `model`, and the answer.
    pub(crate) fn chat(&self, model: &str) -> (u16, String) {
        self.ask(&format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello"}}]}}"#))
    }

    pub(crate) fn ask(&self, body: &str) -> (u16, String) {
        self.begin(body).finish()
    }

    /// Sends a chat request and leaves the answer to be read.
    pub(crate) fn begin(&self, body: &str) -> Answer {
        request(self.base_url(), "POST", "/chat/completions", Some(self.key()), body)
    }

    pub(crate) fn get(&self, base: &str, path: &str) -> (u16, String) {
        request(self.ready[base].as_str().unwrap(), "GET", path, Some(self.key()), "").finish()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Waits for the end: the exit code.
    pub(crate) fn ends(mut self) -> Option<i32> {
        // Standard error closes at the end; reading on keeps it from filling up.
        while self.errors.get_mut().unwrap().recv_timeout(PATIENCE).is_ok() {}
        eventually("it ends", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }
}

fn spawn(command: &mut Command) -> Child {
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "-o", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Returns when `holds` does.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never came true: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An answer that may still be coming.
pub(crate) struct Answer(TcpStream);

pub(crate) fn request(base_url: &str, method: &str, path: &str, key: Option<&str>, body: &str) -> Answer {
    let (host, prefix) =
        base_url.strip_prefix("http://").unwrap().split_once('/').unwrap_or((&base_url[7..], ""));
    let path = if prefix.is_empty() { path.to_owned() } else { format!("/{prefix}{path}") };
    let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{key}");
    let length = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{length}{body}").as_bytes()).unwrap();
    Answer(stream)
}

impl Answer {
    /// Waits for the first bytes of the answer.
    pub(crate) fn first(&mut self) -> String {
        let mut bytes = [0; 4096];
        let read = self.0.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// The rest, as far as it comes.
    pub(crate) fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        // A connection that is cut has an end, too.
        drop(self.0.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Status, and the whole answer.
    pub(crate) fn finish(self) -> (u16, String) {
        let text = self.rest();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no HTTP: {text:?}")), text)
    }
}
