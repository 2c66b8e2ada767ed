//! The transports: each asks over a connection that is there already, and asks again if the connection is still good.

use super::server::SECOND;
use super::{Answer, Outcome, WANTED};
use crate::coding::is_coding;
use crate::sockets;
use crate::tasks;
use crate::upstream::h1::{Link, LinkBody, NoAnswer, Origin, Owner, Pool, Pooled};
use crate::upstream::stream::Stream;
use crate::upstream::{Accept, Request};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::time::Instant;
use weir_config::{Auth, Endpoint};

#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    /// Our own HTTP/1.1.
    Ours,
    /// The reference.
    Hyper,
}

impl Transport {
    /// What becomes of a request of `length` bytes over `connection`.
    pub(super) async fn ask(self, connection: sockets::Stream, length: usize) -> Outcome {
        match self {
            Self::Ours => ours(connection, length).await,
            Self::Hyper => hyper(connection, length).await,
        }
    }
}

/// Whether this is the answer to a second request.
fn is_second(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answer(answer) if answer.whole && answer.body == SECOND)
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
    let mut all: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

async fn ours(connection: sockets::Stream, length: usize) -> Outcome {
    let (pool, owner) = (Pool::new(1, 9), Owner::default());
    let link = Link::new(Stream::Plain(connection), Instant::now(), 0);
    let mut first = one_of_ours(Pooled::new(link, &pool, &owner), length).await;
    if let Outcome::Answer(answer) = &mut first
        && let Some(kept) = pool.take(&owner, Instant::now()).await
    {
        answer.reused = is_second(&one_of_ours(kept, 2).await);
    }
    first
}

async fn one_of_ours(mut pooled: Box<Pooled>, length: usize) -> Outcome {
    let endpoint =
        Endpoint { tls: false, host: "upstream.test".to_owned(), port: 80, base_path: String::new() };
    let origin = Origin::new(&endpoint, Auth::Bearer, None).unwrap();
    let body = [Bytes::from(vec![b' '; length])];
    let request =
        Request { keep: WANTED, ..Request::post("/chat/completions", &body, Accept::Json).unwrap() };
    let framed = match pooled.link.exchange(&origin, &request, &|| {}).await {
        Ok(framed) => framed,
        Err(NoAnswer::NotHttp) => return Outcome::NotHttp,
        Err(NoAnswer::Closed | NoAnswer::Broken) => return Outcome::Broken,
    };
    let mut coming = LinkBody::new(framed.length, pooled);
    let (mut body, mut whole) = (Vec::new(), true);
    while let Some(piece) = poll_fn(|cx| coming.poll_data(cx)).await {
        match piece {
            Ok(piece) => body.extend_from_slice(&piece),
            Err(_) => whole = false,
        }
    }
    let head = framed.head;
    Outcome::Answer(Answer {
        status: head.status.as_u16(),
        headers: listed(&head.headers),
        compressed: head.compressed,
        body: String::from_utf8(body).unwrap(),
        whole,
        reused: false,
    })
}

async fn hyper(connection: sockets::Stream, length: usize) -> Outcome {
    // As large a head as ours takes, in as many lines.
    let mut builder = Builder::new();
    builder.max_buf_size(64 << 10).max_headers(16 << 10);
    let (mut sender, driver) = builder.handshake(TokioIo::new(connection)).await.unwrap();
    tasks::spawn("the reference's connection", async { drop(driver.await) });
    let mut first = one_of_hypers(&mut sender, length).await;
    if let Outcome::Answer(answer) = &mut first
        && sender.ready().await.is_ok()
    {
        answer.reused = is_second(&one_of_hypers(&mut sender, 2).await);
    }
    first
}

async fn one_of_hypers(sender: &mut SendRequest<Full<Bytes>>, length: usize) -> Outcome {
    let request = hyper::Request::post("/chat/completions").header("host", "upstream.test");
    let request = request.body(Full::new(Bytes::from(vec![b' '; length]))).unwrap();
    let answer = match sender.send_request(request).await {
        Ok(answer) => answer,
        Err(error) if error.is_parse() => return Outcome::NotHttp,
        Err(_) => return Outcome::Broken,
    };
    let (head, mut coming) = answer.into_parts();
    let (mut body, mut whole) = (Vec::new(), true);
    while let Some(frame) = coming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let coded = head.headers.get_all("content-encoding").iter().any(|value| is_coding(value.as_bytes()));
    let is_kept = |name: &http::HeaderName| !head.status.is_success() || WANTED.contains(&name.as_str());
    let kept = head.headers.iter().filter(|(name, _)| is_kept(name));
    Outcome::Answer(Answer {
        status: head.status.as_u16(),
        headers: listed(&kept.map(|(name, value)| (name.clone(), value.clone())).collect()),
        compressed: coded,
        body: String::from_utf8(body).unwrap(),
        whole,
        reused: false,
    })
}
