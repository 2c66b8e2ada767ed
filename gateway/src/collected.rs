//! A body as it comes, put together: a request's, an answer's or a stream's next piece. It knows how much memory it
//! takes, which the memory budget counts (semantics S9.3).

use bytes::Bytes;

/// One whose length is not told gets room for a quarter more than it has, and for so much more if it has as much.
const STEP: usize = 64 << 10;

/// Pieces put together; one piece alone is not copied.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    told: Option<usize>,
    first: Bytes,
    all: Vec<u8>,
}

impl Collected {
    /// Of a body whose length is `told`, if it is.
    pub(crate) fn of_length(told: Option<u64>) -> Self {
        Self { told: told.and_then(|told| usize::try_from(told).ok()), ..Self::default() }
    }

    /// What has come.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.all.is_empty() { &self.first } else { &self.all }
    }

    /// How many bytes have come.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// How many bytes of memory it takes. Room that was made for a length that was told is no memory before something
    /// is written there.
    pub(crate) fn room(&self) -> usize {
        if self.told.is_some() { self.len() } else { self.first.len() + self.all.capacity() }
    }

    /// The same together with `piece`.
    pub(crate) fn room_with(&self, piece: &Bytes) -> usize {
        let length = self.len() + piece.len();
        if self.told.is_some() || self.len() == 0 { length } else { self.capacity_for(length) }
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        let before = self.len();
        if before == 0 {
            self.first = piece;
            return;
        }
        let capacity = self.capacity_for(before + piece.len());
        self.all.reserve_exact(capacity.saturating_sub(self.all.len()));
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&piece);
    }

    /// All that has come, in one.
    pub(crate) fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.into() }
    }

    fn capacity_for(&self, length: usize) -> usize {
        match self.told {
            Some(told) => told.max(length),
            None if self.all.capacity() >= length => self.all.capacity(),
            None => length + STEP.min(length).max(length / 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_piece_alone_is_not_copied() {
        let piece = Bytes::from_static(b"alone");
        let mut collected = Collected::of_length(Some(5));
        collected.push(piece.clone());
        assert_eq!(collected.into_bytes().as_ptr(), piece.as_ptr());
    }

    proptest! {
        #[test]
        fn s9_3_what_pieces_take_together_is_known_before_and_bounded(
            pieces in prop::collection::vec(0_usize..5_000, 0..60),
            is_told: bool,
        ) {
            let all: usize = pieces.iter().sum();
            let mut collected = Collected::of_length(is_told.then_some(all as u64));
            let mut whole = Vec::new();
            for (n, length) in pieces.into_iter().enumerate() {
                let piece = Bytes::from(vec![n as u8; length]);
                let room = collected.room_with(&piece);
                whole.extend_from_slice(&piece);
                collected.push(piece);
                prop_assert_eq!(collected.len(), whole.len());
                prop_assert!(collected.room() <= room.max(collected.len()));
                let most = if is_told { whole.len() } else { 2 * whole.len() + 5_000 };
                prop_assert!(collected.room() >= whole.len() && collected.room() <= most);
                prop_assert_eq!(collected.bytes(), &whole);
            }
            prop_assert_eq!(collected.into_bytes(), whole);
        }
    }
}
