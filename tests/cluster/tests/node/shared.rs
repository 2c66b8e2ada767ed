//! The cluster that all tests share, and a test's place in it. A static is never dropped: the cluster goes when this
//! process does, with the namespaces that it is in.

use std::path::Path;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use weir_cluster::node::Node;
use weir_cluster::node::inside;

/// Either it runs, or nobody tries again: addresses and mounts are already as the first start left them.
static NODE: OnceCell<Result<Node, String>> = OnceCell::const_new();
/// Held by every test; who disturbs the others holds it alone.
static TURN: RwLock<()> = RwLock::const_new(());

/// A test's place: a namespace of its own. If the test fails, what happened there is printed.
pub(crate) struct Scene {
    pub(crate) node: &'static Node,
    pub(crate) namespace: String,
    _turn: Turn,
}

#[expect(dead_code, reason = "it is held, not looked at")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// Beside other tests.
pub(crate) async fn scene(prefix: &str) -> Scene {
    enter();
    scene_in(prefix, Turn::Shared(TURN.read().await)).await
}

/// While no other test runs: for who stops what all of them need.
pub(crate) async fn scene_alone(prefix: &str) -> Scene {
    enter();
    scene_in(prefix, Turn::Alone(TURN.write().await)).await
}

fn enter() {
    inside::again(Path::new(env!("CARGO_BIN_EXE_weir-cluster"))).unwrap();
}

async fn scene_in(prefix: &str, turn: Turn) -> Scene {
    let start = async || Node::start().await.map_err(|error| format!("{error:#}"));
    let node = NODE.get_or_init(start).await.as_ref().unwrap_or_else(|error| panic!("{error}"));
    let namespace = node.namespace(prefix).await.unwrap();
    Scene { node, namespace, _turn: turn }
}

impl Drop for Scene {
    /// Nothing waits for the namespace to go; but it goes, or its pods would leave no room for the next test's: a node
    /// has as many processors as the machine.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\n{}", self.node.account(&self.namespace), self.node.plane.tails());
        }
        let mut kubectl = self.node.plane.kubectl();
        kubectl.args(["delete", "namespace", &self.namespace, "--wait=false", "--request-timeout=10s"]);
        let _ = kubectl.stdout(std::process::Stdio::null()).status();
    }
}
