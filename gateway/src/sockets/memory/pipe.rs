//! One direction of a connection in memory.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::ReadBuf;

/// Room for so many bytes that were written and not yet read.
pub(super) const ROOM: usize = 64 << 10;

/// Bytes on their way from one side to the other.
#[derive(Debug, Default)]
pub(super) struct Pipe(Mutex<Flow>);

#[derive(Debug, Default)]
struct Flow {
    bytes: VecDeque<u8>,
    /// Nothing more will be written.
    ended: bool,
    /// Nobody will read.
    left: bool,
    reset: bool,
    reading: Vec<Waker>,
    writing: Vec<Waker>,
}

impl Flow {
    fn is_readable(&self) -> bool {
        !self.bytes.is_empty() || self.ended || self.reset
    }

    fn is_writable(&self) -> bool {
        self.bytes.len() < ROOM || self.ended || self.left || self.reset
    }

    /// As much as there is, into `buf`; nothing at the end.
    fn copy(&self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        if self.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if !self.is_readable() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let before = buf.filled().len();
        let (first, second) = self.bytes.as_slices();
        for part in [first, second] {
            let (now, _) = part.split_at(part.len().min(buf.remaining()));
            buf.put_slice(now);
        }
        Ok(buf.filled().len() - before)
    }

    /// Tells everybody who waits.
    fn wake(&mut self) {
        self.reading.drain(..).chain(self.writing.drain(..)).for_each(Waker::wake);
    }
}

/// Has `cx` woken along with `others`.
fn wait(others: &mut Vec<Waker>, cx: &Context<'_>) {
    if !others.iter().any(|other| other.will_wake(cx.waker())) {
        others.push(cx.waker().clone());
    }
}

impl Pipe {
    pub(super) fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut flow = self.lock();
        if flow.is_readable() {
            return Poll::Ready(());
        }
        wait(&mut flow.reading, cx);
        Poll::Pending
    }

    pub(super) fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut flow = self.lock();
        if flow.is_writable() {
            return Poll::Ready(());
        }
        wait(&mut flow.writing, cx);
        Poll::Pending
    }

    pub(super) fn try_read(&self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let mut flow = self.lock();
        let read = flow.copy(buf)?;
        flow.bytes.drain(..read);
        flow.writing.drain(..).for_each(Waker::wake);
        Ok(())
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_readable(cx));
        Poll::Ready(self.try_read(buf))
    }

    /// Leaves there what it reads.
    pub(super) fn poll_peek(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        ready!(self.poll_readable(cx));
        Poll::Ready(self.lock().copy(buf))
    }

    pub(super) fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut flow = self.lock();
        if flow.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if flow.ended || flow.left {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let wanted = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let taken = wanted.min(ROOM - flow.bytes.len());
        if taken == 0 && wanted > 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        flow.bytes.extend(bufs.iter().flat_map(|buf| buf.iter()).take(taken));
        flow.reading.drain(..).for_each(Waker::wake);
        Ok(taken)
    }

    pub(super) fn poll_write(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_writable(cx));
        Poll::Ready(self.try_write(bufs))
    }

    /// Nothing more will be written.
    pub(super) fn end(&self) {
        let mut flow = self.lock();
        flow.ended = true;
        flow.wake();
    }

    /// Nobody will read any more; whether something is unread.
    pub(super) fn leave(&self) -> bool {
        let mut flow = self.lock();
        flow.left = true;
        flow.wake();
        !flow.bytes.is_empty()
    }

    /// What is on its way is lost, and both sides see an error.
    pub(super) fn reset(&self) {
        let mut flow = self.lock();
        flow.bytes.clear();
        flow.reset = true;
        flow.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
