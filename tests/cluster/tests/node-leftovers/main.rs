//! However the owner of a cluster with a node ends, the machine is as it was: processes, mounts, links, control
//! groups, folders. A program of its own, for it must see the machine: the other tests with a node run in namespaces.
#![expect(clippy::unwrap_used, reason = "a test that is not what it expects has failed")]

mod owner;

use owner::{Machine, Owner, kill};
use std::process::{Command, ExitStatus};
use tokio::sync::Mutex;

/// One at a time: each looks at the whole machine.
static TURN: Mutex<()> = Mutex::const_new(());

fn inside(script: &str) -> ExitStatus {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir-cluster"));
    command.args(["inside", "--", "sh", "-c", script]).status().unwrap()
}

#[test]
fn a_program_inside_ends_as_it_does_outside_and_takes_its_orphans_along() {
    let _turn = TURN.blocking_lock();
    let before = Machine::now();
    assert_eq!(inside("exit 7").code(), Some(7));
    assert_eq!(inside("kill -9 $$").code(), Some(128 + 9));
    assert_eq!(inside("sleep 3600 & exit 0").code(), Some(0));
    // One that is nobody's child any more is not taken for the program.
    assert_eq!(inside("(true &) ; sleep 0.2; ip link show lo | grep -q lo").code(), Some(0));
    assert_eq!(Machine::now(), before);
}

#[tokio::test]
async fn a_cluster_with_a_running_pod_leaves_nothing_when_it_is_told_to_end() {
    let _turn = TURN.lock().await;
    let before = Machine::now();
    let mut owner = Owner::start(tempfile::tempdir().unwrap());
    owner.run_a_pod().await;
    assert!(owner.cgroups() > 0 && owner.folders() == 1, "there is something to be removed");
    drop(owner.stdin.take());
    assert!(owner.process.wait().unwrap().success());
    assert_eq!((owner.processes(), owner.cgroups(), owner.folders()), (0, 0, 0));
    assert_eq!(Machine::now(), before);
}

#[tokio::test]
async fn a_killed_owner_leaves_nothing() {
    let _turn = TURN.lock().await;
    let before = Machine::now();
    let mut owner = Owner::start(tempfile::tempdir().unwrap());
    owner.run_a_pod().await;
    owner.process.kill().unwrap();
    owner.process.wait().unwrap();
    owner.until("all is gone", || owner.processes() + owner.cgroups() + owner.folders() == 0).await;
    assert_eq!(Machine::now(), before);
}

#[tokio::test]
async fn what_a_killed_supervisor_could_not_remove_goes_with_the_next_start() {
    let _turn = TURN.lock().await;
    let before = Machine::now();
    let mut owner = Owner::start(tempfile::tempdir().unwrap());
    owner.run_a_pod().await;
    kill(owner.supervisor);
    assert!(!owner.process.wait().unwrap().success(), "it knows that it was not in order");
    owner.until("the processes are gone", || owner.processes() == 0).await;
    assert!(owner.cgroups() > 0 && owner.folders() == 1, "nobody was there to remove them");

    let next = Command::new(env!("CARGO_BIN_EXE_weir-cluster"))
        .env("TMPDIR", owner.temporary.path())
        .args(["inside", "--", "true"])
        .status();
    assert!(next.unwrap().success());
    assert_eq!((owner.cgroups(), owner.folders()), (0, 0));
    assert_eq!(Machine::now(), before);
}
