//! The tool calls of an answer: which of them a piece belongs to.
//!
//! OpenAI numbers them and names each once. Of its imitators some give all calls one number or none, some repeat the
//! name in every chunk, some send calls whole, some without an id. So a piece begins another call only if it has a name,
//! and goes on with one only if that one can go on.

use crate::hub::Event;
use crate::json::text::Text;
use crate::json::whole::Whole;
use weir_config::{Failure, FailureClass};

/// A piece goes on with one of so many calls that began last: nobody sends more by turns, and to search through all of
/// a hostile answer's would take long.
const MOST_OPEN: usize = 128;

/// A piece of a call, as a delta has it. Nothing in it is empty.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) index: Option<u64>,
    pub(super) id: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) arguments: Option<Text>,
}

/// A call that has begun.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: Option<Text>,
    name: Option<Text>,
    /// Its place among those that were told of; `None` as long as it has no name.
    number: Option<u32>,
    /// Arguments that came before the name.
    held: Vec<Text>,
    arguments: Whole,
    /// The last delta that had a piece of it.
    delta: u64,
}

/// All calls of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    told: u32,
    delta: u64,
}

impl Calls {
    /// The pieces that come next are of another delta.
    pub(super) fn next_delta(&mut self) {
        self.delta += 1;
    }

    /// A piece of a stream.
    pub(super) fn piece(&mut self, piece: Piece, out: &mut Vec<Event>) {
        let at = self.of(&piece).filter(|at| !self.is_other(*at, &piece));
        self.put(at, piece, out);
    }

    /// A call of a unary answer, which has it whole.
    pub(super) fn whole(&mut self, piece: Piece, out: &mut Vec<Event>) {
        self.put(None, piece, out);
    }

    /// Which call the piece goes on with, if it begins none.
    fn of(&self, piece: &Piece) -> Option<usize> {
        let may_be = |call: &Call| call.index.is_none() || piece.index.is_none() || call.index == piece.index;
        let same_id = |call: &Call| piece.id.is_some() && call.id == piece.id && may_be(call);
        let same_place = |call: &Call| piece.index.is_none() || call.index == piece.index;
        let from = self.calls.len().saturating_sub(MOST_OPEN);
        let open = self.calls.get(from..).unwrap_or_default();
        let last = |is: &dyn Fn(&Call) -> bool| open.iter().rposition(is).map(|at| from + at);
        last(&same_id).or_else(|| last(&same_place))
    }

    /// Whether the piece begins another call than the one at `at`, though it has its number or its id.
    fn is_other(&self, at: usize, piece: &Piece) -> bool {
        let (Some(call), Some(name)) = (self.calls.get(at), &piece.name) else { return false };
        let other = |mine: &Option<Text>, its: &Option<Text>| its.is_some() && mine.is_some() && mine != its;
        let more = piece.arguments.as_ref().is_some_and(|arguments| !arguments.is_blank());
        other(&call.id, &piece.id)
            || call.name.as_ref().is_some_and(|known| known != name)
            || call.name.is_some() && call.delta == self.delta
            || call.arguments.is_whole() && more
    }

    fn put(&mut self, at: Option<usize>, piece: Piece, out: &mut Vec<Event>) {
        let Piece { index, id, name, arguments } = piece;
        if at.is_none() && id.is_none() && name.is_none() && arguments.is_none() {
            return;
        }
        let at = at.unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(at) else { return };
        call.delta = self.delta;
        call.id = call.id.take().or_else(|| id.map(|id| id.apart()));
        if let (None, Some(name)) = (call.number, &name) {
            call.number = Some(self.told);
            call.name = Some(name.apart());
            out.push(Event::Call { call: self.told, id: call.id.clone(), name: name.clone() });
            out.extend(call.held.drain(..).map(|json| Event::Arguments { call: self.told, json }));
            self.told += 1;
        }
        if let Some(json) = arguments {
            call.arguments.feed(&json);
            match call.number {
                Some(call) => out.push(Event::Arguments { call, json }),
                None => call.held.push(json.apart()),
            }
        }
    }

    /// All of them have come.
    ///
    /// # Errors
    /// One of them has arguments and no name.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.calls.iter().all(|call| call.held.is_empty()) { Ok(()) } else { Err(nameless()) }
    }
}

/// A call without a name can't be said to anybody, and must not be lost.
fn nameless() -> Failure {
    Failure {
        status: Some(200),
        ..Failure::new(FailureClass::Garbled, "The answer has a tool call without a name.")
    }
}
