//! What the Mock reads of a request, however large that is: in pieces, and nothing of it is kept but the beginning of
//! what it says again. An answer that costs nothing must not cost the gateway another copy of the prompt.

use crate::json::lenient::unescaped;
use crate::json::scan::{Listener, Tokens};

/// Bytes of a model's name that are kept.
const MODEL: usize = 1 << 10;
/// Longer roles are nobody's.
const ROLE: usize = 16;
/// What a message counts beside its words.
const FRAME: u64 = 4;
/// The longest escape: a pair of surrogates.
const ESCAPE: usize = 12;

/// The gist of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gist {
    /// The model that is asked for.
    pub model: String,
    /// How the last message of a user begins.
    pub said: String,
    /// What stands for tokens: all messages' words, and four for each message.
    pub words: u64,
}

/// Reads the gist of a request that comes in pieces.
#[derive(Default)]
pub struct GistReader {
    tokens: Tokens,
    heard: Heard,
}

impl GistReader {
    /// Keeps at most so many bytes, as they are written, of what the user said.
    pub fn new(most: usize) -> Self {
        let heard = Heard { text: Kept::of(most), said: Kept::of(most), ..Heard::default() };
        Self { tokens: Tokens::default(), heard }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.tokens.feed(bytes, &mut self.heard);
    }

    /// What has been read. Of what is no chat, nothing.
    pub fn end(self) -> Gist {
        let Heard { model, said, words, messages, .. } = self.heard;
        Gist { model: model.text(), said: said.text(), words: words + FRAME * messages }
    }
}

/// The key that a level is under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Model,
    Messages,
    Role,
    Content,
    Text,
}

#[derive(Debug, Default)]
struct Heard {
    level: usize,
    /// Of the levels that have any which matter: the request, a message, a part of its content.
    keys: [Key; 6],
    model: Kept,
    role: Kept,
    /// Of the message that is being read.
    text: Kept,
    /// Of the last one of a user.
    said: Kept,
    words: u64,
    messages: u64,
    /// Within a word, and behind a backslash.
    in_word: bool,
    escaped: bool,
    /// The next piece goes on with a string that has begun.
    in_string: bool,
}

/// The beginning of a string, escapes as written.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Heard {
    fn under(&self, level: usize, key: Key) -> bool {
        self.keys.get(level).is_some_and(|at| *at == key)
    }

    /// Which string this is, if one that matters.
    fn place(&self) -> Key {
        let in_message = self.level >= 3 && self.under(1, Key::Messages);
        match self.level {
            1 if self.under(1, Key::Model) => Key::Model,
            3 if in_message && self.under(3, Key::Role) => Key::Role,
            3 if in_message && self.under(3, Key::Content) => Key::Content,
            5 if in_message && self.under(3, Key::Content) && self.under(5, Key::Text) => Key::Text,
            _ => Key::Other,
        }
    }

    /// Counts the words that begin in a piece of text. Escaped line breaks and tabs part words, too.
    fn count(&mut self, piece: &[u8]) {
        for byte in piece {
            let is_blank = match (std::mem::take(&mut self.escaped), byte) {
                (true, b'n' | b'r' | b't') | (false, b' ') => true,
                (false, b'\\') => {
                    self.escaped = true;
                    continue;
                }
                _ => false,
            };
            self.words += u64::from(!is_blank && !self.in_word);
            self.in_word = !is_blank;
        }
    }

    /// A piece of a message's text.
    fn hear(&mut self, piece: &[u8]) {
        if !self.in_string {
            (self.in_word, self.escaped) = (false, false);
            if !self.text.bytes.is_empty() {
                self.text.push(b" "); // between parts
            }
        }
        self.count(piece);
        self.text.push(piece);
    }
}

impl Listener for Heard {
    fn open(&mut self, level: u32, _: bool) {
        self.level = level as usize;
        if let Some(key) = self.keys.get_mut(self.level) {
            *key = Key::Other;
        }
        if self.level == 3 {
            self.role = Kept::of(ROLE);
            self.text.clear();
        }
    }

    fn close(&mut self, level: u32) {
        if level == 3 && self.under(1, Key::Messages) {
            self.messages += 1;
            if self.role.bytes == b"user" {
                std::mem::swap(&mut self.said, &mut self.text);
            }
        }
        self.level = (level as usize).saturating_sub(1);
    }

