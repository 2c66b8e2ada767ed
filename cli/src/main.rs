//! Weir on a laptop: the gateway from manifests, without a cluster.
fn main() {}
