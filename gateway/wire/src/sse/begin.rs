//! Whether an answer is an event stream, by how it begins: several servers label theirs as something else.

/// Whether bytes that begin with `bytes` are an event stream; `None`: too few have come to tell.
pub fn begins_stream(bytes: &[u8]) -> Option<bool> {
    const STARTS: [&[u8]; 5] = [b":", b"data:", b"event:", b"id:", b"retry:"];
    let text = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    if STARTS.iter().any(|start| text.starts_with(start)) {
        return Some(true);
    }
    let is_open =
        STARTS.iter().any(|start| start.starts_with(text)) || "\u{FEFF}".as_bytes().starts_with(text);
    if is_open { None } else { Some(false) }
}
