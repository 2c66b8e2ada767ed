//! All ways in which vendors tell calls, text and reasoning: what they say is the same.

use super::recorded::NOW;
use super::tests::{answered, calls, delta, finished, said};
use super::*;
use crate::sse::Event as Frame;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_config::Vendor;

/// How a vendor tells calls.
#[derive(Debug, Clone, Copy)]
enum Style {
    /// As OpenAI: numbered, id and name once. Calls may come by turns.
    Numbered,
    /// All of it in each chunk.
    Repeated,
    /// All have the number 0, and each an id.
    SameNumber,
    /// No number, and an id only at the start.
    NoNumber,
    /// Whole, without an id, all with number 0.
    Whole,
    /// The same, and the arguments as an object.
    Object,
}

/// The chunks that tell these calls, each cut into pieces of this size.
fn told(style: Style, said: &[Value], size: usize) -> Vec<Value> {
    let mut chunks = Vec::new();
    for (at, arguments) in said.iter().enumerate() {
        let (name, id, text) = (format!("f{at}"), format!("id{at}"), arguments.to_string());
        let letters: Vec<char> = text.chars().collect();
        let pieces: Vec<String> = letters.chunks(size).map(|piece| piece.iter().collect()).collect();
        match style {
            Style::Whole => {
                chunks.push(json!({"index": 0, "id": "", "function": {"name": "f", "arguments": text}}));
            }
            Style::Object => {
                chunks.push(json!({"index": 0, "function": {"name": "f", "arguments": arguments}}))
            }
            _ => {
                for (number, piece) in pieces.into_iter().enumerate() {
                    let first = number == 0;
                    let repeats = first || matches!(style, Style::Repeated);
                    let mut call =
                        json!({"id": if repeats { &*id } else { "" }, "function": {"arguments": piece}});
                    if repeats {
                        call["function"]["name"] = json!(name);
                    }
                    match style {
                        Style::NoNumber => {}
                        Style::SameNumber => call["index"] = json!(0),
                        _ => call["index"] = json!(at),
                    }
                    chunks.push(call);
                }
            }
        }
    }
    chunks
}

fn objects() -> impl Strategy<Value = Value> {
    prop::collection::hash_map("[a-c\"]{0,2}", "[ -~é\"\\\\{}\n]{0,9}", 0..3).prop_map(|fields| json!(fields))
}

proptest! {
    #[test]
    fn s2_5_calls_are_the_same_however_they_are_told(
        style in prop::sample::select(vec![
            Style::Numbered, Style::Repeated, Style::SameNumber, Style::NoNumber, Style::Whole, Style::Object,
        ]),
        arguments in prop::collection::vec(objects(), 0..4),
        size in 1..9usize,
        together: bool,
    ) {
        let pieces = told(style, &arguments, size);
        // Pieces of one delta are of several calls, or whole: nobody cuts a call within a delta.
        let is_whole = matches!(style, Style::Whole | Style::Object);
        let chunks: Vec<Value> = if together && is_whole {
            vec![calls(Value::from(pieces))]
        } else {
            pieces.into_iter().map(|piece| calls(json!([piece]))).collect()
        };
        let (sum, _) = said(&[chunks, vec![finished("tool_calls")]].concat());
        prop_assert_eq!(sum.calls.len(), arguments.len());
        for (at, ((id, name, told), said)) in sum.calls.iter().zip(&arguments).enumerate() {
            prop_assert_eq!(told, &said.to_string());
            prop_assert_eq!(id, &Some(format!("id{at}")).filter(|_| !is_whole));
            prop_assert_eq!(name, &if is_whole { "f".to_owned() } else { format!("f{at}") });
        }
    }

    #[test]
    fn s2_5_text_and_reasoning_are_whole_however_they_are_cut(
        text in ".{0,60}", reasoning in ".{0,60}", size in 1..9usize, key in prop::sample::select(vec!["reasoning", "reasoning_content"]),
    ) {
        let cut = |text: &str| -> Vec<String> {
            text.chars().collect::<Vec<_>>().chunks(size).map(|piece| piece.iter().collect()).collect()
        };
        let chunks: Vec<Value> = cut(&reasoning)
            .into_iter()
            .map(|piece| delta(json!({key: piece, "content": null})))
            .chain(cut(&text).into_iter().map(|piece| delta(json!({"content": piece}))))
            .collect();
        let (sum, _) = said(&chunks);
        prop_assert_eq!((&sum.text, &sum.thinking), (&text, &reasoning));
        let sum = answered(json!({"content": text.clone(), key: reasoning.clone()}));
        prop_assert_eq!((&sum.text, &sum.thinking), (&text, &reasoning));
    }

    #[test]
    fn any_bytes_can_be_read(
        frames in prop::collection::vec(
            "data: (\\{\"choices\":\\[)?[{}\\[\\]\",:a0n ]{0,12}(\\{\"delta\":\\{\"tool_calls\":\\[[{}\"a:,0]{0,9}\\]\\}\\})?(\\]\\})?", 0..5,
        ),
    ) {
        let mut decoder = ChatDecoder::new(Vendor::OpenAICompatible.row(), None);
        let mut events = Vec::new();
        for frame in &frames {
            let _ = decoder.frame(&Frame::of(frame.as_bytes()), NOW, &mut events);
        }
    }
}
