//! Vendor text made fit for callers: what tells of our account at the vendor, or of where the vendor is, goes.
//!
//! A vendor's message may quote our key, our organisation, the address that we called (semantics S10.3). It is
//! cut into words, each judged by its looks. In doubt a word goes: a message with a hole can still be
//! understood, a key that got out cannot be taken back. Model names, parameters and the ids of a caller's own
//! tool calls stay, because an error message is about them.

mod address;
mod secret;
#[cfg(test)]
mod tests;
mod withheld;

pub use withheld::Withheld;

use std::cell::Cell;

/// A sanitised text has at most so many characters.
const MAX_CHARS: usize = 2_000;
/// No more of a text is looked at. Placeholders shorten more than they lengthen.
const MAX_INPUT: usize = 4 * MAX_CHARS;
/// About so many web addresses of a text somebody is asked whether they stay.
const MAX_ASKED: usize = 8;

/// `text` without URLs, hosts, keys, account ids, e-mail addresses and control characters, at most 2,000
/// characters on one line. Takes time linear in the text, at most that for 8,000 bytes.
pub(crate) fn sanitise(text: &str) -> String {
    sanitise_but(text, &|_| false)
}

/// The same, but for the web addresses that `stays` knows. It is asked about the first [`MAX_ASKED`] alone: to know may
/// mean to search all of a request, and a vendor chooses how many there are.
pub(crate) fn sanitise_but(text: &str, stays: &dyn Fn(&str) -> bool) -> String {
    let asked = Cell::new(0);
    let stays = |url: &str| asked.replace(asked.get() + 1) < MAX_ASKED && stays(url);
    let text = printable(beginning(text));
    let mut clean = String::with_capacity(text.len());
    let mut before = "";
    for word in text.split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        if secret::is_announced(before, word) {
            let sentence = word.trim_end_matches(['.', ',', ';', ')', '"', '\'', '`']).len();
            clean.push_str("[key]");
            clean.push_str(word.get(sentence..).unwrap_or_default());
        } else {
            push_word(&mut clean, word, &stays);
        }
        before = word;
    }
    if let Some((end, _)) = clean.char_indices().nth(MAX_CHARS) {
        clean.truncate(end);
    }
    clean
}

/// The part that is looked at: it ends with a whole word, because half a key doesn't look like one.
fn beginning(text: &str) -> &str {
    if text.len() <= MAX_INPUT {
        return text;
    }
    let text = text.get(..text.floor_char_boundary(MAX_INPUT)).unwrap_or_default();
    text.rfind(char::is_whitespace).and_then(|end| text.get(..end)).unwrap_or_default()
}

/// Without characters that cannot be seen: they would also hide a word from us.
fn printable(text: &str) -> String {
    let invisible = |c: char| matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    let text = text.chars().filter(|c| c.is_whitespace() || !c.is_control() && !invisible(*c));
    text.collect()
}

/// A word, in pieces between quotes, brackets and other marks.
fn push_word(clean: &mut String, word: &str, stays: &dyn Fn(&str) -> bool) {
    const MARKS: &[char] = &[
        '"', '\'', '`', '<', '>', '(', ')', '{', '}', '[', ']', ',', ';', '=', '|', '&', '?', '!', '\\', '«',
        '»', '“', '”', '‘', '’',
    ];
    let mut rest = word;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.find(MARKS).unwrap_or(rest.len()));
        if address::is_url(piece) {
            let after = address::after_url(rest);
            let url = rest.get(..rest.len() - after.len()).unwrap_or_default();
            clean.push_str(if address::is_web(url) && stays(url) { url } else { "[url]" });
            rest = after;
            continue;
        }
        if address::is_email(piece) {
            clean.push_str("[email]");
        } else {
            secret::push_without(clean, piece);
        }
        let mark = after.chars().next().map_or(0, char::len_utf8);
        let (mark, after) = after.split_at(mark);
        clean.push_str(mark);
        rest = after;
    }
}
