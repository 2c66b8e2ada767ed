//! The cluster's control groups: the only thing outside of its namespaces, so the only thing that must be removed.
//!
//! A group's name says which process it belongs to and when that began: a group whose process is gone was left by a
//! killed run, and goes when the next begins.

use crate::wait;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "weir-cluster-";
/// The kernel takes the processes out of a group some time after they are dead.
const EMPTY: Duration = Duration::from_secs(10);

/// The name for a cluster that this process looks after.
///
/// # Errors
/// There is no /proc.
pub(super) fn name() -> Result<String> {
    let pid = std::process::id().to_string();
    let begun = begun(&pid).context("read when this process began from /proc")?;
    Ok(format!("{PREFIX}{pid}-{begun}"))
}

/// Where the hierarchies are mounted: one for all controllers, or one for each and perhaps a second version's without
/// any, which is used for names alone.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    if is_unified(root) {
        return vec![root.to_owned()];
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    // A link is a controller that shares another's.
    entries.filter(|it| it.file_type().is_ok_and(|it| it.is_dir())).map(|it| it.path()).collect()
}

fn is_unified(hierarchy: &Path) -> bool {
    hierarchy.join("cgroup.controllers").exists()
}

/// Makes the group in every hierarchy.
pub(super) fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        let group = hierarchy.join(name);
        fs::create_dir(&group).with_context(|| format!("create {}", group.display()))?;
        if is_unified(&hierarchy) {
            delegate(&hierarchy);
        }
        for file in ["cpuset.cpus", "cpuset.mems"] {
            inherit(&hierarchy, &group, file)?;
        }
    }
    Ok(())
}

/// The first version gives a new group no processor and no memory, and then no process may join.
fn inherit(hierarchy: &Path, group: &Path, file: &str) -> Result<()> {
    if is_unified(hierarchy) || !group.join(file).exists() {
        return Ok(());
    }
    let value = fs::read(hierarchy.join(file)).with_context(|| format!("read {file}"))?;
    fs::write(group.join(file), value).with_context(|| format!("write {file}"))
}

/// Lets groups use what there is; kubelet says what it misses.
fn delegate(hierarchy: &Path) {
    let controllers = fs::read_to_string(hierarchy.join("cgroup.controllers")).unwrap_or_default();
    for controller in controllers.split_whitespace() {
        let _ = fs::write(hierarchy.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// Removes the group in every hierarchy, once its processes are gone.
///
/// # Errors
/// They don't go.
pub(super) async fn remove(name: &str) -> Result<()> {
    let groups: Vec<PathBuf> = hierarchies().iter().map(|hierarchy| hierarchy.join(name)).collect();
    wait::until("the control groups are empty", EMPTY, async || {
        groups.iter().for_each(|group| remove_tree(group));
        Ok(groups.iter().all(|group| !group.exists()).then_some(()))
    })
    .await
}

/// As far as it goes: a group with processes stays.
fn remove_tree(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// Removes what killed runs have left.
pub(super) fn sweep() {
    for hierarchy in hierarchies() {
        for entry in fs::read_dir(hierarchy).into_iter().flatten().flatten() {
            if is_left(&entry.file_name().to_string_lossy()) {
                remove_tree(&entry.path());
            }
        }
    }
}

fn is_left(name: &str) -> bool {
    let owner = name.strip_prefix(PREFIX).and_then(|owner| owner.split_once('-'));
    owner.is_some_and(|(pid, time)| begun(pid).is_none_or(|begun| begun != time))
}

/// When a process began, in ticks since the machine did; nothing if there is none.
fn begun(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything, in parentheses.
    Some(stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_left_when_its_process_is_gone_or_another() {
        let ours = name().unwrap();
        assert!(!is_left(&ours));
        assert!(is_left(&format!("{ours}0")), "began later: the number was given again");
        assert!(is_left("weir-cluster-4294967295-1"), "no such process");
        assert!(
            ["weir-cluster", "weir-cluster-", "docker-1-1", "system.slice"].iter().all(|it| !is_left(it))
        );
    }

    #[test]
    fn a_tree_goes_whole_and_what_is_not_empty_stays() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("group");
        fs::create_dir_all(group.join("pods/a")).unwrap();
        fs::create_dir_all(group.join("pods/b")).unwrap();
        fs::write(group.join("pods/b/held"), "").unwrap();
        remove_tree(&group);
        assert!(!group.join("pods/a").exists() && group.join("pods/b").exists());
        fs::remove_file(group.join("pods/b/held")).unwrap();
        remove_tree(&group);
        assert!(!group.exists());
    }
}
