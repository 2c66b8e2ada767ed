//! Whether an answer is an event stream, by how it begins: several servers label theirs as something else.

const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Looks at the beginning of an answer until it tells what the answer is. Every byte of white space is looked at once,
/// however small the pieces are that it comes in.
#[derive(Debug, Default)]
pub struct Beginning {
    /// So many bytes tell nothing: a mark and white space.
    blank: usize,
    told: Option<bool>,
}

impl Beginning {
    /// Whether an answer of which `bytes` have come, and these since the beginning, is an event stream; `None`: too
    /// few have come to tell.
    pub fn is_stream(&mut self, bytes: &[u8]) -> Option<bool> {
        const STARTS: [&[u8]; 5] = [b":", b"data:", b"event:", b"id:", b"retry:"];
        if self.told.is_some() {
            return self.told;
        }
        let unseen = bytes.get(self.blank..).unwrap_or_default();
        let is_first = self.blank == 0;
        let text = if is_first { unseen.strip_prefix(MARK).unwrap_or(unseen) } else { unseen };
        let text = text.trim_ascii_start();
        self.blank = bytes.len() - text.len();
        let is_open =
            is_first && MARK.starts_with(text) || STARTS.iter().any(|start| start.starts_with(text));
        if STARTS.iter().any(|start| text.starts_with(start)) {
            self.told = Some(true);
        } else if !is_open {
            self.told = Some(false);
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn s2_14_a_stream_is_known_by_its_first_bytes() {
        for (bytes, is) in [
            ("data: {}", Some(true)),
            ("\u{FEFF}\r\n\n: hi", Some(true)),
            ("\n \nretry:1", Some(true)),
            ("dat", None),
            ("\u{FEFF}", None),
            (" \n", None),
            ("", None),
            ("{", Some(false)),
            ("\n<html>", Some(false)),
            ("date", Some(false)),
        ] {
            assert_eq!(Beginning::default().is_stream(bytes.as_bytes()), is, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn s2_14_a_stream_is_known_however_its_first_bytes_are_cut(
            bytes in "\u{FEFF}?[ \n]{0,5}(da|data:|id|event: x|:|\\{|x)?[a:\n]{0,3}",
            cuts in prop::collection::vec(0_usize..20, 0..5),
        ) {
            let bytes = bytes.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut beginning = Beginning::default();
            let told = cuts.iter().map(|to| beginning.is_stream(&bytes[..*to])).last().flatten();
            prop_assert_eq!(told, Beginning::default().is_stream(bytes));
        }
    }
}
