//! Which format is written (semantics S8.4): the newest that every pod reads.

/// The formats that this version reads. It writes the last.
pub const FORMATS: &[u32] = &[1];

/// The format to write for pods that read `pods`, by one who can write `writes`: the newest that all of them read.
/// Without pods the newest of all. Where they have none in common the oldest of `writes`: pods that cannot read it
/// keep what they run. 0 only if `writes` is empty.
pub fn choose_format<'a>(pods: impl Iterator<Item = &'a [u32]>, writes: &[u32]) -> u32 {
    let mut common = writes.to_vec();
    for pod in pods {
        common.retain(|format| pod.contains(format));
    }
    let newest = common.into_iter().max();
    newest.or_else(|| writes.iter().copied().min()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::choose_format;

    fn check(pods: &[&[u32]], writes: &[u32], expected: u32) {
        assert_eq!(choose_format(pods.iter().copied(), writes), expected, "{pods:?} of {writes:?}");
    }

    #[test]
    fn s8_4_the_newest_format_that_all_pods_read_is_written() {
        check(&[], &[1, 2], 2);
        check(&[&[1, 2], &[1]], &[1, 2], 1);
        check(&[&[1, 2], &[2, 3]], &[1, 2], 2);
        check(&[&[1, 2], &[1, 2]], &[2, 1], 2);
    }

    #[test]
    fn s8_4_without_a_common_format_the_oldest_is_written() {
        check(&[&[1], &[3]], &[2, 3], 2);
        check(&[&[]], &[1, 2], 1);
    }
}
