//! What a request comes on.

use std::io;

use bytes::BytesMut;
use tokio::net::TcpStream;

/// A connection: the kernel's, or whatever does the same in memory. Both directions are used at once.
pub trait Wire: Send + Sync + 'static {
    /// Reads what is there behind `buffer`; 0 at the end, `WouldBlock` where nothing is there.
    fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize>;
    /// Writes what there is room for; `WouldBlock` where there is none.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until there is something to read, or the end.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// Waits until there is room to write, or nobody who reads.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// Ends it with a reset.
    fn reset(self);
}

impl Wire for TcpStream {
    fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.try_read_buf(buffer)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }

    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
        Self::readable(self)
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
        Self::writable(self)
    }

    fn reset(self) {
        // Without the option the client sees a FIN in place of a RST, and its test fails.
        let _ = self.set_zero_linger();
    }
}
