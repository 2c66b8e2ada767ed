//! TCP's own keep-alive on every connection of ours, callers' and upstreams'.
//!
//! A model may think for a quarter of an hour without a byte, and a NAT or load balancer between forgets a silent
//! connection after some minutes without a word to either side. A probe a minute keeps its entry; and where the entry,
//! or the other side, is gone all the same, that is noticed within some minutes, not by a timer of many.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// After so much silence the first probe goes out.
const AFTER: Duration = Duration::from_secs(60);
/// While probes stay unanswered, one more so often. After nine Linux gives the connection up.
const INTERVAL: Duration = Duration::from_secs(15);

/// Has the kernel probe `stream` when it is silent.
pub(crate) fn turn_on(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(AFTER).with_interval(INTERVAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn s10_19_the_kernel_probes_a_silent_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        turn_on(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(
            (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap()),
            (AFTER, INTERVAL)
        );
    }
}
