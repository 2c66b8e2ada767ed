//! How much memory this process may take: what its control groups allow, and what the machine has.

use std::fs::read_to_string;
use std::path::Path;

/// In bytes.
pub(super) fn allowed_bytes() -> u64 {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = machine_bytes().unwrap_or(1 << 30);
    group_bytes(&groups, Path::new("/sys/fs/cgroup")).map_or(machine, |group| group.min(machine))
}

/// The least that a control group allows of those that hold this process; `groups` as `/proc/self/cgroup` names them,
/// `root` where they are mounted. Both hierarchies (cgroups(7)): the second's line is `0::PATH`, the first's
/// `NUMBER:CONTROLLERS:PATH`. In a container the path may be the host's, and only its own group be mounted.
fn group_bytes(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let (_, line) = line.split_once(':')?;
        let (controllers, path) = line.split_once(':')?;
        let (mount, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let within = Path::new(path.trim_start_matches('/'));
        within.ancestors().filter_map(|group| number(&mount.join(group).join(file))).min()
    });
    limits.min()
}

/// `None` as well where there is no bound: `max`.
fn number(file: &Path) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok()
}

fn machine_bytes() -> Option<u64> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn s9_3_the_least_that_a_group_around_the_process_allows_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for (file, text) in [
            ("memory.max", "9000\n"),
            ("system.slice/memory.max", "max\n"),
            ("system.slice/weir.service/memory.max", "5000\n"),
            ("other/memory.max", "1\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/pods/memory.limit_in_bytes", "3000\n"),
            ("memory/pods/one/memory.limit_in_bytes", "4000\n"),
        ] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        for (groups, bytes) in [
            ("0::/system.slice/weir.service\n", Some(5000)),
            ("0::/system.slice\n", Some(9000)),
            ("0::/\n", Some(9000)),
            ("0::/a/path/of/the/host\n", Some(9000)),
            ("4:memory:/pods/one\n1:cpu:/other\n", Some(3000)),
            ("4:cpu,memory:/\n", Some(9_223_372_036_854_771_712)),
            ("5:cpu:/other\n0::/system.slice/weir.service\n4:memory:/pods/one\n", Some(3000)),
            ("5:devices:/\n", None),
            ("", None),
            ("nonsense\n:\n::\n", Some(9000)),
        ] {
            assert_eq!(group_bytes(groups, root), bytes, "{groups:?}");
        }
    }
}
