//! What lies in a folder beside manifests, and manifests that cannot be read: nothing of it stops edits.

use crate::links::{is_seen, route};
use crate::process::{Up, folder, run, shop, weir};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn s8_14_pipes_and_sockets_are_never_waited_for() {
    let shop = shop();
    pipe(&shop.path().join("pipe.yaml"));
    let _socket = UnixListener::bind(shop.path().join("socket.yaml")).unwrap();
    let (code, out, _) = run(weir().arg("lint").arg(shop.path()));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("pipe.yaml is a pipe and passed over"), "{out}");
    assert!(out.ends_with("3 files, 3 objects: 0 errors, 2 warnings\n"), "{out}");
    let up = Up::start(shop.path());
    is_seen(&up, "two", || fs::write(shop.path().join("route.yaml"), route("two")).unwrap());
}

#[test]
fn s8_14_a_pipe_in_the_place_of_a_named_file_stops_no_other_edit() {
    let (shop, state) = (shop(), folder([]));
    let file = |name: &str| shop.path().join(name);
    let named = ["key.yaml", "provider.yaml", "route.yaml"].map(file);
    let up = Up::start_with(weir().arg("up").args(&named).arg("--state").arg(state.path()));
    fs::remove_file(file("provider.yaml")).unwrap();
    pipe(&file("provider.yaml"));
    up.hears("provider.yaml is a pipe now: put a file in its place");
    is_seen(&up, "two", || fs::write(file("route.yaml"), route("two")).unwrap());
    up.signal("TERM");
    assert_eq!(up.ends(), Some(0));
}

#[test]
fn a_file_that_grows_too_large_keeps_its_objects_until_it_is_smaller() {
    let shop = shop();
    let file = shop.path().join("route.yaml");
    let up = Up::start(shop.path());
    let large =
        |megabytes: usize, model: &str| route(model) + &"# as logs are\n".repeat((megabytes << 20) / 14);
    fs::write(&file, large(11, "large")).unwrap();
    let said = up.hears("too large");
    assert!(said.contains("route.yaml is too large: a file may have 10 MiB: split it"), "{said}");
    assert_eq!((up.chat("chat").0, up.chat("large").0), (200, 404));
    is_seen(&up, "some", || fs::write(&file, large(4, "some")).unwrap());
}

/// Makes `command` run as somebody who is not root, whom no permission holds; `path` is theirs.
fn as_nobody(command: &mut Command, path: &Path) {
    if fs::metadata(path).unwrap().uid() == 0 {
        chown(path, Some(65534), Some(65534)).unwrap();
        command.uid(65534).gid(65534);
    }
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_may_not_be_read_is_named_with_what_to_do_and_keeps_its_objects() {
    let (shop, state, bin) = (shop(), folder([]), folder([]));
    // Where this binary lies not everybody may come.
    let program = bin.path().join("weir");
    fs::copy(weir().get_program(), &program).unwrap();
    fs::create_dir(shop.path().join("sub")).unwrap();
    fs::rename(shop.path().join("key.yaml"), shop.path().join("sub/key.yaml")).unwrap();
    [shop.path(), bin.path()].iter().for_each(|path| permit(path, 0o755));
    let mut command = Command::new(program);
    as_nobody(command.arg("up").arg(shop.path()).arg("--state").arg(state.path()), state.path());
    as_nobody(&mut command, &shop.path().join("sub"));
    let up = Up::start_with(&mut command);
    let remedy = "let this user read it";
    permit(&shop.path().join("provider.yaml"), 0);
    let said = up.hears("provider.yaml cannot be read: Permission denied");
    assert!(said.contains(remedy), "{said}");
    // Neither a folder that cannot be listed, nor one whose files cannot be come to.
    for mode in [0, 0o400, 0o100] {
        permit(&shop.path().join("sub"), mode);
        let said = up.hears("sub cannot be read: Permission denied");
        assert!(said.contains(remedy), "{mode:o}: {said}");
        permit(&shop.path().join("sub"), 0o755);
        let model = format!("after-{mode}");
        is_seen(&up, &model, || fs::write(shop.path().join("route.yaml"), route(&model)).unwrap());
    }
    permit(&shop.path().join("provider.yaml"), 0o644);
}
