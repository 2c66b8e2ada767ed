//! Every recorded chat stream and answer, read here and by another reader, which knows `serde_json` and these vendors.

use super::*;
use crate::sse::{Cutter, Event as Frame};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use weir_config::{Usage, Vendor};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// A recorded answer of a chat API.
pub(crate) struct Case {
    /// `vendor/case`.
    pub(crate) name: String,
    pub(crate) body: String,
}

fn paths(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { paths(&path, found) } else { found.push(path) }
    }
}

fn cases(is: impl Fn(&str) -> bool) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire");
    let mut found = Vec::new();
    paths(&folder, &mut found);
    found.sort();
    let case = |path: &PathBuf| {
        let name = path.strip_prefix(&folder).unwrap().with_extension("").to_str().unwrap().to_owned();
        let body = match path.extension()?.to_str()? {
            "sse" => fs::read_to_string(path).unwrap(),
            "json" => {
                let recorded: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
                let is_answer = recorded["api"] == "chat" && recorded["response"]["status"] == 200;
                recorded["response"]["body"].as_str().filter(|_| is_answer)?.to_owned()
            }
            _ => return None,
        };
        is(&name).then_some(Case { name, body })
    };
    found.iter().filter_map(case).collect()
}

pub(crate) fn streams() -> Vec<Case> {
    let is_chat = |name: &str| {
        let edge = name.contains("apisix/openai/chat") || name.contains("apisix/protocol-conversion/");
        name.contains("chat-stream") || edge
    };
    let streams = cases(is_chat);
    assert!(streams.len() > 40, "the recordings are where they were: {}", streams.len());
    streams
}

pub(crate) fn answers() -> Vec<Case> {
    let answers = cases(|name| name.contains("unary"));
    assert!(answers.len() > 15, "the recordings are where they were: {}", answers.len());
    answers
}

/// The frames of a stream.
pub(crate) fn frames(body: &[u8]) -> Vec<&[u8]> {
    let (mut cutter, mut rest, mut frames) = (Cutter::default(), body, Vec::new());
    while let Some(end) = cutter.cut(rest) {
        let (frame, after) = rest.split_at(end);
        frames.push(frame);
        rest = after;
    }
    frames.extend(Some(rest).filter(|rest| !rest.is_empty()));
    frames
}

/// What a stream says, as far as it goes well.
pub(crate) fn decoded(body: &[u8]) -> (Vec<Event>, ChatDecoder, Result<(), Failure>) {
    let mut decoder = ChatDecoder::new(Vendor::OpenAICompatible.row(), None);
    let mut events = Vec::new();
    for frame in frames(body) {
        if let Err(failure) = decoder.frame(&Frame::of(frame), NOW, &mut events) {
            return (events, decoder, Err(failure));
        }
    }
    let end = decoder.end(NOW);
    (events, decoder, end)
}

/// What was said, put together.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) refusal: String,
    /// Id, name and arguments.
    pub(crate) calls: Vec<(Option<String>, String, String)>,
    pub(crate) finish: Option<String>,
}

