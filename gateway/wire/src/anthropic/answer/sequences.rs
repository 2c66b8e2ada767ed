//! Events in all orders that an upstream may send them in: a stream of them is one that SDKs read, says what the unary
//! answer says, and loses nothing.

use super::recorded::{both, sum};
use super::*;
use crate::hub::{Finish, Reason};
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_config::Usage;

/// A step of an upstream.
#[derive(Debug, Clone)]
enum Step {
    Say(Event),
    /// Another call begins.
    Call,
    /// The next piece of one of those that have begun.
    More(usize),
}

/// A call, and the pieces in which its arguments come.
#[derive(Debug, Clone)]
struct Called {
    id: Option<String>,
    pieces: Vec<String>,
}

fn text() -> impl Strategy<Value = Text> {
    "[ -~é\"\\\\\n]{0,6}".prop_map(|text| Text::new(&text))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reasons = prop::sample::select(vec![Reason::Stop, Reason::Calls, Reason::Length, Reason::Filter]);
    let finish = (reasons, any::<bool>()).prop_map(|(reason, stopped)| {
        let stop_sequence = stopped.then(|| Text::new("END"));
        Event::Finish(Finish { reason, native: None, stop_sequence, explanation: None })
    });
    let usage = (0..9u64, 0..9u64, 0..9u64).prop_map(|(input, cache_read, output)| {
        let usage = Usage { input, cache_read, output, ..Usage::default() };
        Event::Usage(Counted { usage, input: true, output: true })
    });
    let say = prop_oneof![
        5 => text().prop_map(Event::Text),
        4 => text().prop_map(Event::Thinking),
        1 => text().prop_map(Event::Signature),
        1 => text().prop_map(Event::Redacted),
        1 => text().prop_map(Event::Refusal),
        1 => Just(Event::Start { id: None, model: None }),
        1 => finish,
        1 => usage,
    ];
    let step = prop_oneof![
        6 => say.prop_map(Step::Say),
        3 => Just(Step::Call),
        6 => any::<prop::sample::Index>().prop_map(|at| Step::More(at.index(1 << 16))),
    ];
    prop::collection::vec(step, 0..30)
}

fn called() -> impl Strategy<Value = Vec<Called>> {
    let object = prop::collection::btree_map("[a-c\"]{0,2}", "[ -~é\"\\\\{}\n]{0,9}", 0..3)
        .prop_map(|fields| json!(fields).to_string());
    let call = (prop::option::of("[a-z:.]{1,3}"), object, 1..9usize).prop_map(|(id, arguments, size)| {
        let letters: Vec<char> = arguments.chars().collect();
        let pieces = letters.chunks(size).map(|piece| piece.iter().collect()).collect();
        Called { id, pieces }
    });
    prop::collection::vec(call, 0..4)
}

/// The events of these steps. Calls that began get all of their arguments in the end.
fn events(steps: Vec<Step>, called: &[Called]) -> Vec<Event> {
    let (mut events, mut begun, mut sent) = (Vec::new(), 0, vec![0; called.len()]);
    let more = |call: usize, sent: &mut Vec<usize>, events: &mut Vec<Event>| {
        if let Some(piece) = called[call].pieces.get(sent[call]) {
            events.push(Event::Arguments { call: call as u32, json: Text::new(piece) });
            sent[call] += 1;
        }
    };
    for step in steps {
        match step {
            Step::Say(event) => events.push(event),
            Step::Call if begun < called.len() => {
                let id = called[begun].id.as_ref().map(|id| Text::new(id));
                events.push(Event::Call { call: begun as u32, id, name: Text::new(&format!("f{begun}")) });
                begun += 1;
            }
            Step::More(at) if begun > 0 => more(at % begun, &mut sent, &mut events),
            _ => {}
        }
    }
    for call in 0..begun {
        while sent[call] < called[call].pieces.len() {
            more(call, &mut sent, &mut events);
        }
    }
    events
}

fn joined(events: &[Event], is: impl Fn(&Event) -> Option<&Text>) -> String {
    events.iter().filter_map(is).map(Text::said).collect()
}

proptest! {
    #[test]
    fn s2_5_whatever_the_order_nothing_is_lost(steps in steps(), called in called()) {
        let events = events(steps, &called);
        let (stream, body) = both(events.clone());
        prop_assert_eq!(&stream, &body);

        let told = sum(&stream);
        let text = |event: &Event| matches!(event, Event::Text(_) | Event::Refusal(_));
        let of = |event: &Event| match event {
            Event::Text(text) | Event::Refusal(text) => Some(text.said().into_owned()),
            _ => None,
        };
        let said: String = events.iter().filter(|event| text(event)).filter_map(of).collect();
        prop_assert_eq!(&told.text, &said);
        let thought = joined(&events, |event| match event {
            Event::Thinking(text) => Some(text),
            _ => None,
        });
        prop_assert_eq!(&told.thinking, &thought);
        let content = stream["content"].as_array().unwrap();
        let all = |key: &str| content.iter().filter_map(|block| block[key].as_str()).collect::<String>();
        prop_assert_eq!(all("signature"), joined(&events, |event| match event {
            Event::Signature(text) => Some(text),
            _ => None,
        }));
        prop_assert_eq!(all("data"), joined(&events, |event| match event {
            Event::Redacted(text) => Some(text),
            _ => None,
        }));
        let begun = events.iter().filter(|event| matches!(event, Event::Call { .. })).count();
        prop_assert_eq!(told.calls.len(), begun);
        for (at, (_, name, arguments)) in told.calls.iter().enumerate() {
            let input: Value = serde_json::from_str(&called[at].pieces.concat()).unwrap();
            prop_assert_eq!(name, &format!("f{at}"));
            prop_assert_eq!(arguments, &input.to_string());
        }
        let counts = events.iter().rev().find_map(|event| match event {
            Event::Usage(counted) => Some(counted.usage),
            _ => None,
        });
        let counts = counts.unwrap_or_default();
        let usage = &stream["usage"];
        prop_assert_eq!(
            (&usage["input_tokens"], &usage["cache_read_input_tokens"], &usage["output_tokens"]),
            (&json!(counts.input), &json!(counts.cache_read), &json!(counts.output))
        );
        if begun > 0 {
            prop_assert_eq!(&stream["stop_reason"], "tool_use");
        }
    }

    #[test]
    fn what_is_held_is_bounded_by_what_was_said(steps in steps(), called in called()) {
        let events = events(steps, &called);
        let mut writer = MessagesWriter::new("m".to_owned(), Text::new("m"), Box::new(|_| None));
        let (mut out, mut said) = (Writer::default(), 0);
        for event in events {
            said += match &event {
                Event::Text(text) | Event::Thinking(text) | Event::Signature(text) | Event::Refusal(text) => text.len() + 64,
                Event::Arguments { json, .. } => json.len() + 64,
                _ => 0,
            };
            let is_refusal = matches!(event, Event::Refusal(_));
            writer.event(event, &mut out);
            said += if is_refusal { 64 } else { 0 };
            prop_assert!(writer.held_bytes() <= 2 * said, "{} of {said}", writer.held_bytes());
        }
        writer.end(&mut out);
        prop_assert!(writer.blocks.held_bytes() == 0);
    }
}
