//! Bytes in, frames out, for those who translate events: whole frames are held, so they have a bound.

use super::Cutter;
use bytes::{Bytes, BytesMut};

/// Cuts a stream into frames; each is read with [`super::Event::of`].
#[derive(Debug)]
pub struct Decoder {
    cutter: Cutter,
    /// What came and was not given out; its first `seen` bytes were shown to the cutter.
    held: BytesMut,
    seen: usize,
    max_frame: usize,
}

/// A frame is longer than it may be. Nothing more can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event has more than {max_frame} bytes")]
pub struct FrameTooLong {
    /// The bound.
    pub max_frame: usize,
}

impl Decoder {
    /// A decoder of frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { cutter: Cutter::default(), held: BytesMut::new(), seen: 0, max_frame }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next frame that is complete, if there is one.
    ///
    /// # Errors
    /// If a frame exceeds the bound, complete or not.
    pub fn frame(&mut self) -> Result<Option<Bytes>, FrameTooLong> {
        let unseen = self.held.get(self.seen..).unwrap_or_default();
        let cut = self.cutter.cut(unseen);
        let length = self.seen + cut.unwrap_or(unseen.len());
        if length > self.max_frame {
            return Err(FrameTooLong { max_frame: self.max_frame });
        }
        if cut.is_none() {
            self.seen = length;
            return Ok(None);
        }
        self.seen = 0;
        Ok(Some(self.held.split_to(length).freeze()))
    }

    /// What is left when the stream has ended: a frame whose blank line is missing, or nothing.
    pub fn end(self) -> Option<Bytes> {
        (!self.held.is_empty()).then(|| self.held.freeze())
    }
}
