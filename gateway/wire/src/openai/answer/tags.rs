//! Reasoning that stands in the text, in `<think>` tags: of models whose servers have no parser for it.
//!
//! Only where a model is known to do so, and only at the very start: later tags are text.

use crate::hub::Event;
use crate::json::text::Text;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Takes reasoning out of text as it comes, wherever the tags are cut.
#[derive(Debug, Default)]
pub(super) struct Tags {
    state: State,
    /// What may be the beginning of a tag.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Within,
    /// Nothing but text comes.
    After,
}

impl Tags {
    /// The events of `out` from `from` on, with the reasoning taken out of their text.
    pub(super) fn take(&mut self, from: usize, out: &mut Vec<Event>) {
        if self.state == State::After {
            return;
        }
        for event in out.split_off(from.min(out.len())) {
            match event {
                Event::Text(text) if self.state != State::After => self.text(&text, out),
                Event::Start { .. } | Event::Usage(_) | Event::Tier(_) => out.push(event),
                other => {
                    self.end(out);
                    out.push(other);
                }
            }
        }
    }

    /// What was held is no tag. What comes is text.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) {
        let held = std::mem::take(&mut self.held);
        say(&held, self.state == State::Within, out);
        self.state = State::After;
    }

    fn text(&mut self, text: &Text, out: &mut Vec<Event>) {
        self.held += &text.said();
        if self.state == State::Before {
            let said = self.held.trim_start();
            if said.len() < OPEN.len() && OPEN.starts_with(said) {
                return;
            }
            let Some(within) = said.strip_prefix(OPEN) else { return self.end(out) };
            self.held = within.to_owned();
            self.state = State::Within;
        }
        let held = std::mem::take(&mut self.held);
        match held.split_once(CLOSE) {
            Some((within, after)) => {
                say(within, true, out);
                say(after, false, out);
                self.state = State::After;
            }
            None => {
                let (within, tag) = held.split_at(held.len() - begun(&held));
                say(within, true, out);
                self.held = tag.to_owned();
            }
        }
    }
}

fn say(text: &str, is_reasoning: bool, out: &mut Vec<Event>) {
    if !text.is_empty() {
        let text = Text::new(text);
        out.push(if is_reasoning { Event::Thinking(text) } else { Event::Text(text) });
    }
}

/// How many bytes at the end of `text` may begin the tag that closes.
fn begun(text: &str) -> usize {
    (1..CLOSE.len()).rev().find(|length| text.ends_with(CLOSE.get(..*length).unwrap_or(CLOSE))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::answer::recorded::Sum;
    use proptest::prelude::*;

    /// What this text says in pieces of this size: reasoning, and text.
    fn read(text: &str, size: usize) -> (String, String) {
        let letters: Vec<char> = text.chars().collect();
        let (mut tags, mut out) = (Tags::default(), Vec::new());
        for piece in letters.chunks(size) {
            let from = out.len();
            out.push(Event::Text(Text::new(&piece.iter().collect::<String>())));
            tags.take(from, &mut out);
        }
        tags.end(&mut out);
        let sum = Sum::of(&out);
        (sum.thinking, sum.text)
    }

    #[test]
    fn case_50_think_tags_at_the_very_start_are_reasoning() {
        for (text, thinking, rest) in [
            ("<think>why</think>so", "why", "so"),
            ("\n <think>a<b</thin</think>\n\nso <think>x</think>", "a<b</thin", "\n\nso <think>x</think>"),
            ("so <think>why</think>", "", "so <think>why</think>"),
            ("<think>cut </thi", "cut </thi", ""),
            ("<thin", "", "<thin"),
            ("  ", "", "  "),
            ("</think>so", "", "</think>so"),
            ("<think></think>", "", ""),
            ("<think>é</think>ü", "é", "ü"),
        ] {
            for size in 1..20 {
                assert_eq!(read(text, size), (thinking.to_owned(), rest.to_owned()), "{text} {size}");
            }
        }
    }

    #[test]
    fn what_is_not_text_ends_the_search() {
        let (text, thinking) = (|text: &str| Event::Text(Text::new(text)), Event::Thinking(Text::new("a")));
        let (mut tags, mut out) = (Tags::default(), vec![thinking.clone(), text("<think>b</think>")]);
        tags.take(0, &mut out);
        assert_eq!(out, [thinking, text("<think>b</think>")]);
    }

    proptest! {
        #[test]
        fn s2_5_tags_are_found_however_the_text_is_cut(text in "(<think>)?[<>/thinké ]{0,30}(</think>)?.{0,9}", size in 1..9usize) {
            prop_assert_eq!(read(&text, size), read(&text, 1_000));
        }
    }
}
