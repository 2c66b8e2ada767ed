//! What a format is, which there are, and which one is written (semantics S8.4): the newest that every pod reads.

use super::form::Form;
use super::fragment::Fragment;
use super::index::Index;
use crate::{Gateway, Key, ObjectName, Provider, Route, Secret};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The formats that this version reads and writes, the oldest first.
pub const FORMATS: &[u32] = &[1, 2, 3];

/// One of [`FORMATS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    One,
    Two,
    Three,
}

impl Known {
    /// The format of this number; nothing if this version does not know it.
    pub(super) fn of(format: u32) -> Option<Self> {
        match format {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            3 => Some(Self::Three),
            _ => None,
        }
    }
}

/// What stands before and after one list of a part's objects.
pub(super) type Section = (&'static str, &'static str);

/// How a format writes down each kind of object. The lists of a part are in the order of these.
pub(super) trait Format {
    type Gateway: Form<Gateway> + Serialize + DeserializeOwned;
    type Provider: Form<Provider> + Serialize + DeserializeOwned;
    type Route: Form<Route> + Serialize + DeserializeOwned;
    type Key: Form<Key> + Serialize + DeserializeOwned;
    type Credential: Form<(ObjectName, Secret)> + Serialize + DeserializeOwned;
    type Index: Form<Index> + Serialize + DeserializeOwned;

    /// The lists of a part that is not secret: gateways, providers, routes.
    const PUBLIC: &'static [Section];
    /// The lists of a secret part: keys, credentials.
    const SECRET: &'static [Section];

    /// Reads a part that is not secret.
    fn public(json: &[u8]) -> serde_json::Result<Fragment>;

    /// Reads a secret part.
    fn secret(json: &[u8]) -> serde_json::Result<Fragment>;
}

/// The format to write for `pods`, by one who can write `writes`: the newest that all of them read. Each pod comes with
/// the formats that it reads, or with nothing while it has not said so: such a one may be of any version, so nothing
/// newer than `published` is written for it, the format that is there now (0: nothing is).
///
/// Without pods it is the newest of all. Where they have none in common it is the oldest of `writes`: pods that cannot
/// read that keep what they run. It is 0 only if `writes` is empty.
pub fn choose_format<'a>(
    pods: impl Iterator<Item = Option<&'a [u32]>>,
    published: u32,
    writes: &[u32],
) -> u32 {
    let mut common = writes.to_vec();
    for pod in pods {
        common.retain(|format| match pod {
            Some(reads) => reads.contains(format),
            None => *format <= published,
        });
    }
    let newest = common.into_iter().max();
    newest.or_else(|| writes.iter().copied().min()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{FORMATS, Known, choose_format};

    fn check(pods: &[Option<&[u32]>], published: u32, writes: &[u32], expected: u32) {
        let chosen = choose_format(pods.iter().copied(), published, writes);
        assert_eq!(chosen, expected, "{pods:?} with {published}, of {writes:?}");
    }

    #[test]
    fn s8_4_the_newest_format_that_all_pods_read_is_written() {
        check(&[], 0, &[1, 2], 2);
        check(&[], 1, &[1, 2], 2);
        check(&[Some(&[1, 2]), Some(&[1])], 2, &[1, 2], 1);
        check(&[Some(&[1, 2]), Some(&[2, 3])], 1, &[1, 2], 2);
        check(&[Some(&[1, 2]), Some(&[1, 2])], 1, &[2, 1], 2);
        check(&[Some(&[1, 2, 3]), Some(&[1, 2])], 3, &[1, 2, 3], 2);
        check(&[Some(&[2, 3]), Some(&[1, 2, 3])], 2, &[1, 2, 3], 3);
    }

    #[test]
    fn s8_4_without_a_common_format_the_oldest_is_written() {
        check(&[Some(&[1]), Some(&[3])], 2, &[2, 3], 2);
        check(&[Some(&[])], 2, &[1, 2], 1);
    }

    #[test]
    fn s8_10_for_a_pod_that_has_not_said_what_it_reads_nothing_newer_is_written_than_is_there() {
        check(&[None], 1, &[1, 2], 1);
        check(&[None, Some(&[1, 2])], 1, &[1, 2], 1);
        check(&[None, Some(&[1, 2])], 2, &[1, 2], 2);
        check(&[None, Some(&[1])], 2, &[1, 2], 1);
        check(&[None], 0, &[1, 2], 1);
        // After a rollback of the operator: pods that read format 3 read the one before it.
        check(&[None], 3, &[1, 2], 2);
    }

    #[test]
    fn s8_4_every_format_that_is_claimed_is_known() {
        let known: Vec<u32> = (0..100).filter(|format| Known::of(*format).is_some()).collect();
        assert_eq!(known, FORMATS);
        assert!(FORMATS.is_sorted() && FORMATS.len() >= 2, "a pod reads two at least");
    }
}
