//! What a node wants of the machine: said in one sentence at the start, instead of a failure in the middle.

use anyhow::{Result, ensure};
use std::path::Path;

/// Programs, and the Debian packages they are in.
const PROGRAMS: [(&str, &str); 9] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    ("conntrack", "conntrack"),
    ("nft", "nftables"),
    ("mount", "mount"),
    ("unshare", "util-linux"),
];
/// A package of files.
const PLUGIN: (&str, &str) = ("bridge", "containernetworking-plugins");

/// Looks for what a node needs.
///
/// # Errors
/// Something is missing; says what, and how to get it.
pub fn all() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "a test cluster with a node needs root, for it starts containerd and makes namespaces: \
         run it as root (`sudo make test-node`), or on a machine of its own; \
         `make test` and `make test-plane` need none"
    );
    let missing = missing(is_program, is_plugin);
    ensure!(
        missing.is_empty(),
        "a test cluster with a node needs programs that are not here: apt-get install {}",
        missing.join(" ")
    );
    Ok(())
}

/// Packages, without repetition, in the order of the alphabet.
fn missing(is_program: impl Fn(&str) -> bool, is_plugin: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !is_program(program)).map(|(_, package)| *package).collect();
    if !is_plugin(PLUGIN.0) {
        missing.push(PLUGIN.1);
    }
    missing.sort_unstable();
    missing.dedup();
    missing
}

fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).exists())
}

fn is_plugin(name: &str) -> bool {
    super::containerd::PLUGINS.iter().any(|folder| Path::new(folder).join(name).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_by_its_package_once() {
        let without = |absent: &'static [&'static str]| {
            missing(|name| !absent.contains(&name), |name| !absent.contains(&name))
        };
        assert!(without(&[]).is_empty());
        assert_eq!(without(&["ctr", "containerd"]), ["containerd"]);
        assert_eq!(
            without(&["nft", "bridge", "ip"]),
            ["containernetworking-plugins", "iproute2", "nftables"]
        );
    }
}
