//! The caller has left, but the vendor bills on: the rest of the answer is read, so that the true usage is booked
//! (semantics S2.4).

use crate::attempt::Flow;
use crate::call::Call;
use crate::settle::settle;
use crate::tasks;
use std::future::poll_fn;
use std::time::Duration;

/// How long, and how much, is read at most.
const WITHIN: Duration = Duration::from_secs(30);
const BYTES: usize = 1 << 20;

/// Reads on until the end or the bounds, then settles.
pub(crate) fn for_usage(mut call: Call, mut flow: Flow) {
    tasks::spawn("drain for usage", async move {
        let read = async {
            let mut bytes = 0;
            while bytes < BYTES {
                match poll_fn(|cx| flow.poll_more(cx)).await {
                    Ok(Some(piece)) => bytes += piece.len(),
                    Ok(None) | Err(_) => break,
                }
            }
        };
        // Late or not, what was seen is settled.
        drop(tokio::time::timeout(WITHIN, read).await);
        settle(&mut call, &flow);
    });
}
