//! Images, audio and files in a body: they stand in it as base64, and no vendor bills them by its letters.
//!
//! How many tokens one is depends on its vendor, model, size and detail: some 85 to 1,600 for an image, 10 to 32 for
//! a second of sound. Where nobody tells us, each counts as [`MEDIA_BYTES`], or its length if it is shorter.

use crate::json::strings;
use memchr::memmem;

/// What an image, a recording or a file counts for at most, as bytes of text: a thousand tokens.
pub(crate) const MEDIA_BYTES: u64 = MAX_RUN as u64;
const MAX_RUN: u16 = 4_000;

/// What stands before base64 in a `data:` URL, in letters of any case.
const MARK: &[u8] = b";base64,";

/// Counts the bytes of one string that comes in pieces: what is base64 in it at most as [`MEDIA_BYTES`] each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weighing {
    /// So much of [`MARK`] was seen last.
    marked: u8,
    /// Within base64, and so much of it has counted.
    run: Option<u16>,
}

impl Weighing {
    /// Whether what comes next may be base64, or become it.
    #[inline]
    pub(crate) fn is_open(self) -> bool {
        self.marked != 0 || self.run.is_some()
    }

    /// What the next piece counts for: the text in it, and the base64.
    pub(crate) fn add(&mut self, piece: &[u8]) -> (u64, u64) {
        let (mut text, mut media, mut rest) = (0, 0, piece);
        while !rest.is_empty() {
            let taken = match self.run {
                Some(counted) => {
                    let length = base64(rest);
                    let more = length.min(usize::from(MAX_RUN.saturating_sub(counted))) as u16;
                    self.run = (length == rest.len()).then_some(counted + more);
                    media += u64::from(more);
                    length
                }
                None => {
                    let length = self.text(rest);
                    text += length as u64;
                    length
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        (text, media)
    }

    /// How much of `rest` comes before base64 begins, its mark counted in.
    fn text(&mut self, rest: &[u8]) -> usize {
        let mut at = 0;
        loop {
            if self.marked == 0 {
                let Some(found) = memchr::memchr(b';', rest.get(at..).unwrap_or_default()) else {
                    return rest.len();
                };
                at += found + 1;
                self.marked = 1;
            }
            while let Some(byte) = rest.get(at) {
                if MARK.get(usize::from(self.marked)) != Some(&byte.to_ascii_lowercase()) {
                    self.marked = 0; // if it is a semicolon it is found anew
                    break;
                }
                at += 1;
                self.marked += 1;
                if usize::from(self.marked) == MARK.len() {
                    (self.marked, self.run) = (0, Some(0));
                    return at;
                }
            }
            if at >= rest.len() {
                return rest.len();
            }
        }
    }
}

/// How many letters of base64 stand at the beginning, `/` escaped or not.
fn base64(text: &[u8]) -> usize {
    let is_letter =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\');
    text.iter().position(|byte| !is_letter(byte)).unwrap_or(text.len())
}

/// Whether a run of base64 longer than [`MEDIA_BYTES`] may stand in `body`: nearly no text passes for one. Such a run
/// covers a multiple of its least length, and at least half of it lies on one side of that.
fn may_exceed(body: &[u8]) -> bool {
    const LOOK: usize = 64;
    let are_letters = |place: Option<&[u8]>| place.is_some_and(|place| base64(place) == place.len());
    let least = usize::from(MAX_RUN);
    (least..body.len()).step_by(least).any(|at| {
        are_letters(body.get(at..at + LOOK))
            || are_letters(at.checked_sub(LOOK).and_then(|from| body.get(from..at)))
    })
}

/// A request's size as text, for assuming how many tokens it is: its length, less what is base64 beyond
/// [`MEDIA_BYTES`] each: after `;base64,`, and as the value of a `data` or `file_data`.
pub(crate) fn text_bytes(body: &[u8]) -> u64 {
    let length = body.len() as u64;
    if !may_exceed(body) {
        return length;
    }
    // Its end has no letters.
    let urls = memmem::find_iter(body, b"64,").map(|at| at + 3).filter(|end| {
        let mark = body.get(end.saturating_sub(MARK.len())..*end);
        mark.is_some_and(|mark| mark.eq_ignore_ascii_case(MARK))
    });
    let values = memmem::find_iter(body, br#"data""#).filter_map(|at| {
        let value = strings::value(body.get(at + br#"data""#.len()..)?).strip_prefix(b"\"")?;
        let at = body.len() - value.len();
        let is_sealed = body.get(at + base64(value)) == Some(&b'"');
        is_sealed.then_some(at)
    });
    let excess = |at: usize| (base64(body.get(at..).unwrap_or_default()) as u64).saturating_sub(MEDIA_BYTES);
    length.saturating_sub(urls.chain(values).map(excess).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(pieces: &[&[u8]]) -> u64 {
        let mut weighing = Weighing::default();
        pieces.iter().map(|piece| weighing.add(piece)).map(|(text, media)| text + media).sum()
    }

    #[test]
    fn s2_16_base64_counts_as_a_constant_however_it_is_cut() {
        let image = "QUJD".repeat(5_000);
        let text = format!("look: ![x](data:image/png;base64,{image}) and ;;base64,QQ== so");
        let expected = (text.len() - image.len()) as u64 + MEDIA_BYTES;
        assert_eq!(weighed(&[text.as_bytes()]), expected);
        for size in [1, 2, 3, 7, 1_000] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(weighed(&pieces), expected, "in pieces of {size}");
        }
        assert_eq!(weighed(&[b"a;b;base6;base64"]), 16, "only the word");
        assert_eq!(
            weighed(&[text.replace("base64", "Base64").as_bytes()]),
            expected,
            "in letters of any case"
        );
    }

    #[test]
    fn s2_16_a_long_run_is_found_wherever_it_begins() {
        let least = usize::from(MAX_RUN);
        for begins in (0..2 * least).step_by(7) {
            let text = "word ".repeat(2 * least / 5 + 1);
            let body = [&text[..begins], &"A".repeat(least + 1), "\"", &text[..50]].concat();
            assert!(may_exceed(body.as_bytes()), "at {begins}");
        }
        assert!(!may_exceed("word ".repeat(10 * least).as_bytes()));
    }

    #[test]
    fn s2_16_the_images_of_a_request_are_no_text() {
        let image = "QUJD".repeat(100_000);
        let around = |inside: &str| format!(r#"{{"model":"m","messages":[{{"content":[{inside}]}}]}}"#);
        for part in [
            format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{image}"}}}}"#),
            format!(r#"{{"type":"image_url","image_url":{{"url":"DATA:image/png;BASE64,{image}"}}}}"#),
            format!(r#"{{"type":"input_audio","input_audio":{{"data" : "{image}","format":"wav"}}}}"#),
            format!(r#"{{"type":"file","file":{{"file_data":"data:application/pdf;base64,{image}"}}}}"#),
        ] {
            let body = around(&part);
            let expected = (body.len() - image.len()) as u64 + MEDIA_BYTES;
            assert_eq!(text_bytes(body.as_bytes()), expected);
            let two = around(&format!("{part},{part}"));
            let expected = (two.len() - 2 * image.len()) as u64 + 2 * MEDIA_BYTES;
            assert_eq!(text_bytes(two.as_bytes()), expected);
        }
        let text = around(&format!(r#"{{"text":"{}"}}"#, "word ".repeat(4_000)));
        assert_eq!(text_bytes(text.as_bytes()), text.len() as u64, "text is text");
        let data = around(&format!(r#"{{"data":"{}"}}"#, "four words of text ".repeat(400)));
        assert_eq!(text_bytes(data.as_bytes()), data.len() as u64, "also as data");
    }
}
