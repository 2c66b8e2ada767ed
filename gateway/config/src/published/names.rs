//! What the objects of a published configuration are called.

use super::Store;

/// The key under which an index is in its ConfigMap's `data`.
pub const INDEX_KEY: &str = "index.json";
/// The key under which a part is in its ConfigMap's `binaryData` or its Secret's `data`.
pub const PART_KEY: &str = "part.zst";
/// At most so many parts of each store.
pub const MAX_SHARDS: u32 = 64;

/// The ConfigMap that holds the index of `gateway`, an `LLMGateway`'s `metadata.name`.
pub fn index_name(gateway: &str) -> String {
    format!("{gateway}-config")
}

/// Every name that a part of one gateway can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartNames {
    /// ConfigMaps: settings, providers, routes.
    pub config_maps: Vec<String>,
    /// Secrets: keys and credentials.
    pub secrets: Vec<String>,
}

/// The names that parts of `gateway` can have, whether they exist or not: what a Role lists as `resourceNames`.
pub fn part_names(gateway: &str) -> PartNames {
    let all = |store| (0..MAX_SHARDS).map(|shard| part_name(gateway, store, shard)).collect();
    PartNames { config_maps: all(Store::ConfigMap), secrets: all(Store::Secret) }
}

/// Two digits, so that names sort as numbers do.
pub(super) fn part_name(gateway: &str, store: Store, shard: u32) -> String {
    let word = match store {
        Store::ConfigMap => "public",
        Store::Secret => "secret",
    };
    format!("{gateway}-config-{word}-{shard:02}")
}
