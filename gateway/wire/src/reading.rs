//! How an account's answer becomes the caller's: bytes in, bytes for the caller out, and beside them what the gateway
//! must know of it. One type for unary answers and streams.

mod outcome;
pub(crate) mod silence;

pub use outcome::{AnswerFacts, Ending, StreamEnd, Whole};

use crate::through::Through;
use crate::translated::Translated;
use crate::usage::Counted;
use crate::words::Words;
use bytes::Bytes;
use std::fmt;
use weir_config::{Failure, UnixSeconds};

/// One answer, from its first byte to its end. An enum and not a trait object: each byte of every stream comes by here.
pub enum Reading {
    /// The account speaks the caller's API: its bytes are the caller's.
    Through(Through),
    /// It speaks another: what it says is written anew. Boxed: most answers pass through.
    Translated(Box<Translated>),
}

impl Reading {
    /// Reads the body of a 2xx answer that is here whole, without having been fed.
    ///
    /// # Errors
    /// What its upstream did wrong: it is no unary answer, or one that tells of an error. So is whatever was answered in
    /// place of a stream.
    pub fn whole(&self, body: &Bytes, now: UnixSeconds) -> Result<Whole, Failure> {
        match self {
            Self::Through(through) => through.whole(body, now),
            Self::Translated(translated) => translated.whole(body, now),
        }
    }

    /// Takes the next bytes and gives those for the caller: of a stream whole events, mostly a slice of `bytes`. Nothing
    /// once there is a failure or the stream is over.
    #[inline]
    pub fn feed(&mut self, bytes: Bytes, now: UnixSeconds) -> Bytes {
        match self {
            Self::Through(through) => through.feed(bytes, now),
            Self::Translated(translated) => translated.feed(&bytes, now),
        }
    }

    /// The upstream has ended, in whatever way.
    pub fn end(&mut self, now: UnixSeconds) -> Ending {
        match self {
            Self::Through(through) => through.end(now),
            Self::Translated(translated) => translated.end(now),
        }
    }

    /// Whether a unary answer that is fed has begun as one; `None`: too little has come to tell, or it is a stream.
    pub fn begins(&self) -> Option<bool> {
        match self {
            Self::Through(through) => through.begins(),
            Self::Translated(translated) => translated.begins(),
        }
    }

    /// Whether the answer is the caller's from here on: there was content, or more without any than is held. A failure
    /// can no longer be hidden (semantics S2.1). A unary answer that is fed is so once it has begun as one.
    #[inline]
    pub fn is_committed(&self) -> bool {
        match self {
            Self::Through(through) => through.is_committed(),
            Self::Translated(translated) => translated.is_committed(),
        }
    }

    /// Whether there was content: text, reasoning, a refusal, a tool call or a finish reason. True of any unary answer:
    /// nobody waits for it to bring some.
    #[inline]
    pub fn content_seen(&self) -> bool {
        match self {
            Self::Through(through) => through.content_seen(),
            Self::Translated(translated) => translated.content_seen(),
        }
    }

    /// Whether nothing more is read: it has failed, or its last event came.
    #[inline]
    pub fn is_over(&self) -> bool {
        match self {
            Self::Through(through) => through.is_over(),
            Self::Translated(translated) => translated.is_over(),
        }
    }

    /// Whether a stream's last event came, such as `[DONE]`. Some vendors send none.
    #[inline]
    pub fn done_seen(&self) -> bool {
        match self {
            Self::Through(through) => through.done_seen(),
            Self::Translated(translated) => translated.done_seen(),
        }
    }

    /// Whether the vendor counts no further: the stream is whole, or the unary answer that was fed.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Through(through) => through.is_finished(),
            Self::Translated(translated) => translated.is_finished(),
        }
    }

    /// Whether it is a stream, of events; the caller has asked for one then.
    #[inline]
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Through(through) => through.is_stream(),
            Self::Translated(translated) => translated.is_stream(),
        }
    }

    /// How much was said and counted so far: it changes whenever something is added to the answer.
    pub fn progress(&self) -> (u64, Option<Counted>) {
        match self {
            Self::Through(through) => through.progress(),
            Self::Translated(translated) => translated.progress(),
        }
    }

    /// What the vendor has counted so far, as far as that can be true.
    pub fn usage(&self) -> Option<Counted> {
        match self {
            Self::Through(through) => through.usage(),
            Self::Translated(translated) => translated.usage(),
        }
    }

    /// Roughly how many bytes of text, reasoning and tool calls were seen, for assuming a usage; of a unary answer only
    /// where the vendor did not count. Images and the like count as a constant each.
    pub fn output_bytes(&self) -> u64 {
        match self {
            Self::Through(through) => through.output_bytes(),
            Self::Translated(translated) => translated.output_bytes(),
        }
    }

    /// How many bytes of memory are held in here: the beginning of an event, and the text of an error.
    #[inline]
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Through(through) => through.held_bytes(),
            Self::Translated(translated) => translated.held_bytes(),
        }
    }

    /// The failure that was sent inside the answer, or that it is none. Nothing goes to the caller from here on.
    #[inline]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Through(through) => through.failure(),
            Self::Translated(translated) => translated.failure(),
        }
    }

    /// What keeps a silent stream alive; `None`: nothing may be put in here, as the caller has half an event, or ever,
    /// as the answer is unary.
    pub fn ping(&self) -> Option<Bytes> {
        match self {
            Self::Through(through) => through.ping(),
            Self::Translated(translated) => translated.ping(),
        }
    }

    /// The last bytes of an answer that broke off, which say why; `None`: a unary answer has no place for them.
    pub fn broken(&mut self, why: &Words<'_>, now: UnixSeconds) -> Option<Bytes> {
        match self {
            Self::Through(through) => through.broken(why, now),
            Self::Translated(translated) => translated.broken(why),
        }
    }
}

impl fmt::Debug for Reading {
    /// Which one: what it holds is the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Through(_) => "Through",
            Self::Translated(_) => "Translated",
        })
    }
}
