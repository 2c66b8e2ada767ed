//! What is read, from what is there.

use super::*;
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

#[test]
fn what_this_process_writes_itself_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (file, below) = (folder.path().join("usage.json"), folder.path().join("below"));
    fs::create_dir(&below).unwrap();
    symlink(folder.path(), below.join("link")).unwrap();
    for path in [below.join("usage.json"), folder.path().join("a.yaml")] {
        fs::write(path, "").unwrap();
    }
    let source = Source::paths(vec![below.join("link")]).without(&file);
    fs::write(&file, "").unwrap();
    symlink("usage.json", folder.path().join("another.json")).unwrap();
    fs::hard_link(&file, folder.path().join("yet-another.json")).unwrap();
    let files = source.read().files;
    let names: BTreeSet<&str> = files.iter().filter_map(|file| file.file.split("link/").last()).collect();
    assert_eq!(names, BTreeSet::from(["a.yaml", "below/usage.json"]));
}

#[test]
fn what_cannot_be_read_is_said_for_each_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("binary.yaml"), b"a: \xff").unwrap();
    fs::File::create(file("large.yaml")).unwrap().set_len((10 << 20) + 1).unwrap();
    fs::create_dir(file("empty")).unwrap();
    let paths = ["missing.yaml", "binary.yaml", "large.yaml", "empty"].map(file).to_vec();
    let Look { files, problems, .. } = Source::paths(paths).read();
    let texts: Vec<&String> = files.iter().map(|file| file.text.as_ref().unwrap_err()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    for (part, why) in [("missing.yaml", "No such file"), ("binary.yaml", "UTF-8"), ("large.yaml", "10 MiB")]
    {
        assert!(texts.iter().any(|text| text.contains(part) && text.contains(why)), "{texts:?}");
    }
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.io && problem.message.contains("empty holds no manifests"), "{problem}");
}

#[test]
fn s8_14_a_named_file_that_a_pipe_replaces_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    fs::write(&file, "{}").unwrap();
    let source = Source::paths(vec![file.clone()]);
    fs::remove_file(&file).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, 0o600.into()).unwrap();
    let [FileText { text, .. }] = source.read().files.try_into().unwrap();
    assert!(text.unwrap_err().ends_with("a.yaml is a pipe now: put a file in its place"));
}
