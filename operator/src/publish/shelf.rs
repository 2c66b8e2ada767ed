//! What is published for one gateway: read once, then kept in step with every write.
//!
//! What another operator has published is not written over by one that may have seen less: a paused leader that wakes,
//! or a new one whose watches lag, would bring back a key that was revoked. So it first looks at everything anew,
//! which is then newer than what the other had seen; and writes over the version that it read before, or not at all.

use super::owner::Owner;
use super::place::{Place, Unpublished};
use super::state::State;
use crate::metrics::Metrics;
use crate::watch::Picture;
use kube::Client;
use tokio::time::Instant;
use weir_config::published::{LeftOut, Revision};
use weir_config::{ObjectName, Snapshot};
use weir_crds::Kind;

/// What is published for one gateway. Not `Debug`: keys and credentials are in it.
pub struct Shelf {
    owner: Owner,
    /// Nothing before it was read, and after a write that went wrong.
    state: Option<State>,
    /// What is there instead, while it may not be written over.
    anothers: Option<Anothers>,
    /// The version of the index that was published here last.
    ours: Option<String>,
    /// The last generation that was published: an index that a hand deletes, cuts or puts back goes on from there.
    counted: u64,
}

/// What another operator has published.
struct Anothers {
    state: State,
    /// Which look at everything is newer than what that one had seen; nothing before it was asked for.
    look: Option<u64>,
}

/// What is to be published.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The configuration.
    pub snapshot: &'a Snapshot,
    /// Who reads it: of each pod the formats that it reads, if it has said so.
    pub readers: &'a [Option<Vec<u32>>],
    /// The last whole look at everything before it was made: see [`Picture::look`].
    pub look: u64,
}

impl Shelf {
    /// Of the gateway `owner`; nothing is known of it yet.
    pub fn new(owner: Owner) -> Self {
        Self { owner, state: None, anothers: None, ours: None, counted: 0 }
    }

    /// Takes nothing for granted that was written: the next publish reads it again.
    pub fn forget(&mut self) {
        (self.state, self.anothers) = (None, None);
    }

    /// Whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What gateways report when they run what is published.
    pub fn revision(&self) -> Option<Revision> {
        self.there()?.revision()
    }

    /// How many bytes that is, uncompressed.
    pub fn bytes(&self) -> u64 {
        self.there().map_or(0, State::bytes)
    }

    /// What is published, whoever did it.
    fn there(&self) -> Option<&State> {
        self.state.as_ref().or(self.anothers.as_ref().map(|anothers| &anothers.state))
    }

    /// Whether somebody else has changed or deleted what was published, as far as the watch has told; also if nobody
    /// knows what is there, or it is another operator's.
    pub fn has_drifted(&mut self, picture: &Picture) -> bool {
        self.state.as_mut().is_none_or(|state| state.has_drifted(&self.owner, picture))
    }

    /// When to ask for drift although nothing wakes us: something that was written here has yet to be told of.
    pub fn look_again(&self) -> Option<Instant> {
        self.state.as_ref()?.look_again()
    }

    /// The generation of the last change of an object's fragment; nothing if the gateway has none of it.
    pub fn since(&self, object: &(Kind, ObjectName)) -> Option<u64> {
        self.state.as_ref()?.since(object)
    }

    /// What of an object the format of what is published has no words for, and which format that is.
    pub fn left_out(&self, object: &(Kind, ObjectName)) -> Option<(&LeftOut, u32)> {
        let state = self.state.as_ref()?;
        Some((state.left_out(object)?, state.format_there()))
    }

    /// Whether `readers` want what was published here in another format.
    pub fn wants_format(&self, readers: &[Option<Vec<u32>>]) -> bool {
        self.state.as_ref().is_some_and(|state| state.wants_format(readers))
    }

    /// Whether everything has to be looked at anew before this is published. See [`Self::await_look`].
    pub fn wants_look(&self) -> bool {
        self.anothers.as_ref().is_some_and(|anothers| anothers.look.is_none())
    }

    /// Waits for this look at everything, which has just been asked for.
    pub fn await_look(&mut self, look: u64) {
        if let Some(anothers) = &mut self.anothers {
            anothers.look = Some(look);
        }
    }

    /// Publishes what is wanted: what differs from what is there, the index last.
    ///
    /// # Errors
    /// See [`Unpublished`]. What was written stays; the index still names what was in force before.
    pub async fn publish(
        &mut self,
        client: &Client,
        picture: &Picture,
        metrics: &Metrics,
        wanted: Wanted<'_>,
    ) -> Result<(), Unpublished> {
        let place = Place { client, owner: &self.owner, metrics };
        let known = self.state.take().and_then(|state| state.unless_drifted(&self.owner, picture));
        let mut state = match known {
            Some(state) => state,
            None => {
                let Anothers { state, look } = match self.anothers.take() {
                    Some(anothers) => anothers.again(place, picture).await?,
                    None => Anothers { state: State::read(place, picture).await?, look: None },
                };
                let is_ours = state.version().is_none_or(|there| self.ours.as_deref() == Some(there));
                let is_seen = look.is_some_and(|look| wanted.look >= look);
                if !is_ours && !is_seen && state.would_change(wanted, self.counted)? {
                    self.anothers = Some(Anothers { state, look });
                    return Err(Unpublished::Anothers);
                }
                state
            }
        };
        // Should any of this fail, what is there has to be read again: `self.state` stays empty.
        let written = state.write(place, wanted, self.counted).await;
        self.counted = self.counted.max(state.generation());
        written?;
        self.ours = state.version().map(str::to_owned);
        self.state = Some(state);
        Ok(())
    }
}

impl Anothers {
    /// The same if it is still there, or what is there now: for that no look was asked for.
    async fn again(self, place: Place<'_>, picture: &Picture) -> Result<Self, Unpublished> {
        let look = self.look;
        match self.state.unless_drifted(place.owner, picture) {
            Some(state) => Ok(Self { state, look }),
            None => Ok(Self { state: State::read(place, picture).await?, look: None }),
        }
    }
}
