//! Cuts a text into the pieces that deltas of a stream carry.

/// How many characters of a call's arguments one delta has: few, so that keys, numbers and escapes are cut.
pub(crate) const JSON_PIECE: usize = 7;

/// `text` in pieces of so many characters; none of an empty one.
pub(crate) fn of(text: &str, characters: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(characters.max(1)).map(|piece| piece.iter().collect()).collect()
}
