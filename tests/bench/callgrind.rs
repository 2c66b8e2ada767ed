//! Counts Weir's user instructions per request with valgrind's callgrind, where the machine's own counters are not
//! to be had: the same total each time, whatever else runs.
//!
//! Two runs of different length; the difference between them is requests and nothing else. Callgrind's processor
//! has no SHA extensions: hashing a key costs about 3,500 instructions there and 300 on a real one.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::client::{Connection, Expect};
use crate::load::{Ask, request};
use crate::subjects;

/// Requests of the short and of the long run; the first ones fill pools and caches.
const SHORT: u64 = 200;
const LONG: u64 = 1200;

/// Whether valgrind is installed.
pub fn available() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Instructions per unary request of 1 KB, and how many requests were sent for it.
pub async fn per_request(program: &Path, upstream: SocketAddr, folder: &Path) -> Result<(f64, u64)> {
    let short = total(program, upstream, folder, SHORT).await?;
    let long = total(program, upstream, folder, LONG).await?;
    ensure!(
        long > short,
        "callgrind counted {long} instructions for {LONG} requests and {short} for {SHORT}"
    );
    Ok(((long - short) as f64 / (LONG - SHORT) as f64, SHORT + LONG))
}

/// Instructions of a whole life with `requests` requests.
async fn total(program: &Path, upstream: SocketAddr, folder: &Path, requests: u64) -> Result<u64> {
    let folder = folder.join(format!("callgrind-{requests}"));
    fs::create_dir_all(&folder)?;
    let counts = folder.join("counts");
    let out = format!("--callgrind-out-file={}", counts.display());
    let subject = subjects::weir(program, upstream, &folder, &["valgrind", "-q", "--tool=callgrind", &out])?;
    let ask = Ask { body_bytes: 1024, expect: Expect::Json, paced: false };
    let request = request(&subject, ask);
    let mut connection = Connection::open(subject.address).await?;
    for _ in 0..requests {
        connection.exchange(&request, ask.expect, |_| {}).await?;
    }
    drop(connection);
    let process = subject.process.context("no process")?;
    process.end().context("Weir under callgrind did not end")?;
    let text = fs::read_to_string(&counts)?;
    let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind wrote no summary")
}
