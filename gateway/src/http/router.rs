//! Everything on the data port that is not hot: what the caller's key may ask for, and refusals of all that is not
//! served. No router of a library: it would answer by itself what it cannot parse (semantics S10.15).

use super::endpoint::Endpoint;
use super::keys::keys;
use super::refusal::refusal;
use super::{OutBody, X_REQUEST_ID, models};
use crate::app::Gateway;
use crate::clock;
use crate::fault::{Fault, FaultKind};
use crate::live::{Live, LiveKey};
use crate::observe::RequestId;
use crate::pipeline::authenticate;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use std::sync::atomic::Ordering;
use weir_config::UnixSeconds;
use weir_wire::{Api, Listed};

/// A request's headers, in bytes (semantics S10.6).
pub(super) const MAX_HEADERS: usize = 64 << 10;

/// Answers a request that no target does.
pub(super) fn answer(gateway: &Gateway, head: &Parts, id: RequestId) -> Response<OutBody> {
    let endpoint = Endpoint::at(head.uri.path());
    let api = match endpoint {
        Endpoint::Ask(api) => api,
        _ => Api::of_head(|name| head.headers.contains_key(name)),
    };
    let mut response = match look_up(gateway, endpoint, api, head) {
        Ok(body) => found(body, id),
        Err(fault) => refusal(id, api, fault),
    };
    if !endpoint.allows(&head.method) && endpoint != Endpoint::Nowhere {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.methods()));
    }
    if let Some(name) = api.id_header() {
        response.headers_mut().insert(HeaderName::from_static(name), id.header());
    }
    if head.method == Method::HEAD {
        without_body(&mut response);
    }
    response
}

/// The JSON that was asked for.
fn look_up(gateway: &Gateway, endpoint: Endpoint<'_>, api: Api, head: &Parts) -> Result<Bytes, Fault> {
    if endpoint == Endpoint::Nowhere {
        return Err(unknown_url(head));
    }
    if !endpoint.allows(&head.method) {
        let (method, path, methods) = (&head.method, head.uri.path(), endpoint.methods());
        let text = format!("{method} is not understood at {path:?}, only {methods}.");
        return Err(Fault::new(FaultKind::MethodNotAllowed, text));
    }
    let live = gateway.live.load();
    let live = live.as_ref().ok_or_else(Fault::not_ready)?;
    let key = authenticate(live, keys(&head.headers), clock::today())?;
    let created = UnixSeconds(gateway.applied_at.load(Ordering::Relaxed));
    Ok(match endpoint {
        Endpoint::Model(id) => api.model(&model(live, &key, id, created)?),
        _ => api.model_list(&models::list(live, &key, created)),
    })
}

fn model(live: &Live, key: &LiveKey, id: &str, created: UnixSeconds) -> Result<Listed, Fault> {
    let id = percent_decoded(id);
    let name = std::str::from_utf8(&id).ok();
    let entry = name.and_then(|name| models::one(live, key, name, created));
    entry.ok_or_else(|| Fault::model_not_found(&String::from_utf8_lossy(&id)))
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
        "There is nothing at {:?}. This gateway serves POST /v1/chat/completions, POST /v1/messages, GET /v1/models and \
         GET /v1/models/{{id}}; the base URL of OpenAI's clients ends with /v1, that of Anthropic's does not.",
        head.uri.path()
    );
    Fault::new(FaultKind::UnknownUrl, text)
}

/// Refuses a head for itself: on HTTP/1.1 for what two readers of it may understand in two ways, on HTTP/2 one that is
/// too large, which HTTP/1.1 finds while it reads. Gives its size.
pub(super) fn check_head<B: Body>(request: &Request<B>) -> Result<usize, Fault> {
    let headers = request.headers();
    let size = headers_size(headers) + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    match request.version() {
        Version::HTTP_11 => {
            check_host(headers)?;
            // No body has a length where the library found a transfer coding.
            if request.body().size_hint().exact().is_none() {
                check_codings(headers)?;
            }
        }
        Version::HTTP_2 if size > MAX_HEADERS => return Err(Fault::headers_too_large(MAX_HEADERS)),
        _ => {}
    }
    Ok(size)
}

/// A head names one host, in a form that has one meaning (RFC 9112, section 3.2): two readers may see two destinations.
fn check_host(headers: &HeaderMap) -> Result<(), Fault> {
    let mut hosts = headers.get_all(HOST).iter();
    let text = match (hosts.next(), hosts.count()) {
        (Some(host), 0) if is_host(host.as_bytes()) => return Ok(()),
        (Some(_), 0) => "The request's `Host` header is no host, or host and port.".to_owned(),
        (first, more) => {
            let hosts = usize::from(first.is_some()) + more;
            format!("A request of HTTP/1.1 has exactly one `Host` header; this one has {hosts}.")
        }
    };
    Err(Fault::new(FaultKind::InvalidRequest, text))
}

/// Whether `text` is a host, with a port or without (RFC 9110, section 7.2; RFC 3986, section 3.2.2); nothing at all is
/// one, too.
fn is_host(text: &[u8]) -> bool {
    // A match is a test of bits, where a list would be searched.
    let is_name = |byte: &u8| {
        let others = matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b';'
                | b'='
        );
        byte.is_ascii_alphanumeric() || others
    };
    let literal = text.strip_prefix(b"[");
    let text = literal.unwrap_or(text);
    let is_inner = |byte: &u8| is_name(byte) || (literal.is_some() && *byte == b':');
    let length = text.iter().take_while(|byte| is_inner(byte)).count();
    let rest = text.get(length..).unwrap_or_default();
    let rest = if literal.is_some() { rest.strip_prefix(b"]") } else { Some(rest) };
    match rest {
        Some([]) => true,
        Some([b':', port @ ..]) => port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// The library takes every body whose last transfer coding is `chunked`, and leaves the others to whom it gives it.
fn check_codings(headers: &HeaderMap) -> Result<(), Fault> {
    let lines =
        headers.get_all(TRANSFER_ENCODING).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let named: Vec<_> = lines.collect();
    let named = named.join(", ");
    let mut codings = named.split(',').map(str::trim).filter(|coding| !coding.is_empty());
    if codings.next().is_none_or(|only| only.eq_ignore_ascii_case("chunked")) && codings.next().is_none() {
        return Ok(());
    }
    let some: String = named.chars().take(100).collect();
    let text = format!("Of transfer codings this gateway knows `chunked` alone; this request has {some:?}.");
    Err(Fault::new(FaultKind::InvalidRequest, text))
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
