//! The events of a stream. Each is named, and has blanks before its last brace as Anthropic's have.

use bytes::Bytes;

use super::Message;
use crate::Seen;

const START: &str = r#""stop_reason":null,"stop_sequence":null,"stop_details":null"#;
const STOP: &str = "message_stop";

impl Message {
    pub(crate) fn frames(&self, seen: &Seen) -> Vec<Bytes> {
        let mut frames = Frames(Vec::new());
        let usage = self.usage.map(|usage| format!(r#","usage":{}"#, usage.at_start(self.told)));
        let message = self.envelope(seen, "", START) + &usage.unwrap_or_default();
        frames.add("message_start", &format!(r#","message":{{{message}}}"#));
        for (index, block) in self.blocks.iter().enumerate() {
            let at = format!(r#","index":{index}"#);
            let start = block.start(seen, index);
            frames.add("content_block_start", &format!(r#"{at},"content_block":{start}"#));
            if self.ping && index == 0 {
                frames.0.push(Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"));
            }
            for delta in block.deltas() {
                frames.add("content_block_delta", &format!(r#"{at},"delta":{delta}"#));
            }
            frames.add("content_block_stop", &at);
        }
        if self.finished {
            let usage = self.usage.map(|usage| format!(r#","usage":{}"#, usage.at_end(self.told)));
            let delta = format!(r#","delta":{{{}}}{}"#, self.stop_fields(), usage.unwrap_or_default());
            frames.add("message_delta", &delta);
            frames.add(STOP, "");
        }
        if let Some((events, error)) = &self.error_after {
            frames.0.truncate(*events);
            frames.add("error", &format!(r#","error":{error}"#));
        }
        frames.0
    }
}

struct Frames(Vec<Bytes>);

impl Frames {
    fn add(&mut self, kind: &str, fields: &str) {
        // Recorded streams have 0 to 15 of them, another number each time.
        let blanks = if kind == STOP { 0 } else { self.0.len() * 7 % 16 };
        let blanks = " ".repeat(blanks);
        self.0.push(format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{fields}{blanks}}}\n\n").into());
    }
}
