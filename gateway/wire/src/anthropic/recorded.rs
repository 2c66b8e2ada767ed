//! The recorded answers of Anthropic's API, and ways to have them read, for tests.

use super::MessagesDecoder;
use crate::hub::Event;
use crate::sse::{self, Cutter};
use bytes::Bytes;
use serde_json::Value;
use std::fs;
use std::path::Path;
use weir_config::{Failure, UnixSeconds, Vendor};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// The bodies of the recordings whose name begins so, by name.
pub(crate) fn recorded(prefix: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire/anthropic");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(prefix) {
            let case: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            found.push((name, case["response"]["body"].as_str().unwrap().to_owned()));
        }
    }
    found.sort();
    assert!(found.len() >= 5, "the recordings are where they were");
    found
}

/// The body of one recording.
pub(crate) fn one(name: &str) -> String {
    recorded("messages-").into_iter().find(|(known, _)| known == name).unwrap().1
}

/// Gives `each` the frames of `pieces`, fed one after the other.
pub(crate) fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, mut each: impl FnMut(&sse::Event<'_>)) {
    let mut cutter = Cutter::default();
    let mut frame = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            let cut = cutter.cut(rest);
            let (now, later) = rest.split_at(cut.unwrap_or(rest.len()));
            frame.extend_from_slice(now);
            if cut.is_some() {
                each(&sse::Event::of(&std::mem::take(&mut frame)));
            }
            rest = later;
        }
    }
}

/// What is read of a stream that comes in `pieces`, and by whom.
pub(crate) fn read_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, MessagesDecoder, Option<Failure>) {
    let mut decoder = MessagesDecoder::new(Vendor::OpenAICompatible.row(), Some(200_000));
    let (mut events, mut failure) = (Vec::new(), None);
    frames(pieces, |frame| {
        if failure.is_none() {
            failure = decoder.frame(frame, NOW, &mut events).err();
        }
    });
    (events, decoder, failure)
}

/// What is read of a stream that does not fail.
pub(crate) fn read(stream: &str) -> Vec<Event> {
    let (events, _, failure) = read_pieces([stream.as_bytes()]);
    assert_eq!(failure, None);
    events
}

/// What is read of a body that is an answer.
pub(crate) fn read_whole(body: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let body = Bytes::copy_from_slice(body.as_bytes());
    super::read_whole(Vendor::OpenAICompatible.row(), Some(200_000), &body, NOW, &mut events).unwrap();
    events
}

/// A stream of events, each named as its data is typed.
pub(crate) fn stream(events: &[&str]) -> String {
    let frame = |data: &&str| {
        let value: Value = serde_json::from_str(&data.replace("\\ud83d", "half a pair")).unwrap();
        format!("event: {}\ndata: {data}\n\n", value["type"].as_str().unwrap())
    };
    events.iter().map(frame).collect()
}

/// All text that `events` say of one kind, in one.
pub(crate) fn said(events: &[Event], wanted: fn(&Event) -> Option<&crate::json::text::Text>) -> String {
    events.iter().filter_map(wanted).map(|text| text.said().into_owned()).collect()
}
