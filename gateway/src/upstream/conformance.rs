//! One set of cases for whatever carries requests to upstreams: our own HTTP/1.1 against hyper's client, which is the
//! reference. Where ours is stricter on purpose, the case says why.

mod cases;
mod server;
mod transports;

use crate::sockets::Network;
use cases::cases;
use server::Server;
use std::time::Duration;
use tokio::net::TcpListener;
use transports::Transport;

/// Far beyond what a case takes: who waits for ever is told so.
const STUCK: Duration = Duration::from_secs(60);
/// The headers of a success that each request wants.
const WANTED: &[&str] = &["x-wanted", "retry-after"];

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Answer(Answer),
    /// What came is no answer, or one that can be read in two ways.
    NotHttp,
    /// The connection broke off before the head was whole.
    Broken,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Of a success those that are wanted, else all; in the order of their names.
    headers: Vec<(String, String)>,
    compressed: bool,
    body: String,
    /// Whether the body came to its end.
    whole: bool,
    /// Whether the same connection carried another exchange.
    reused: bool,
}

/// One connection on which the server does `server`, and serves any request afterwards.
struct Case {
    name: &'static str,
    /// The length of the request's body.
    sends: usize,
    server: Vec<server::Does>,
    expected: Outcome,
    /// What the reference makes of it where that is something else, and why ours is as it is.
    reference: Option<(&'static str, Outcome)>,
}

async fn run(transport: Transport, case: &Case) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Network::kernel().connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    // On the connection of a client that goes away, a server does not get to the end of what it does.
    let serving = async {
        drop(Server::new(stream).run(&case.server).await);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = transport.ask(client, case.sends) => outcome,
        () = serving => unreachable!(),
        () = tokio::time::sleep(STUCK) => panic!("{transport:?} is stuck: {}", case.name),
    }
}

#[tokio::test]
async fn s1_14_a_transport_reads_answers_as_the_reference_does_or_says_why_not() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (ours, reference) = (run(Transport::Ours, &case).await, run(Transport::Hyper, &case).await);
        let (why, other) = match &case.reference {
            Some((why, other)) => (*why, other),
            None => ("", &case.expected),
        };
        if ours != case.expected {
            wrong.push(format!("{}: ours: {ours:?}", case.name));
        }
        if reference != *other {
            wrong.push(format!("{}: {why}: the reference: {reference:?}", case.name));
        }
        let differs = case.reference.is_some();
        assert_eq!(differs, *other != case.expected, "{}: a difference that is none", case.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
