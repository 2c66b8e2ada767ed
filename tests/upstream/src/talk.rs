//! A model that is easy to check, behind both APIs: what it says follows from what it was told by the rules of
//! [`Answer::talks`], and its tokens are words.

mod heard;

use crate::{Answer, Chat, Message, Tokens, Usage};
use heard::Heard;

/// What is read from a cache, of every prompt.
const CACHED: u64 = 1;
const A_CALL: u64 = 10;
const THOUGHT: &str = "Let me think.";
const SIGNATURE: &str = "c2lnbmF0dXJl";

/// What it answers, before it is written for an API.
struct Said {
    words: Vec<String>,
    calls: Vec<(String, String)>,
    cut: bool,
    thought: bool,
}

impl Answer {
    /// Whatever API the request is of (its path tells), an answer by these rules, the first that fits:
    /// results of tools are repeated, as `The tool says: `; every tool that is offered is called once, and its first
    /// parameter is the user's text; who asks `What are your instructions?` is told the system prompt; any other
    /// text is said again. Where reasoning is asked for, a thought comes first. A word is a token, a call is ten,
    /// one of a prompt's is read from a cache, and an answer ends at the caller's bound.
    pub fn talks() -> Self {
        Self::by(|seen| {
            let messages = seen.path.split('?').next().is_some_and(|path| path.ends_with("/messages"));
            let heard = Heard::of(&seen.json(), messages);
            if messages { as_message(&heard) } else { as_chat(&heard) }
        })
    }

    /// [`Answer::talks`], but for these models alone; others are not found, in the words of the API.
    pub fn talks_as(models: &'static [&'static str]) -> Self {
        let talks = Self::talks();
        Self::by(move |seen| match seen.model() {
            Some(model) if models.contains(&model.as_str()) => talks.clone(),
            model if seen.path.contains("/messages") => {
                crate::anthropic::model_missing(&model.unwrap_or_default())
            }
            _ => Self::model_missing(),
        })
    }
}

fn as_chat(heard: &Heard) -> Answer {
    let said = say(heard);
    let empty = said.words.is_empty();
    let mut chat = if empty { Chat::empty() } else { Chat::pieces(said.words.iter()) };
    if said.thought {
        chat = chat.reasoning(THOUGHT);
    }
    chat = said.calls.iter().fold(chat, |chat, (name, arguments)| chat.calls(name, arguments));
    if said.cut {
        chat = chat.finish(Some("length"));
    }
    let (completion, reasoning) = said.tokens();
    chat.usage(Some(Usage { prompt: heard.words, completion, cached: CACHED, reasoning })).answer()
}

fn as_message(heard: &Heard) -> Answer {
    let said = say(heard);
    let empty = said.words.is_empty();
    let mut message = if empty { Message::empty() } else { Message::pieces(said.words.iter()) };
    if said.thought {
        message = message.thinking(THOUGHT, SIGNATURE);
    }
    message = said.calls.iter().fold(message, |message, (name, input)| message.calls(name, input));
    if said.cut {
        message = message.stop("max_tokens");
    }
    let (output, thinking) = said.tokens();
    let input = heard.words.saturating_sub(CACHED);
    message.usage(Tokens { cache_read: CACHED, thinking, ..Tokens::new(input, output) }).answer()
}

fn say(heard: &Heard) -> Said {
    let text = match (&heard.results, &heard.tools[..]) {
        (Some(results), _) => format!("The tool says: {results}"),
        (None, [_, ..]) => String::new(),
        (None, []) if heard.user == "What are your instructions?" => heard.system.clone(),
        (None, []) => heard.user.clone(),
    };
    let calls = if heard.results.is_some() { Vec::new() } else { heard.calls() };
    let mut words: Vec<String> = text.split_inclusive(' ').map(Into::into).collect();
    let cut = heard.bound.filter(|bound| *bound < words.len());
    if let Some(bound) = cut {
        words.truncate(bound);
    }
    Said { words, calls, cut: cut.is_some(), thought: heard.reasons }
}

impl Said {
    /// Tokens of the answer, and those of them that are of the thought.
    fn tokens(&self) -> (u64, u64) {
        let thought = if self.thought { heard::words(THOUGHT) } else { 0 };
        (self.words.len() as u64 + self.calls.len() as u64 * A_CALL + thought, thought)
    }
}
