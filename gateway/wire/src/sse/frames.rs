//! A stream's bytes as whole frames, where each is read whole.

use super::Cutter;
use bytes::{Bytes, BytesMut};
use std::ops::Deref;

/// Puts frames together out of the pieces that they come in.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    cutter: Cutter,
    /// The beginning of a frame that is not complete.
    held: BytesMut,
}

/// A frame, with the line ends at its end.
pub(crate) enum Frame<'a> {
    /// It came in one piece.
    Here(&'a [u8]),
    /// It came in several.
    Joined(BytesMut),
}

/// The frame being read is larger than a frame may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Deref for Frame<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Here(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }
}

impl Frames {
    /// Takes from `bytes`, which follow those taken before, what the next frame has of them. `None`: it is not complete
    /// yet.
    ///
    /// # Errors
    /// It is larger than `most` bytes. What was held of it stays so.
    pub(crate) fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        most: usize,
    ) -> Result<Option<Frame<'a>>, TooLarge> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let cut = self.cutter.cut(bytes);
        let (piece, after) = bytes.split_at(cut.unwrap_or(bytes.len()).min(bytes.len()));
        *bytes = after;
        if cut.is_some() && self.held.is_empty() {
            return Ok(Some(Frame::Here(piece)));
        }
        self.held.extend_from_slice(piece);
        if cut.is_some() {
            return Ok(Some(Frame::Joined(std::mem::take(&mut self.held))));
        }
        if self.held.len() > most { Err(TooLarge) } else { Ok(None) }
    }

    /// Past the rest of a frame that was [`TooLarge`]; how much of `bytes` that is, and whether it ends there.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> (usize, bool) {
        let cut = self.cutter.cut(bytes);
        (cut.unwrap_or(bytes.len()), cut.is_some())
    }

    /// What is held of a frame that is not complete. Nothing is, then.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.held).freeze()
    }

    /// How many bytes of memory that takes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        for mut piece in pieces {
            while !piece.is_empty() {
                all.extend(frames.next(&mut piece, usize::MAX).unwrap().map(|frame| frame.to_vec()));
            }
        }
        (all, frames.take().to_vec())
    }

    proptest! {
        #[test]
        fn s2_5_every_cut_gives_the_same_frames(
            text in "(data: [a-c]{0,4}|:|\n|\r\n|\r|event: x\n){0,20}",
            cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let (whole, rest) = frames([bytes]);
            let (cut, cut_rest) = frames(cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]));
            // An LF that follows a CR by itself is a frame with nothing in it.
            let said = |frames: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
                let frames = frames.into_iter().map(|frame| frame.trim_ascii_end().to_vec());
                frames.filter(|frame| !frame.is_empty()).collect()
            };
            prop_assert_eq!(said(whole), said(cut));
            prop_assert_eq!(rest.trim_ascii(), cut_rest.trim_ascii());
        }
    }

    #[test]
    fn a_frame_that_is_too_large_is_told() {
        let mut frames = Frames::default();
        let mut bytes = b"data: a\n\ndata: 123456789".as_slice();
        assert_eq!(&**frames.next(&mut bytes, 12).unwrap().as_ref().unwrap(), b"data: a\n\n");
        assert!(matches!(frames.next(&mut bytes, 12), Err(TooLarge)));
        assert_eq!(frames.take(), "data: 123456789");
        assert_eq!(frames.pass(b"0"), (1, false));
        assert_eq!(frames.pass(b"\n\ndata: b"), (2, true));
    }
}
