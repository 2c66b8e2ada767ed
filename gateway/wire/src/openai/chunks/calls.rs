//! The calls of an answer, as far as what is still to be written of them hangs on it.

use crate::json::text::Text;
use smallvec::SmallVec;

/// Letters and digits of an answer's id that are in the ids of its calls. OpenAI takes ids of at most 40 characters.
const ID: usize = 24;

#[derive(Debug, Clone, Copy)]
struct Call {
    /// Which one of the answer's it is.
    number: u32,
    has_arguments: bool,
}

/// The calls that have begun, in order: the position is a call's index.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: SmallVec<[Call; 4]>,
    /// The block that is open is the last call's.
    is_open: bool,
    /// A call has ended, and nothing has come since.
    ended: Option<usize>,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// A call begins, with this index; `None`: it has begun before.
    pub(super) fn begin(&mut self, number: u32) -> Option<usize> {
        if self.index(number).is_some() {
            return None;
        }
        self.is_open = true;
        self.calls.push(Call { number, has_arguments: false });
        Some(self.calls.len() - 1)
    }

    /// The index of a call that has begun.
    pub(super) fn index(&self, number: u32) -> Option<usize> {
        self.calls.iter().rposition(|call| call.number == number)
    }

    /// Arguments have come for a call.
    pub(super) fn has_arguments(&mut self, index: usize) {
        if let Some(call) = self.calls.get_mut(index) {
            call.has_arguments = true;
        }
    }

    /// The block that is open has ended.
    pub(super) fn end_block(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.ended = self.calls.len().checked_sub(1);
        }
    }

    /// Something else comes: the call that has ended before it, without arguments.
    pub(super) fn take_ended(&mut self) -> Option<usize> {
        let index = self.ended.take()?;
        self.calls.get(index).filter(|call| !call.has_arguments).map(|_| index)
    }

    /// Whether at the end of the answer a call is to be given empty arguments. Not if it is the last one and the answer
    /// was cut off: they had not begun then.
    pub(super) fn lacks_arguments(&self, index: usize, is_cut: bool) -> bool {
        let lacks = self.calls.get(index).is_some_and(|call| !call.has_arguments);
        lacks && !(is_cut && index + 1 == self.calls.len())
    }

    pub(super) fn held_bytes(&self) -> usize {
        if self.calls.spilled() { self.calls.capacity() * size_of::<Call>() } else { 0 }
    }
}

/// An id for a call whose vendor gave none: the same in the stream and in the answer whole, and in no other answer.
pub(super) fn id(answer: &str, index: usize) -> Text {
    let own = answer.rsplit('-').next().unwrap_or_default();
    let own: String = own.chars().filter(char::is_ascii_alphanumeric).take(ID).collect();
    Text::new(&format!("call_{own}_{index}"))
}
