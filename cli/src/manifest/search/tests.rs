//! Folders as people, kubelets and package managers leave them.

use super::*;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use tempfile::TempDir;

/// A folder with these files; with `->` in its name, a link to what follows.
fn tree<const N: usize>(names: [&str; N]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let (name, target) = name.split_once(" -> ").map_or((name, None), |(name, to)| (name, Some(to)));
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match target {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, "{}").unwrap(),
        }
    }
    folder
}

fn search_in(folder: &TempDir, names: &[&str]) -> Found {
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    search(&paths, None)
}

/// The files, without the folder that all are in.
fn files(folder: &TempDir, found: &Found) -> Vec<String> {
    let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
    found.files.iter().map(name).collect()
}

/// What is said, and how loudly: about links, pipes and folders, and what cannot be read.
fn said(found: &Found) -> Vec<(Severity, &str)> {
    found.problems.iter().map(|problem| (problem.severity, problem.message.as_str())).collect()
}

/// These files are found from these paths, and there is nothing to say.
fn finds<const N: usize>(folder: &TempDir, names: &[&str], expected: [&str; N]) {
    let found = search_in(folder, names);
    assert_eq!(files(folder, &found), expected, "from {names:?}");
    assert_eq!((said(&found), &found.unread), (Vec::new(), &BTreeMap::new()), "from {names:?}");
}

#[test]
fn a_folder_is_searched_to_the_bottom_in_the_order_of_names_without_what_is_hidden() {
    let names = ["b.yml", "a/z.yaml", "a/.hidden.yaml", ".git/x.yaml", "c.json", "README.md", "~.txt"];
    let folder = tree(names);
    finds(&folder, &["", "README.md"], ["README.md", "a/z.yaml", "b.yml", "c.json"]);
}

#[test]
fn s8_14_a_link_to_a_folder_that_it_lies_in_changes_nothing() {
    let folder = tree(["m/a.yaml", "m/b/c.yaml", "m/self -> .", "m/b/up -> ..", "m/b/twice -> ../b/up"]);
    finds(&folder, &["m"], ["m/a.yaml", "m/b/c.yaml"]);
    // Also one that is named itself.
    finds(&folder, &["m/self"], ["m/self/a.yaml", "m/self/b/c.yaml"]);
}

#[test]
fn s8_14_a_circle_that_leads_out_of_the_root_is_not_walked_and_that_is_said() {
    let folder = tree(["m/a.yaml", "m/up -> ..", "m/root -> /", "beside.yaml", "n/b.yaml"]);
    let found = search_in(&folder, &["m"]);
    assert_eq!(files(&folder, &found), ["m/a.yaml"]);
    let said = said(&found);
    for (link, (severity, why)) in ["m/root", "m/up"].into_iter().zip(&said) {
        assert_eq!(*severity, Severity::Info);
        assert!(why.contains(&format!("{link} is a link to a folder that contains it")), "{why}");
    }
    assert_eq!(said.len(), 2);
    assert_eq!(found.folders.len(), 1);
    // Nothing is missed where that folder is named, too.
    finds(&tree(["m/a.yaml", "m/up -> ..", "b.yaml"]), &["m", ""], ["b.yaml", "m/a.yaml"]);
}

#[test]
fn s8_14_folders_that_link_to_each_other_are_read_once_each() {
    // As a package manager links packages: without a memory, each way between them would be walked.
    let names: Vec<String> = (0..12).map(|n| format!("p{n:02}")).collect();
    let folder = tempfile::tempdir().unwrap();
    for name in &names {
        let of = folder.path().join(name);
        fs::create_dir(&of).unwrap();
        fs::write(of.join("a.yaml"), "{}").unwrap();
        names
            .iter()
            .for_each(|other| symlink(format!("../{other}"), of.join(format!("to-{other}"))).unwrap());
    }
    let expected: Vec<String> = names.iter().map(|name| format!("{name}/a.yaml")).collect();
    let found = search_in(&folder, &[""]);
    assert_eq!(files(&folder, &found), expected);
    assert_eq!(found.folders.len(), 13);
}

#[test]
fn s8_14_a_file_is_known_by_the_path_with_the_fewest_links() {
    let folder = tree(["m/a.yaml -> z/real.yaml", "m/b.yaml -> a.yaml", "m/c -> z", "m/z/real.yaml"]);
    finds(&folder, &["m"], ["m/z/real.yaml"]);
    fs::hard_link(folder.path().join("m/z/real.yaml"), folder.path().join("m/hard.yaml")).unwrap();
    finds(&folder, &["m"], ["m/hard.yaml"]);
    // What is named is known by that name.
    finds(&folder, &["m", "m/b.yaml"], ["m/b.yaml"]);
    finds(&folder, &["m/c", "m"], ["m/c/real.yaml"]);
}

