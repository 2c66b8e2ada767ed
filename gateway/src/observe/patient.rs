//! Writing for threads that may wait.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

/// How long a sink that would not block is left alone.
const AGAIN: Duration = Duration::from_millis(20);

/// Writes all of `bytes`, however long it takes: also where whoever started us made the pipe one that does not block.
pub(super) fn write_all(sink: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::park_timeout(AGAIN),
            Err(error) => return Err(error),
        }
    }
    sink.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a byte at every second call.
    struct Reluctant(Vec<u8>, bool);

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.0.push(bytes[0]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn s9_10_a_sink_that_would_not_block_gets_every_byte_once() {
        let mut sink = Reluctant(Vec::new(), false);
        write_all(&mut sink, b"abc").unwrap();
        assert_eq!(sink.0, b"abc");
    }
}
