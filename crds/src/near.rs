//! "Did you mean": the known name that a misspelt one is near to.

/// The one of `known` that is at most two edits from `text`, case, `_` and `-` aside; `None` if there is none,
/// or if the edits are more than half of the name.
pub(crate) fn nearest<T, N: AsRef<str>>(
    text: &str,
    known: impl IntoIterator<Item = T>,
    name: impl Fn(T) -> N,
) -> Option<T>
where
    T: Copy,
{
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
    };
    let text = plain(text);
    known
        .into_iter()
        .map(|item| {
            let name = plain(name(item).as_ref());
            (strsim::osa_distance(&text, &name), name.chars().count(), item)
        })
        .filter(|(edits, length, _)| *edits <= 2 && edits * 2 <= *length)
        .min_by_key(|(edits, ..)| *edits)
        .map(|(.., item)| item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let known = ["models", "maxAttempts", "url", "zone"];
        let near = |text| nearest(text, known, |name| name);
        assert_eq!(near("modles"), Some("models"));
        assert_eq!(near("max_attempts"), Some("maxAttempts"));
        assert_eq!(near("URL"), Some("url"));
        assert_eq!(near("urls"), Some("url"));
        assert_eq!(near("to"), None);
        assert_eq!(near("prices"), None);
    }
}
