//! Base64 that goes on from one delta of a stream into the next.

use super::part::Part;
use crate::media::Weighing;

/// So many are followed at once. What goes on of more counts as text.
const MOST: usize = 8;

/// What says a string: a part of a choice. Choices from 255 on share theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Source {
    choice: u8,
    part: Part,
}

impl Source {
    /// The `part` of the choice with this index.
    pub(super) fn of(choice: u64, part: Part) -> Self {
        Self { choice: choice.min(u8::MAX.into()) as u8, part }
    }
}

/// The strings that ended within base64 or its mark: the next one of the same source goes on where they ended.
/// Small, and copied: an event may have to be read again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Runs {
    open: [(Source, Weighing); MOST],
    length: usize,
}

impl Runs {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How a string of `source` begins.
    #[inline]
    pub(super) fn take(&mut self, source: Source) -> Weighing {
        if self.is_empty() { Weighing::default() } else { self.found(source) }
    }

    #[inline(never)]
    fn found(&mut self, source: Source) -> Weighing {
        let open = self.open.get_mut(..self.length).unwrap_or_default();
        let Some(at) = open.iter().position(|(known, _)| *known == source) else {
            return Weighing::default();
        };
        self.length -= 1;
        open.swap(at, self.length);
        open.last().map(|(_, weighing)| *weighing).unwrap_or_default()
    }

    /// How the string of `source` has ended.
    #[inline]
    pub(super) fn put(&mut self, source: Source, weighing: Weighing) {
        if weighing.is_open()
            && let Some(free) = self.open.get_mut(self.length)
        {
            *free = (source, weighing);
            self.length += 1;
        }
    }
}
