use super::*;
use proptest::prelude::*;
use std::path::Path;

type Said = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

fn said(frame: &[u8]) -> Option<Said> {
    let event = Event::of(frame);
    let said = (event.name.to_vec(), event.data.map(|data| data.to_vec()), event.error.map(<[u8]>::to_vec));
    (said.1.is_some() || said.2.is_some()).then_some(said)
}

/// The frames of `pieces`, fed one after the other; the last one may be without its blank line.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::default();
    let (mut frames, mut frame) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            let cut = cutter.cut(rest);
            let (now, later) = rest.split_at(cut.unwrap_or(rest.len()));
            frame.extend_from_slice(now);
            if cut.is_some() {
                frames.push(std::mem::take(&mut frame));
            }
            rest = later;
        }
    }
    frames.push(frame);
    frames
}

/// Their events.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Said> {
    frames(pieces).iter().filter_map(|frame| said(frame)).collect()
}

/// The same, by the standard's own words: lines first, then fields, then dispatch. At the end of the stream
/// what is there counts as if the blank line had come.
fn by_the_standard(text: &str) -> Vec<Said> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n") + "\n\n";
    let mut events = Vec::new();
    let (mut name, mut data, mut error) = (Vec::new(), Vec::<u8>::new(), None);
    for line in text.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (line.is_empty(), field) {
            (true, _) => {
                let whole = (!data.is_empty()).then(|| data[..data.len() - 1].to_vec());
                if whole.is_some() || error.is_some() {
                    events.push((std::mem::take(&mut name), whole, error.take()));
                }
                (name, data) = (Vec::new(), Vec::new());
            }
            (_, "data") => {
                data.extend_from_slice(value.as_bytes());
                data.push(b'\n');
            }
            (_, "event") => name = value.as_bytes().to_vec(),
            (_, "error") => error = Some(value.as_bytes().to_vec()),
            _ => {}
        }
    }
    events
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> =
        cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn stream() -> impl Strategy<Value = String> {
    let lines = [
        "data: {\"a\":1}",
        "data:x",
        "data: ",
        "data",
        "data:  two",
        "data: é€𝄞",
        ": comment",
        ":",
        "event: error",
        "event:ping",
        "id: 7",
        "retry: 1",
        "error: {}",
        "unknown: x",
        "no colon",
        "",
        "",
        "",
    ];
    let line = (prop::sample::select(lines.to_vec()), prop::sample::select(vec!["\n", "\r\n", "\r"]));
    (prop::collection::vec(line, 0..14), prop::bool::ANY, prop::bool::ANY).prop_map(|(lines, bom, cut)| {
        let mut text: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
        if cut {
            text.pop();
        }
        if bom { format!("\u{FEFF}{text}") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn s2_5_every_split_gives_the_same_events(text in stream(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        let expected = by_the_standard(&text);
        prop_assert_eq!(&events([text.as_bytes()]), &expected);
        prop_assert_eq!(&events(pieces(text.as_bytes(), &cuts)), &expected);
    }

    #[test]
    fn s2_5_no_byte_is_lost_between_frames(text in stream(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        let out = frames(pieces(text.as_bytes(), &cuts)).concat();
        prop_assert_eq!(out, text.into_bytes());
    }
}

#[test]
fn s2_5_every_split_of_a_recorded_stream_gives_the_same_events() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire");
    for case in
        ["perplexity/chat-stream-text.json", "openrouter/chat-stream-tool.json", "groq/chat-stream-text.json"]
    {
        let case: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join(case)).unwrap()).unwrap();
        let body = case["response"]["body"].as_str().unwrap();
        let whole = events([body.as_bytes()]);
        assert_eq!(whole, by_the_standard(body));
        assert!(whole.len() > 5);
        assert_eq!(events(body.as_bytes().chunks(1)), whole);
        for cut in (0..body.len()).step_by(13) {
            let (left, right) = body.as_bytes().split_at(cut);
            assert_eq!(events([left, right]), whole, "cut at {cut}");
        }
    }
}

#[test]
fn s2_5_a_frame_ends_with_its_blank_line_also_where_a_line_feed_may_follow() {
    let mut cutter = Cutter::default();
    assert_eq!(cutter.cut(b"data: x\r\r"), Some(9), "the frame is not held for an LF");
    assert_eq!(cutter.cut(b"\ndata: y\r\n"), Some(1), "the LF is a frame with nothing in it");
    assert_eq!(cutter.cut(b"data: y\r\n"), None);
    assert_eq!(cutter.cut(b"\r\n"), Some(2));
    assert_eq!(cutter.lines(), 1);
}
