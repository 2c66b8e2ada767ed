//! Everything on the data port that is not hot: what the caller's key may ask for, and refusals of all that is not
//! served. No router of a library: it would answer by itself what it cannot parse (semantics S10.15).

use super::endpoint::Endpoint;
use super::{OutBody, X_REQUEST_ID, model_not_found, models, refusal};
use crate::app::Gateway;
use crate::auth::authenticate;
use crate::call::now_unix;
use crate::fault::{Fault, FaultKind, Retry};
use crate::live::{Live, LiveKey};
use crate::observe::RequestId;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, Version};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A request's headers, in bytes (semantics S10.6).
pub(super) const MAX_HEADERS: usize = 64 << 10;

/// Answers a request for anything but a chat.
pub(super) fn answer(gateway: &Gateway, head: &Parts, id: RequestId) -> Response<OutBody> {
    let endpoint = Endpoint::at(head.uri.path());
    let mut response = match look_up(gateway, endpoint, head) {
        Ok(body) => found(body, id),
        Err(fault) => refusal(id, fault),
    };
    if !endpoint.allows(&head.method) && endpoint != Endpoint::Nowhere {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.methods()));
    }
    if head.method == Method::HEAD {
        without_body(&mut response);
    }
    response
}

/// The JSON that was asked for.
fn look_up(gateway: &Gateway, endpoint: Endpoint<'_>, head: &Parts) -> Result<Bytes, Fault> {
    if endpoint == Endpoint::Nowhere {
        return Err(unknown_url(head));
    }
    if !endpoint.allows(&head.method) {
        let (method, path, methods) = (&head.method, head.uri.path(), endpoint.methods());
        let text = format!("{method} is not understood at {path:?}, only {methods}.");
        return Err(Fault::new(FaultKind::MethodNotAllowed, text));
    }
    let live = gateway.live.load();
    let live = live.as_ref().ok_or_else(not_ready)?;
    let key = authenticate(live, &head.headers, now_unix())?;
    let created = gateway.applied_at.load(Ordering::Relaxed);
    match endpoint {
        Endpoint::Model(id) => json(&model(live, &key, id, created)?),
        _ => json(&models::list(live, &key, created)),
    }
}

fn model(live: &Live, key: &LiveKey, id: &str, created: i64) -> Result<models::ModelEntry, Fault> {
    let id = percent_decoded(id);
    let name = std::str::from_utf8(&id).ok();
    let entry = name.and_then(|name| models::one(live, key, name, created));
    entry.ok_or_else(|| model_not_found(&String::from_utf8_lossy(&id)))
}

/// The bytes that a part of a path stands for. A percent sign without two digits stands for itself.
fn percent_decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let code = digit(after.first()).zip(digit(after.get(1))).filter(|_| byte == b'%');
        let code = code.and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        decoded.push(code.unwrap_or(byte));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded
}

fn json(value: &impl Serialize) -> Result<Bytes, Fault> {
    let text =
        serde_json::to_vec(value).map_err(|error| Fault::new(FaultKind::Internal, error.to_string()))?;
    Ok(text.into())
}

fn found(body: Bytes, id: RequestId) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Whole(Some(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REQUEST_ID, id.header());
    response
}

/// What HEAD asks for: the length of the body, and nothing of it.
fn without_body(response: &mut Response<OutBody>) {
    if let OutBody::Whole(body @ Some(_)) = response.body_mut() {
        let length = body.take().map_or(0, |body| body.len());
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn unknown_url(head: &Parts) -> Fault {
    let text = format!(
        "There is nothing at {:?}. This gateway serves POST /v1/chat/completions, GET /v1/models and \
         GET /v1/models/{{id}}; a client's base URL ends with /v1.",
        head.uri.path()
    );
    Fault::new(FaultKind::UnknownUrl, text)
}

/// Before the first snapshot.
pub(crate) fn not_ready() -> Fault {
    Fault::new(
        FaultKind::NotReady,
        "This gateway has no configuration yet. It comes within seconds; try again.",
    )
    .retry(Retry::After(Duration::from_secs(1)))
}

/// Refuses a head for itself: on HTTP/1.1 one that names no host, or more than one (RFC 9112, section 3.2), for two
/// readers of it may see two destinations; on HTTP/2 one that is too large, which HTTP/1.1 finds while it reads.
pub(super) fn check_head(version: Version, headers: &HeaderMap) -> Result<(), Fault> {
    match version {
        Version::HTTP_11 => match headers.get_all(http::header::HOST).iter().count() {
            1 => Ok(()),
            hosts => {
                let text =
                    format!("A request of HTTP/1.1 has exactly one `Host` header; this one has {hosts}.");
                Err(Fault::new(FaultKind::InvalidRequest, text))
            }
        },
        Version::HTTP_2 if headers_size(headers) > MAX_HEADERS => Err(Fault::headers_too_large(MAX_HEADERS)),
        _ => Ok(()),
    }
}

/// What `headers` take on HTTP/1.1's wire.
fn headers_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_or_stand_for_themselves() {
        for (text, decoded) in [
            ("gpt-5", b"gpt-5".as_slice()),
            ("meta%2Fllama%2f3", b"meta/llama/3"),
            ("%ff%00", b"\xff\0"),
            ("%", b"%"),
            ("%4", b"%4"),
            ("%zz%41", b"%zzA"),
            ("%%41", b"%A"),
            ("", b""),
        ] {
            assert_eq!(percent_decoded(text), decoded, "{text}");
        }
    }
}