#[test]
fn s8_14_links_out_of_the_root_are_followed() {
    let folder =
        tree(["m/far -> ../far", "m/one.yaml -> ../one.txt", "far/a.yaml", "far/back -> ../m", "one.txt"]);
    finds(&folder, &["m"], ["m/far/a.yaml", "m/one.yaml"]);
}

#[test]
fn s8_14_a_mounted_config_map_is_read_by_its_links() {
    let folder = tree([
        "m/..2026_1/a.yaml",
        "m/..2026_1/b.yaml",
        "m/..data -> ..2026_1",
        "m/a.yaml -> ..data/a.yaml",
        "m/b.yaml -> ..data/b.yaml",
    ]);
    finds(&folder, &["m"], ["m/a.yaml", "m/b.yaml"]);
}

#[test]
fn a_folder_whose_manifests_were_found_elsewhere_is_not_empty() {
    let folder = tree(["m/n/a.yaml"]);
    for names in [["m", "m/n"], ["m/n", "m"], ["m", "m"], ["m/n/a.yaml", "m"]] {
        finds(&folder, &names, ["m/n/a.yaml"]);
    }
    let folder = tree(["m/self -> ."]);
    let found = search_in(&folder, &["m"]);
    let [(Severity::Error, why)] = said(&found)[..] else { panic!("{found:?}") };
    assert!(why.ends_with("/m holds no manifests: they end in .yaml, .yml or .json"), "{why}");
}

#[test]
fn s8_14_a_link_that_leads_nowhere_is_named_with_what_to_do() {
    let folder = tree([
        "a.yaml",
        "gone.yaml -> missing.yaml",
        "in-a-file.yaml -> a.yaml/b",
        "loop.yaml -> loop.yaml",
        "old -> missing",
        "README.md -> missing",
    ]);
    let found = search_in(&folder, &[""]);
    assert_eq!(files(&folder, &found), ["a.yaml"]);
    let nowhere = "which is not there: put it there, or remove the link";
    let expected = [
        (Severity::Error, format!("/gone.yaml is a link to missing.yaml, {nowhere}")),
        (Severity::Error, format!("/in-a-file.yaml is a link to a.yaml/b, {nowhere}")),
        (
            Severity::Error,
            "/loop.yaml is a link to loop.yaml, which leads back to it: mend or remove the link".into(),
        ),
        (Severity::Info, format!("/old is a link to missing, {nowhere}")),
    ];
    let said = said(&found);
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for ((severity, why), (is, ends)) in said.iter().zip(&expected) {
        assert!(severity == is && why.ends_with(ends.as_str()), "{why}");
    }
    // What is not there hides nothing.
    assert!(found.unread.is_empty(), "{found:?}");
}

#[test]
fn s8_14_what_is_no_file_is_passed_over_and_that_is_said_if_it_looks_like_a_manifest() {
    let folder = tree(["a.yaml", "device.yaml -> /dev/zero", "linked.yaml -> pipe"]);
    for name in ["pipe", "pipe.yaml"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join(name), 0o600.into()).unwrap();
    }
    let _socket = UnixListener::bind(folder.path().join("socket.json")).unwrap();
    let found = search_in(&folder, &[""]);
    assert_eq!(files(&folder, &found), ["a.yaml"]);
    let expected = [
        "pipe.yaml is a pipe",
        "socket.json is a socket",
        "device.yaml is a device",
        "linked.yaml is a pipe",
    ];
    let said = said(&found);
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for ((severity, why), part) in said.iter().zip(expected) {
        assert!(*severity == Severity::Warning && why.contains(part), "{why}");
    }
}

#[test]
fn a_folder_that_lies_too_deep_hides_what_is_in_it() {
    let deep = ["d"; MAX_DEPTH + 1].join("/");
    let folder = tree(["a.yaml", &format!("{deep}/b.yaml")]);
    let found = search_in(&folder, &[""]);
    assert_eq!(files(&folder, &found), ["a.yaml"]);
    let (path, why) = found.unread.first_key_value().unwrap();
    assert!(path.ends_with(&deep) && why.contains("lies too deep"), "{path:?} {why}");
}

#[test]
fn with_too_many_files_all_that_was_named_counts_as_unread() {
    let folder = tree(["m/x.yaml", "other/y.yaml"]);
    (0..=MAX_FILES).for_each(|n| fs::write(folder.path().join(format!("m/{n}.yaml")), "").unwrap());
    let found = search_in(&folder, &["m", "other"]);
    let unread: Vec<&PathBuf> = found.unread.keys().collect();
    assert_eq!(unread, [&folder.path().join("m"), &folder.path().join("other")]);
    assert!(found.unread.values().all(|why| why.contains("is too large: name the folder")), "{found:?}");
}