impl Sum {
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut sum = Self::default();
        for event in events {
            match event {
                Event::Text(text) => sum.text += &text.said(),
                Event::Thinking(text) => sum.thinking += &text.said(),
                Event::Refusal(text) => sum.refusal += &text.said(),
                Event::Call { call, id, name } => {
                    assert_eq!(*call as usize, sum.calls.len(), "calls are numbered from 0 on");
                    let id = id.as_ref().map(|id| id.said().into_owned());
                    sum.calls.push((id, name.said().into_owned(), String::new()));
                }
                Event::Arguments { call, json } => sum.calls[*call as usize].2 += &json.said(),
                Event::Finish(finish) => {
                    sum.finish = finish.native.as_ref().map(|native| native.said().into_owned());
                }
                _ => {}
            }
        }
        sum
    }

    fn said(&mut self, said: &Value) {
        let text = |key: &str| said[key].as_str().unwrap_or_default();
        self.thinking +=
            if text("reasoning").is_empty() { text("reasoning_content") } else { text("reasoning") };
        self.text += text("content");
        self.refusal += text("refusal");
        for part in said["content"].as_array().into_iter().flatten() {
            self.text += part["text"].as_str().unwrap_or_default();
            for inner in part["thinking"].as_array().into_iter().flatten() {
                self.thinking += inner["text"].as_str().unwrap();
            }
        }
    }

    fn call(&mut self, at: usize, call: &Value) {
        if at == self.calls.len() {
            let id = call["id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
            self.calls.push((id, call["function"]["name"].as_str().unwrap().to_owned(), String::new()));
        }
        self.calls[at].2 += call["function"]["arguments"].as_str().unwrap();
    }

    /// The same by the other reader.
    fn of_stream(body: &str) -> Self {
        let mut sum = Self::default();
        for line in body.lines().filter_map(|line| line.strip_prefix("data:")) {
            let Ok(chunk) = serde_json::from_str::<Value>(line) else { continue };
            for choice in chunk["choices"].as_array().into_iter().flatten() {
                if choice["index"] != 0 {
                    continue;
                }
                sum.said(&choice["delta"]);
                for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                    sum.call(call["index"].as_u64().unwrap() as usize, call);
                }
                let finish = choice["finish_reason"].as_str().filter(|finish| !finish.is_empty());
                sum.finish = finish.map(str::to_owned).or(sum.finish);
            }
        }
        sum
    }

    fn of_answer(body: &str) -> Self {
        let mut sum = Self::default();
        let answer: Value = serde_json::from_str(body).unwrap();
        let choice = &answer["choices"][0];
        sum.said(&choice["message"]);
        for (at, call) in choice["message"]["tool_calls"].as_array().into_iter().flatten().enumerate() {
            sum.call(at, call);
        }
        sum.finish = choice["finish_reason"].as_str().map(str::to_owned);
        sum
    }
}

/// What `golden/streams.txt` says of each stream: its usage, and the rest of the line.
fn golden() -> BTreeMap<String, (String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/golden/streams.txt");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(": usage ").unwrap();
            let (usage, rest) = rest.split_once(", ").unwrap();
            (name.to_owned(), (usage.to_owned(), rest.to_owned()))
        })
        .collect()
}

#[test]
fn recorded_streams_say_what_another_reader_finds_in_them() {
    for case in streams() {
        let (events, _, _) = decoded(case.body.as_bytes());
        assert_eq!(Sum::of(&events), Sum::of_stream(&case.body), "{}", case.name);
        let starts = events.iter().filter(|event| matches!(event, Event::Start { .. })).count();
        let is_first = events.first().is_none_or(|event| matches!(event, Event::Start { .. }));
        assert!(starts <= 1 && is_first, "{}: it starts once, before all others", case.name);
    }
}

#[test]
fn recorded_streams_end_and_count_as_where_they_pass_through() {
    let golden = golden();
    let mut checked = 0;
    for case in streams() {
        let (usage, rest) = &golden[&case.name];
        let (events, decoder, end) = decoded(case.body.as_bytes());
        let last = events.iter().rev().find_map(|event| match event {
            Event::Usage(counted) => Some(*counted),
            _ => None,
        });
        let counted = last.map_or("none".to_owned(), |counted| {
            let Usage { input, cache_read, output, reasoning, .. } = counted.usage;
            format!("{input}/{cache_read}/{output}/{reasoning}")
        });
        assert_eq!(&counted, usage, "{}", case.name);
        let yes = |is| if is { "yes" } else { "no" };
        let finish = end.is_ok() && (decoder.is_done() || decoder.is_finished());
        let ended = format!("finish {}, done {},", yes(finish), yes(decoder.is_done()));
        assert!(rest.contains(&ended), "{}: {ended}", case.name);
        assert_eq!(rest.contains("failed"), end.is_err(), "{}: {end:?}", case.name);
        checked += 1;
    }
    assert_eq!(checked, golden.len());
}

#[test]
fn recorded_answers_say_what_another_reader_finds_in_them() {
    for case in answers() {
        let mut events = Vec::new();
        let body = Bytes::from(case.body.clone());
        let facts = whole(Vendor::OpenAICompatible.row(), None, &body, NOW, &mut events).expect(&case.name);
        assert_eq!(Sum::of(&events), Sum::of_answer(&case.body), "{}", case.name);
        assert!(events.contains(&Event::Usage(facts.usage.unwrap())), "{}", case.name);
    }
}
