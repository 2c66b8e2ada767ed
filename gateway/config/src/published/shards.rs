//! How many shards there are, and which one an object is in.

use super::MAX_SHARDS;
use crate::ObjectName;

/// Shards double when one would have more JSON than this on average.
const FULL: usize = 48 * 1024;
/// They halve when one has less than this: half of `FULL` even afterwards, so that a size in between swings nothing.
const SPARSE: usize = FULL / 4;

/// How many shards `bytes` of JSON go into, if there were `previous` before. A change of the number rewrites every
/// part, so it only follows large changes of size.
pub(super) fn count(bytes: usize, previous: Option<u32>) -> u32 {
    let known = previous.filter(|count| count.is_power_of_two() && *count <= MAX_SHARDS);
    let mut count = known.unwrap_or(1);
    let average = |count: u32| bytes / count as usize;
    while count < MAX_SHARDS && average(count) > FULL {
        count *= 2;
    }
    while known.is_some() && count > 1 && average(count) < SPARSE {
        count /= 2;
    }
    count
}

/// A stable hash of what an object is called; its remainder by the number of shards is its shard. CRC-32, because
/// it is defined once and for all and needs no cryptography: names are no attack, an uneven shard is only larger.
pub(super) fn hash(kind: &str, name: &ObjectName) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    for part in [kind, "/", &name.namespace, "/", &name.name] {
        hash.update(part.as_bytes());
    }
    hash.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_1_shards_grow_with_the_configuration() {
        assert_eq!(count(0, None), 1);
        assert_eq!(count(FULL, None), 1);
        assert_eq!(count(FULL * 5, None), 8);
        assert_eq!(count(FULL * 5, Some(4)), 8);
        assert_eq!(count(usize::MAX, Some(4)), MAX_SHARDS);
    }

    #[test]
    fn s8_1_shards_do_not_swing_around_a_size() {
        assert_eq!(count(FULL + 2, Some(1)), 2);
        assert_eq!(count(FULL - 2, Some(2)), 2);
        assert_eq!(count(FULL / 2 - 2, Some(2)), 1);
        assert_eq!(count(0, Some(MAX_SHARDS)), 1);
        for bytes in (0..FULL * 70).step_by(999) {
            let settled = count(bytes, Some(count(bytes, None)));
            assert_eq!(settled, count(bytes, Some(settled)), "{bytes} bytes");
        }
    }

    #[test]
    fn s8_1_a_count_that_is_no_count_is_passed_over() {
        assert_eq!(count(FULL * 2, Some(0)), 2);
        assert_eq!(count(FULL * 2, Some(3)), 2);
        assert_eq!(count(FULL * 2, Some(1 << 20)), 2);
    }

    #[test]
    fn s8_1_shards_are_about_even() {
        let mut sizes = [0; 64];
        for i in 0..6400 {
            sizes[hash("key", &ObjectName::new("team-a", format!("key-{i}"))) as usize % 64] += 1;
        }
        assert!(sizes.iter().all(|size| (50..200).contains(size)), "{sizes:?}");
    }

    #[test]
    fn s8_1_the_hash_is_what_it_always_was() {
        assert_eq!(hash("key", &ObjectName::new("a", "b")), crc32fast::hash(b"key/a/b"));
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
    }
}
