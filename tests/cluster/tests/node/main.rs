//! What only pods can show. `make test-node` runs it as root; the other tests of the cluster need no node.
fn main() {}
