//! The first bytes of a connection: they tell what its caller speaks. They are read, and later read again, because a
//! look that leaves them in the socket cannot wait for more of them.

use crate::sockets::Stream;
use std::io;

/// How HTTP/2's preface begins. No request of HTTP/1.1 does.
const PREFACE: &[u8; 4] = b"PRI ";

/// What a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Http1,
    Http2,
}

/// The bytes that told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FirstBytes {
    bytes: [u8; PREFACE.len()],
    length: usize,
}

impl FirstBytes {
    /// Reads until it is clear what the caller speaks. At the stream's end that is HTTP/1.1.
    pub(super) async fn read(stream: &Stream) -> io::Result<Self> {
        let mut first = Self::default();
        while first.could_be_more() {
            stream.readable().await?;
            let room = first.bytes.get_mut(first.length..).unwrap_or_default();
            match stream.try_read(room) {
                Ok(0) => break,
                Ok(read) => first.length += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(first)
    }

    /// Whether they are a beginning of the preface, and not all of it.
    fn could_be_more(&self) -> bool {
        self.length < PREFACE.len() && PREFACE.starts_with(self.bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(super) fn speaks(&self) -> Speaks {
        if self.bytes() == PREFACE { Speaks::Http2 } else { Speaks::Http1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::Network;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    async fn read(pieces: &[&[u8]]) -> FirstBytes {
        let (listener, address) = Network::kernel().listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = listener.awaited().unwrap();
        let connect = async {
            let mut caller = TcpStream::connect(address).await.unwrap();
            caller.set_nodelay(true).unwrap();
            for piece in pieces {
                caller.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let accept = async {
            let stream = listener.accept().await.unwrap().stream().unwrap();
            FirstBytes::read(&stream).await.unwrap()
        };
        tokio::join!(connect, accept).1
    }

    #[tokio::test]
    async fn s10_16_a_preface_in_pieces_is_one() {
        for pieces in [
            &[b"PRI * HTTP/2.0".as_slice()][..],
            &[b"P", b"R", b"I", b" ", b"*"],
            &[b"PR", b"I *"],
            &[b"PRI", b" "],
        ] {
            let first = read(pieces).await;
            assert_eq!((first.speaks(), first.bytes()), (Speaks::Http2, PREFACE.as_slice()), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn s10_16_what_differs_at_once_is_read_no_further() {
        for (pieces, told) in [
            (&[b"POST /v1".as_slice()][..], b"POST".as_slice()),
            (&[b"G"], b"G"),
            (&[b"P", b"OST "], b"POST"),
            (&[b"PRI", b"/ HTTP/1.1"], b"PRI/"),
            (&[b"PR"], b"PR"),
            (&[], b""),
        ] {
            let first = read(pieces).await;
            assert_eq!((first.speaks(), first.bytes()), (Speaks::Http1, told), "{pieces:?}");
        }
    }
}
