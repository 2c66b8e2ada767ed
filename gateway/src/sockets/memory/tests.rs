use super::pipe::ROOM;
use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ANY: SocketAddr = SocketAddr::new(HERE, 0);

/// Both sides of a connection, and its listener.
async fn connected() -> (Stream, Stream, Listener) {
    let network = Network::default();
    let listener = network.listen(ANY).unwrap();
    let near = network.connect(listener.address()).await.unwrap();
    let far = listener.accept().await.unwrap();
    assert_eq!(near.peer(), listener.address());
    (near, far, listener)
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Whether `future` is not ready.
async fn waits(future: impl Future) -> bool {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test]
async fn what_one_side_writes_the_other_reads_in_order_and_then_its_end() {
    let (mut near, mut far, _listener) = connected().await;
    let all: Vec<u8> = (0..4 * ROOM).map(|byte| byte as u8).collect();
    let writes = async {
        near.write_all(&all).await.unwrap();
        near.shutdown().await.unwrap();
    };
    let mut read = Vec::new();
    let (_, length) = tokio::join!(writes, far.read_to_end(&mut read));
    assert!(length.unwrap() == all.len() && read == all);
    far.write_all(b"half-closed").await.unwrap();
    drop(far);
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "half-closed");
    assert_eq!(kind(near.try_write(b"x")), Some(ErrorKind::BrokenPipe));
}

#[tokio::test]
async fn a_full_pipe_takes_no_more_until_it_is_read() {
    let (near, far, _listener) = connected().await;
    assert_eq!(near.try_write(&[0; 2 * ROOM]).unwrap(), ROOM);
    assert_eq!(kind(near.try_write(b"x")), Some(ErrorKind::WouldBlock));
    assert!(waits(near.writable()).await);
    let waits = async {
        near.writable().await;
        near.try_write(&[0; 2 * ROOM]).unwrap()
    };
    let (written, read) = tokio::join!(waits, async { far.try_read(&mut [0; 9]).unwrap() });
    assert_eq!((written, read), (9, 9));
}

#[tokio::test]
async fn a_look_leaves_what_is_there() {
    let (near, far, _listener) = connected().await;
    let look = || async { poll_fn(|cx| far.poll_peek(cx, &mut ReadBuf::new(&mut [0; 2]))).await };
    assert!(waits(look()).await && waits(far.readable()).await);
    near.try_write(b"abc").unwrap();
    assert_eq!((look().await.unwrap(), look().await.unwrap()), (2, 2));
    assert_eq!(far.try_read(&mut [0; 9]).unwrap(), 3);
    drop(near);
    assert_eq!((look().await.unwrap(), far.try_read(&mut [0; 9]).unwrap()), (0, 0));
}

#[tokio::test]
async fn a_reset_loses_what_is_on_its_way_and_both_sides_see_it() {
    let reset = Some(ErrorKind::ConnectionReset);
    let (near, far, _listener) = connected().await;
    near.try_write(b"lost").unwrap();
    near.reset();
    assert_eq!((kind(far.try_read(&mut [0; 9])), kind(far.try_write(b"x"))), (reset, reset));
    // So does a drop that leaves something unread.
    let (near, far, _listener) = connected().await;
    far.try_write(b"unread").unwrap();
    drop(near);
    assert_eq!((kind(far.try_read(&mut [0; 9])), kind(far.try_write(b"x"))), (reset, reset));
}

#[tokio::test]
async fn who_listens_nowhere_refuses_and_who_swallows_does_not_answer() {
    let refused = Some(ErrorKind::ConnectionRefused);
    let network = Network::default();
    let listener = network.listen(ANY).unwrap();
    let address = listener.address();
    assert_eq!(kind(network.listen(address)), Some(ErrorKind::AddrInUse));
    assert_eq!(kind(network.connect("127.0.0.1:1".parse().unwrap()).await), refused);
    let waiting = network.connect(address).await.unwrap();
    drop(listener);
    assert_eq!(waiting.try_read(&mut [0; 9]).unwrap(), 0, "nobody accepted it");
    assert_eq!(kind(network.connect(address).await), refused);
    let silent = network.swallow(address).unwrap();
    assert!(waits(network.connect(silent)).await);
}

#[tokio::test]
async fn what_has_connected_is_there_when_a_listener_ends() {
    let network = Network::default();
    let listener = network.listen(ANY).unwrap();
    let address = listener.address();
    let near = [network.connect(address).await.unwrap(), network.connect(address).await.unwrap()];
    assert_eq!(listener.rest().count(), near.len());
    assert_eq!(kind(network.connect(address).await), Some(ErrorKind::ConnectionRefused));
}
