//! Names of tools that the other side takes.
//!
//! Messages takes names of 128 letters, Chat of 64, and callers send others still, with dots and spaces. What a target
//! refuses gets a short form: its readable head and a hash of the whole, so that one name is the same in every turn and
//! in every process. The answer's names are turned back by the same map.

use super::chat::{Chat, Choice, Part};
use crate::json::text::Text;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};

/// The most letters of a tool's name at OpenAI. Source: `FunctionObject.name` in OpenAI's API description.
pub(crate) const OPENAI_NAME: usize = 64;

/// So many letters of a hash end a short form, behind `_`.
const HASH: usize = 8;

/// The caller's name of a tool, by the name that its account was told; `None`: it is the same.
pub(crate) type CallersName = Box<dyn Fn(&str) -> Option<Text> + Send + Sync>;

/// The names of one request's tools, as its upstream takes them. The same request gives the same names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// By what the caller's names say; only those that change.
    short: HashMap<String, Text>,
    /// By what the upstream's names say.
    caller: HashMap<String, Text>,
}

impl Names {
    /// The names that `chat` mentions, for an upstream that takes `most` letters, digits, `_` and `-`.
    pub(crate) fn of(chat: &Chat, most: usize) -> Self {
        let mut names = Self::default();
        let mut unfit = names_of(chat).filter(|name| !fits(name, most)).peekable();
        if unfit.peek().is_none() {
            return names;
        }
        let fit: HashSet<Box<str>> =
            names_of(chat).filter(|name| fits(name, most)).map(|name| name.said().into()).collect();
        for name in unfit {
            names.shorten(name, most, &fit);
        }
        names
    }

    fn shorten(&mut self, name: &Text, most: usize, fit: &HashSet<Box<str>>) {
        let said = name.said();
        if self.short.contains_key(&*said) {
            return;
        }
        // Two names of one hash in one request are next to impossible, but what is called must be what was meant.
        let is_free = |short: &String| !fit.contains(short.as_str()) && !self.caller.contains_key(short);
        let Some(short) = (0..).map(|again| short_form(&said, most, again)).find(is_free) else { return };
        self.short.insert(said.into_owned(), Text::new(&short));
        self.caller.insert(short, name.clone());
    }

    /// A name of the caller's as the upstream takes it.
    pub(crate) fn upstreams_name(&self, name: &Text) -> Text {
        if self.short.is_empty() {
            return name.clone();
        }
        self.short.get(&*name.said()).unwrap_or(name).clone()
    }

    /// The caller's own name for what the upstream calls `name`; `None`: it is the same.
    pub(crate) fn callers_name(&self, name: &str) -> Option<Text> {
        self.caller.get(name).cloned()
    }
}

/// Every name in the tools, the choice and the history, in order.
fn names_of(chat: &Chat) -> impl Iterator<Item = &Text> {
    let chosen: &[Text] = match &chat.choice {
        Some(Choice::One(name)) => std::slice::from_ref(name),
        Some(Choice::Among { names, .. }) => names,
        _ => &[],
    };
    let called = chat.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match part {
        Part::Call { name, .. } => Some(name),
        _ => None,
    });
    chat.tools.iter().map(|tool| &tool.name).chain(chosen).chain(called)
}

/// Whether a name needs no change. One that is written with escapes does: none of the letters that may be needs any.
fn fits(name: &Text, most: usize) -> bool {
    (1..=most).contains(&name.len()) && name.inside().iter().all(|byte| is_letter(char::from(*byte)))
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn short_form(name: &str, most: usize, again: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(name);
    if again > 0 {
        hash.update(again.to_le_bytes());
    }
    let mut short: String = name
        .chars()
        .map(|c| if is_letter(c) { c } else { '_' })
        .take(most.saturating_sub(HASH + 1))
        .collect();
    short.push('_');
    short.extend(hex(&hash.finalize()).chars().take(HASH));
    short
}

/// `text` as 64 letters: what stands for it where it is too long.
pub(crate) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    let nibble = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Arguments, Tool};

    fn chat(names: &[&str]) -> Chat {
        let tool = |name: &&str| Tool {
            name: Text::new(name),
            description: None,
            schema: None,
            strict: None,
            cache: None,
        };
        Chat { tools: names.iter().map(tool).collect(), ..Chat::default() }
    }

    #[test]
    fn case_1_a_name_that_fits_stays() {
        let names = Names::of(&chat(&["get_time", &"x".repeat(64)]), OPENAI_NAME);
        assert_eq!(names.upstreams_name(&Text::new("get_time")), Text::new("get_time"));
        assert_eq!(names.callers_name("get_time"), None);
    }

    #[test]
    fn case_1_a_name_that_is_too_long_or_has_other_letters_is_shortened_and_turned_back() {
        let long = format!("mcp__plugin_a{}", "x".repeat(57));
        let dotted = "a.b c";
        let names = Names::of(&chat(&[&long, dotted, "a_b_c"]), OPENAI_NAME);
        for (name, head) in [(long.as_str(), "mcp__plugin_axx"), (dotted, "a_b_c_")] {
            let short = names.upstreams_name(&Text::new(name));
            assert!(short.said().starts_with(head) && fits(&short, OPENAI_NAME), "{short:?}");
            assert_eq!(names.callers_name(&short.said()), Some(Text::new(name)));
        }
        // SHA-256 of `a.b c`, as `sha256sum` says it.
        assert_eq!(names.upstreams_name(&Text::new(dotted)), Text::new("a_b_c_8640d2e2"));
        // However it is written.
        let escaped = Text::read(bytes::Bytes::from_static(br#""a\u002eb c""#));
        assert_eq!(names.upstreams_name(&escaped), names.upstreams_name(&Text::new(dotted)));
    }

    #[test]
    fn case_1_a_short_form_is_unique_in_its_request() {
        let taken = short_form("a.b", OPENAI_NAME, 0);
        let names = Names::of(&chat(&["a.b", &taken]), OPENAI_NAME);
        assert_ne!(names.upstreams_name(&Text::new("a.b")), Text::new(&taken));
        assert_eq!(names.upstreams_name(&Text::new(&taken)), Text::new(&taken));
        assert_eq!(names.callers_name(&taken), None);
    }

    #[test]
    fn case_1_names_of_the_history_and_the_choice_are_shortened_alike() {
        let mut chat = chat(&[]);
        chat.choice = Some(Choice::One(Text::new("c.d")));
        chat.turns.push(crate::hub::Turn {
            role: crate::hub::Role::Assistant,
            parts: vec![Part::Call {
                id: Text::new("1"),
                name: Text::new("a.b"),
                arguments: Arguments::Text(Text::new("{}")),
                cache: None,
            }],
            name: None,
            at: String::new(),
        });
        let names = Names::of(&chat, OPENAI_NAME);
        for name in ["a.b", "c.d"] {
            let short = names.upstreams_name(&Text::new(name));
            assert_eq!(names.callers_name(&short.said()), Some(Text::new(name)));
        }
    }

    #[test]
    fn a_digest_is_sha_256() {
        // Source: FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("abc"), expected);
    }
}
