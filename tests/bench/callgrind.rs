//! Counts Weir's user instructions per request with valgrind's callgrind, where the machine's own counters are not
//! to be had: the same total each time, whatever else runs.
//!
//! Two runs of different length; the difference between them is requests and nothing else. Callgrind's processor
//! has no SHA extensions, which every server processor of the last years has: hashing a key takes it thousands of
//! instructions in place of some two hundred. What it spends there is told apart.

use std::collections::HashMap;
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

/// Instructions per unary request of 1 KB.
#[derive(Debug, Clone, Copy)]
pub struct PerRequest {
    pub all: f64,
    /// Of these, in SHA-256 without the processor's help.
    pub sha256: f64,
    /// How many requests were sent for it.
    pub requests: u64,
}

/// Counts.
pub async fn per_request(program: &Path, upstream: SocketAddr, folder: &Path) -> Result<PerRequest> {
    let short = total(program, upstream, folder, SHORT).await?;
    let long = total(program, upstream, folder, LONG).await?;
    ensure!(long.0 > short.0, "callgrind counted {long:?} for {LONG} requests and {short:?} for {SHORT}");
    let each = |long: u64, short: u64| long.saturating_sub(short) as f64 / (LONG - SHORT) as f64;
    Ok(PerRequest { all: each(long.0, short.0), sha256: each(long.1, short.1), requests: SHORT + LONG })
}

/// Instructions of a whole life with `requests` requests, and those of SHA-256 among them.
async fn total(program: &Path, upstream: SocketAddr, folder: &Path, requests: u64) -> Result<(u64, u64)> {
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
    let total = total.and_then(|total| total.trim().parse().ok()).context("callgrind wrote no summary")?;
    Ok((total, own_cost(&text, "sha256")))
}

/// What functions whose names contain `part` cost themselves, without what they call. Of callgrind's format
/// (its manual, "Callgrind Format Specification"): `fn=(id) name` begins a function, the name only the first time;
/// a line of a position and a cost counts for it, unless it follows `calls=`.
fn own_cost(text: &str, part: &str) -> u64 {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let (mut counts, mut after_calls, mut cost) = (false, false, 0);
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            let name = if name.is_empty() { names.get(id).copied().unwrap_or("") } else { name };
            names.insert(id, name);
            if line.starts_with("fn=") {
                counts = name.contains(part);
            }
        } else if line.starts_with("calls=") {
            after_calls = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*')) {
            let own = !std::mem::take(&mut after_calls);
            let value = line.split(' ').nth(1).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
            cost += if own && counts { value } else { 0 };
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_costs_are_those_of_the_function_alone() {
        let text = "fn=(1) main\n10 5\ncfn=(2) sha2::sha256::compress\ncalls=1 1\n11 700\n+1 5\n\n\
                    fn=(2)\n1 600\ncfn=(1)\ncalls=1 1\n* 100\n-1 7\nfn=(1)\n3 9\nsummary: 1\n";
        assert_eq!(own_cost(text, "sha256"), 607);
        assert_eq!(own_cost(text, "main"), 19);
    }
}
