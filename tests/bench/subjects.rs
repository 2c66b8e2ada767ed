//! What is measured, as processes: the upstream, HAProxy before it, Weir before it. Each is pinned, awaited
//! until it answers, and killed when it is dropped.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::machine::{MEASURED, REST};
use crate::rounds::PACED_EVENTS;

/// Under callgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// One way to the upstream.
pub struct Subject {
    pub name: &'static str,
    pub address: SocketAddr,
    /// Where paced streams go, if not there.
    pub paced: Option<SocketAddr>,
    /// `None`: nothing lies between, so nothing is measured but time.
    pub process: Option<Process>,
    pub key: String,
    pub model: String,
    pub configuration: String,
}

impl Subject {
    pub fn address_for(&self, paced: bool) -> SocketAddr {
        self.paced.filter(|_| paced).unwrap_or(self.address)
    }
}

/// A child that does not outlive us.
pub struct Process(Child);

impl Process {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Ends the process in order and waits for it.
    pub fn end(mut self) -> Result<()> {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("cannot run kill")?;
        self.0.wait()?;
        Ok(())
    }
}

/// A command on a core. taskset replaces itself by the program, so the child's id is the program's.
fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program).stdin(Stdio::null());
    command
}

pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn await_port(process: &mut Process, address: SocketAddr, name: &str) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect_timeout(&address, PATIENCE).is_err() {
        if let Some(status) = process.0.try_wait()? {
            bail!("{name} ended with {status} before it listened on {address}");
        }
        if start.elapsed() > PATIENCE {
            bail!("{name} does not listen on {address} after {PATIENCE:?}");
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// The fake vendor: this very program, started once more.
pub fn upstream(address: SocketAddr, events: usize) -> Result<Process> {
    let mut command = pinned(REST, &std::env::current_exe()?);
    command.args(["upstream", "--listen", &address.to_string(), "--events", &events.to_string()]);
    command.args(["--paced-events", &PACED_EVENTS.to_string(), "--paced-ms", "5"]);
    let mut process = Process(command.spawn().context("cannot start the upstream")?);
    await_port(&mut process, address, "the upstream")?;
    Ok(process)
}

pub fn direct(upstream: SocketAddr) -> Subject {
    Subject {
        name: "direct",
        address: upstream,
        paced: None,
        process: None,
        key: "none".into(),
        model: "bench".into(),
        configuration: "none".into(),
    }
}

/// HAProxy as a plain reverse proxy: one thread, keep-alive and pooled connections on both sides, no log.
///
/// It corks chunked answers: events of a paced stream leave it when the stream ends. That makes bursts cheap,
/// and no setting for a vendor that sends tokens one by one. So bursts are compared with it as it is, the
/// stricter measure, and paced streams with a frontend that has `http-no-delay`.
pub fn haproxy(program: &Path, upstream: SocketAddr, folder: &Path, no_delay: bool) -> Result<Subject> {
    let (plain, prompt) = (free_address()?, free_address()?);
    let configuration = format!(
        "global\n    nbthread 1\n    maxconn 8192\n\
         defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n    \
         http-reuse always\n\
         frontend plain\n    bind {plain}\n    default_backend plain\n\
         backend plain\n    server upstream {upstream}\n\
         frontend prompt\n    bind {prompt}\n    option http-no-delay\n    default_backend prompt\n\
         backend prompt\n    option http-no-delay\n    server upstream {upstream}\n"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, &configuration)?;
    let mut command = pinned(MEASURED, program);
    command.args(["-db", "-q", "-f"]).arg(&file);
    let mut process = Process(command.spawn().context("cannot start HAProxy")?);
    await_port(&mut process, plain, "HAProxy (is the Debian package `haproxy` installed?)")?;
    let version = Command::new(program).arg("-v").output()?.stdout;
    let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    let all = if no_delay { "everything" } else { "paced streams only" };
    Ok(Subject {
        name: "HAProxy",
        address: if no_delay { prompt } else { plain },
        paced: Some(prompt),
        process: Some(process),
        key: "none".into(),
        model: "bench".into(),
        configuration: format!("{version}; 1 thread, http-reuse always, http-no-delay for {all}"),
    })
}

/// `weir up` on the manifests beside this file: with a key, its limit, prices, metrics and the usage log. `under`
/// is the command it is run by, if any.
pub fn weir(program: &Path, upstream: SocketAddr, folder: &Path, under: &[&str]) -> Result<Subject> {
    let manifests = include_str!("manifests.yaml").replace("UPSTREAM_PORT", &upstream.port().to_string());
    let files = folder.join("manifests");
    fs::create_dir_all(&files)?;
    fs::write(files.join("bench.yaml"), &manifests)?;
    let (address, admin) = (free_address()?.to_string(), free_address()?.to_string());
    let mut command = match under {
        [] => pinned(MEASURED, program),
        [first, rest @ ..] => {
            let mut command = pinned(MEASURED, Path::new(first));
            command.args(rest).arg(program);
            command
        }
    };
    command.arg("up").arg(&files).args(["--listen", &address, "--admin-listen", &admin]);
    command.args(["-o", "json", "--threads", "1"]);
    command.arg("--state").arg(folder.join("state")).arg("--usage-log").arg(folder.join("usage.jsonl"));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start Weir")?;
    let stdout = child.stdout.take().context("Weir has no output")?;
    let mut process = Process(child);
    let ready = first_line(stdout).context("Weir did not say that it is ready")?;
    let ready: Value = serde_json::from_str(&ready).with_context(|| format!("not JSON: {ready}"))?;
    let address = address.parse()?;
    await_port(&mut process, address, "Weir")?;
    let text = |path: &str| ready.pointer(path).and_then(Value::as_str).map(str::to_owned);
    Ok(Subject {
        name: "Weir",
        address,
        paced: None,
        process: Some(process),
        key: text("/keys/0/key").with_context(|| format!("no key in {ready}"))?,
        model: text("/models/0")
            .or_else(|| text("/models/0/name"))
            .with_context(|| format!("no model in {ready}"))?,
        configuration: format!("manifests {:016x}", hash(include_str!("manifests.yaml"))),
    })
}

/// The first line; the rest is read and dropped, so that a full pipe never stalls what we measure.
fn first_line(stdout: ChildStdout) -> Result<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Only the first is awaited; later ones find nobody.
            let _ = send.send(line);
        }
    });
    Ok(receive.recv_timeout(PATIENCE)?)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
