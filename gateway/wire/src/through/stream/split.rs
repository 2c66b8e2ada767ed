//! Base64 that comes in many deltas is no text, however it is split.

use super::*;
use weir_config::Vendor;

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

fn delta(index: u64, delta: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{{delta}}},\"finish_reason\":null}}]}}\n\n")
}

fn says(index: u64, field: &str, text: &str) -> String {
    delta(index, &format!("\"{field}\":\"{text}\""))
}

/// What a stream counts for as text, in pieces of whatever size.
fn weighed(text: &str) -> u64 {
    let of = |size: usize| {
        let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true);
        text.as_bytes().chunks(size).for_each(|piece| {
            stream.feed(Bytes::copy_from_slice(piece), NOW);
        });
        assert!(stream.failure().is_none());
        stream.output_bytes()
    };
    let whole = of(text.len());
    assert_eq!([of(1_000), of(4_099)], [whole; 2]);
    whole
}

/// `text` in deltas of so many bytes.
fn split(text: &str, size: usize, frame: impl Fn(&str) -> String) -> Vec<String> {
    text.as_bytes().chunks(size).map(|piece| frame(std::str::from_utf8(piece).unwrap())).collect()
}

fn image(letters: usize) -> String {
    format!("![an image](data:image/png;base64,{})", "QUJD".repeat(letters / 4))
}

/// What stands around the letters, and the constant for them.
fn constant(text: &str, letters: usize) -> u64 {
    (text.len() - letters + letters.min(4_000)) as u64
}

#[test]
fn s2_16_an_image_in_many_deltas_is_no_text() {
    for letters in [400, 40_000, 200_000] {
        let text = format!("Here it is: {} four words of text", image(letters));
        for size in [3, 7, 33, 1_000, 4_096, 70_000, 300_000] {
            if letters / size > 20_000 {
                continue;
            }
            for field in ["content", "reasoning", "reasoning_content", "text"] {
                let frames = split(&text, size, |piece| says(0, field, piece)).concat();
                assert_eq!(weighed(&frames), constant(&text, letters), "{letters} {size} {field}");
            }
        }
    }
}

#[test]
fn s2_16_two_choices_and_two_fields_take_turns() {
    let text = image(20_000);
    let (first, second) = (split(&text, 500, |piece| says(0, "content", piece)), "plain words; and more");
    for other in [
        says(1, "content", second),
        delta(1, &format!("\"content\":\"{second}\"")).replace("\"index\":1,", "\"index\": 1 , "),
        says(0, "reasoning_content", second),
        delta(0, &format!("\"tool_calls\":[{{\"index\":1,\"function\":{{\"arguments\":\"{second}\"}}}}]")),
        says(0, "refusal", ""),
        ": a comment\n\n".to_owned(),
        "data: {\"choices\":[],\"x\":1}\n\n".to_owned(),
    ] {
        let words = if other.contains(second) { second.len() } else { 0 };
        let frames: String = first.iter().flat_map(|frame| [frame.as_str(), &other]).collect();
        let expected = constant(&text, 20_000) + (first.len() * words) as u64;
        assert_eq!(weighed(&frames), expected, "{other}");
    }
    let both = split(&text, 500, |piece| says(1, "content", piece));
    let frames: String = first.iter().zip(&both).flat_map(|(one, two)| [one.as_str(), two]).collect();
    assert_eq!(weighed(&frames), 2 * constant(&text, 20_000));
}

#[test]
fn s2_16_parts_and_addresses_in_many_deltas_are_no_text_either() {
    let text = image(20_000);
    let part = |piece: &str| delta(0, &format!("\"content\":[{{\"type\":\"text\",\"text\":\"{piece}\"}}]"));
    assert_eq!(weighed(&split(&text, 500, part).concat()), constant(&text, 20_000));
    let url = format!("data:image/png;base64,{}", "QUJD".repeat(5_000));
    let image = |piece: &str| delta(0, &format!("\"images\":[{{\"image_url\":{{\"url\":\"{piece}\"}}}}]"));
    for size in [10, 500, 5_000, 30_000] {
        assert_eq!(weighed(&split(&url, size, image).concat()), 4_000, "{size}");
    }
}

#[test]
fn s2_16_what_follows_an_image_is_text_again() {
    let image = image(4_000);
    let words = "and then there were words, ".repeat(20);
    let text = format!("{image}{words}{image}{words}; {words};base6{words}");
    for size in [1, 5, 100, 6_000] {
        let frames = split(&text, size, |piece| says(0, "content", piece)).concat();
        assert_eq!(weighed(&frames), text.len() as u64, "{size}");
    }
}

#[test]
fn s2_16_a_stream_of_very_many_choices_is_measured_all_the_same() {
    let text: String = (0..300).map(|index| says(index, "content", "x;base64,QUJD")).collect();
    let words: String = (0..300).map(|index| says(index, "content", " and words")).collect();
    assert_eq!(weighed(&(text + &words)), 300 * 23);
}
