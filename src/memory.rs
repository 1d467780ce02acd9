//! How much memory is left: on this machine, and for the group of processes that this one is in (a container, a unit of systemd's).
//! Both as the kernel tells it; where it does not, nobody is refused anything.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Where the groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// What must be left beside what something is known to need, for all that goes on meanwhile.
pub(crate) const SPARE_BYTES: u64 = 32 << 20;

/// Whether there is room for so many bytes. In doubt there is. `Err`: how much is left.
pub(crate) fn check(bytes: u64) -> Result<(), u64> {
    match available_bytes() {
        Some(left) if left < bytes.saturating_add(SPARE_BYTES) => Err(left),
        _ => Ok(()),
    }
}

/// Bytes that this process may still take without others being driven out, or itself being ended. `None`: the system does not tell.
pub(crate) fn available_bytes() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok()?;
    let swap = field(&machine, "SwapFree:").map_or(0, kib);
    let machine = kib(field(&machine, "MemAvailable:")?).saturating_add(swap);
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(groups_left(Path::new(GROUPS), &groups, swap).map_or(machine, |left| left.min(machine)))
}

fn kib(number: u64) -> u64 {
    number.saturating_mul(1024)
}

/// The number behind a name, in a text of such lines.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '\t'])))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The least that is left in the groups that `/proc/self/cgroup` names, and in those around them.
fn groups_left(root: &Path, named: &str, swap: u64) -> Option<u64> {
    let groups = named.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => Some((root.to_owned(), path, &V2)),
            _ if controllers.split(',').any(|name| name == "memory") => Some((root.join("memory"), path, &V1)),
            _ => None,
        }
    });
    let around = groups.flat_map(|(root, path, names)| {
        let own = root.join(path.trim_start_matches('/'));
        let above: Vec<PathBuf> =
            own.ancestors().take_while(|group| group.starts_with(&root)).map(Path::to_owned).collect();
        above.into_iter().filter_map(move |group| left(&group, names, swap))
    });
    around.min()
}

/// What the files of a group are called.
struct Names {
    most: &'static str,
    used: &'static str,
    /// Of pages that only hold what the disk has.
    files: [&'static str; 2],
    swap: Option<[&'static str; 2]>,
}

const V2: Names = Names {
    most: "memory.max",
    used: "memory.current",
    files: ["active_file", "inactive_file"],
    swap: Some(["memory.swap.max", "memory.swap.current"]),
};
const V1: Names = Names {
    most: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    files: ["total_active_file", "total_inactive_file"],
    swap: None,
};

/// What is left in one group. `None`: it has no limit.
fn left(group: &Path, names: &Names, swap: u64) -> Option<u64> {
    let read = |name: &str| read_to_string(group.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (most, used) = (number(names.most)?, number(names.used)?);
    let stat = read("memory.stat").unwrap_or_default();
    let files = names.files.iter().filter_map(|name| field(&stat, name)).fold(0, u64::saturating_add);
    // "max" is no number: then all swap of the machine may be used.
    let swapped = names.swap.map_or(0, |[most, used]| {
        number(most).map_or(swap, |most| most.saturating_sub(number(used).unwrap_or(0)).min(swap))
    });
    Some(most.saturating_sub(used.saturating_sub(files)).saturating_add(swapped))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path, name: &str, files: &[(&str, &str)]) {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
    }

    #[test]
    fn this_machine_tells() {
        assert!(available_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(check(1 << 20).is_ok());
        assert!(check(1 << 50).is_err_and(|left| left < 1 << 50) && check(u64::MAX).is_err());
    }

    #[test]
    fn the_narrowest_group_counts_and_what_only_repeats_the_disk_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        group(root, "a", &[("memory.max", "1000\n"), ("memory.current", "400\n")]);
        let stat = "anon 300\nactive_file 40\ninactive_file 60\ninactive_file_x 9\n";
        group(root, "a/b", &[("memory.max", "500\n"), ("memory.current", "400\n"), ("memory.stat", stat)]);
        group(root, "a/b/c", &[("memory.max", "max\n"), ("memory.current", "1\n")]);
        assert_eq!(groups_left(root, "0::/a/b/c\n", 0), Some(200));
        assert_eq!(groups_left(root, "0::/a\n", 0), Some(600));
        assert_eq!(groups_left(root, "0::/a/b\n", 50), Some(250), "and swap");
        group(root, "a/b", &[("memory.swap.max", "30\n"), ("memory.swap.current", "20\n")]);
        assert_eq!(groups_left(root, "0::/a/b\n", 50), Some(210), "as far as the group may use it");
        assert_eq!(groups_left(root, "0::/elsewhere\n", 0), None);
    }

    #[test]
    fn the_older_kind_of_groups_counts_too() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let files = [
            ("memory.limit_in_bytes", "1000\n"),
            ("memory.usage_in_bytes", "900\n"),
            ("memory.stat", "active_file 1\ntotal_active_file 100\ntotal_inactive_file 50\n"),
        ];
        group(root, "memory", &files);
        let named = "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/docker/1\n";
        assert_eq!(groups_left(root, named, 70), Some(250), "in a container its own group stands at the top");
    }
}