    fn key(&mut self, key: &[u8]) {
        let key = match (self.level, key) {
            (1, b"model") => {
                self.model = Kept::of(MODEL);
                Key::Model
            }
            (1, b"messages") => Key::Messages,
            (3, b"role") => Key::Role,
            (3, b"content") => Key::Content,
            (5, b"text") => Key::Text,
            _ => Key::Other,
        };
        if let Some(slot) = self.keys.get_mut(self.level) {
            *slot = key;
        }
    }

    fn string(&mut self, piece: &[u8], is_last: bool) {
        match self.place() {
            Key::Model => self.model.push(piece),
            Key::Role => self.role.push(piece),
            Key::Content | Key::Text => self.hear(piece),
            _ => {}
        }
        self.in_string = !is_last;
    }

    fn scalar(&mut self, _: &[u8]) {}
}

impl Kept {
    fn of(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Empties it, and keeps its room.
    fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }

    fn push(&mut self, piece: &[u8]) {
        let room = self.most - self.bytes.len();
        self.cut |= piece.len() > room;
        self.bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// What the string says. Where it was cut, neither an escape nor a character is left in halves.
    fn text(mut self) -> String {
        let last = self.bytes.len().saturating_sub(ESCAPE);
        let tail = self.bytes.get(last..).unwrap_or_default();
        if let (true, Some(escape)) = (self.cut, memchr::memrchr(b'\\', tail)) {
            self.bytes.truncate(last + escape);
        }
        let text = String::from_utf8(self.bytes).unwrap_or_else(|error| {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            String::from_utf8(bytes).unwrap_or_default()
        });
        let text = unescaped(&text);
        let whole = if self.cut { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
        whole.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn gist<'a>(most: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Gist {
        let mut reader = GistReader::new(most);
        pieces.into_iter().for_each(|piece| reader.feed(piece));
        reader.end()
    }

    #[test]
    fn the_last_user_is_heard_and_everybodys_words_count() {
        let body = json!({
            "n": [{"messages": [{"role": "user", "content": "no"}]}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"content": [
                    {"type": "text", "text": "What\nis"},
                    {"type": "image_url", "image_url": {"url": "data:x", "text": "no"}},
                    {"type": "text", "text": "\"this\"\\ ? 😀"},
                ], "role": "user"},
                {"role": "assistant", "content": null, "tool_calls": [{"function": {"arguments": "{}"}}]},
                {"role": "tool", "content": "one two"},
            ],
            "model": "m\"1",
        });
        let said = "What\nis \"this\"\\ ? 😀".to_owned();
        let expected = Gist { model: "m\"1".to_owned(), said, words: 2 + 5 + 2 + 4 * 4 };
        assert_eq!(gist(99, [body.to_string().as_bytes()]), expected);
        assert_eq!(gist(99, [br#"{"model":"m","messages":"hello"}"#.as_slice()]).said, "");
        assert_eq!(gist(99, [br"[]".as_slice()]), Gist::default());
        let silent = json!({"messages": [{"role": "user", "content": "a"}, {"role": "user"}]}).to_string();
        assert_eq!(gist(99, [silent.as_bytes()]).said, "", "the last one says nothing");
    }

    #[test]
    fn s9_3_of_a_long_prompt_the_beginning_is_kept_and_nothing_in_halves() {
        for (text, most, said) in [
            ("a ".repeat(1 << 20), 7, "a a a a"),
            ("ab".to_owned() + &r"\ud83d\ude00".repeat(9), 20, "ab😀"),
            ("ab".to_owned() + &r"\ud83d\ude00".repeat(9), 13, "ab"),
            ("aé".repeat(9), 5, "aéa"),
            ("aé".repeat(9), 27, "aéaéaéaéaéaéaéaéaé"),
            (r"abc\\d".to_owned(), 4, "abc"),
            (r"abc\\d".to_owned(), 5, "abc"),
        ] {
            let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
            let mut reader = GistReader::new(most);
            reader.feed(body.as_bytes());
            let kept = reader.heard.said.bytes.capacity() + reader.heard.text.bytes.capacity();
            assert!(kept <= 4 * most, "{kept} bytes for {most}");
            assert_eq!(reader.end().said, said, "{most} bytes of {}", &text[..4]);
        }
    }

    proptest! {
        #[test]
        fn s2_5_every_cut_of_a_request_has_the_same_gist(
            said in ".{0,30}", most in 0..40usize, cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let body = json!({"model": "m", "messages": [
                {"role": "user", "content": [{"text": said}, {"text": "b c"}]},
                {"role": "x", "content": "d\te"},
            ]}).to_string();
            let bytes = body.as_bytes();
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let whole = gist(most, [bytes]);
            prop_assert_eq!(gist(most, cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]])), whole);
        }
    }
}
