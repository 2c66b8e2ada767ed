//! A chat request: taken apart, handed to the pipeline, and answered with what comes of it.

use super::refusal::refusal;
use super::respond::respond;
use super::upload::Upload;
use super::{OutBody, keys};
use crate::app::Gateway;
use crate::fault::{Fault, FaultKind};
use crate::observe::Recorder;
use crate::pipeline::{self, Incoming, Received, Reply};
use crate::timer::SharedTimer;
use crate::worker::Worker;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use hyper::body;
use std::sync::Arc;
use std::time::Instant;

/// Characters of a caller's own id.
const CLIENT_REQUEST_ID: usize = 128;

/// The answer, and what should still be read of the request that it refuses.
pub(super) struct Answered {
    pub(super) response: Response<OutBody>,
    pub(super) unread: Option<body::Incoming>,
}

/// What is noted of a request when its head has come.
pub(super) struct Noted {
    pub(super) recorder: Recorder,
    pub(super) timer: SharedTimer,
    pub(super) head_bytes: usize,
}

/// A request on HTTP.
struct Asked<'a> {
    gateway: &'a Gateway,
    worker: &'a Worker,
    head: Parts,
    head_bytes: usize,
    upload: Upload,
    began: Instant,
}

impl Incoming for Asked<'_> {
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        keys::keys(&self.head.headers)
    }

    fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    fn is_at_most(&self, most: u64) -> bool {
        self.upload.is_at_most(most)
    }

    fn waits(&self) -> bool {
        self.upload.waits()
    }

    async fn receive(&mut self, max: u64) -> Result<Received, Fault> {
        let Self { gateway, worker, head, upload, began, .. } = self;
        upload.receive(&head.headers, max, gateway, worker, *began).await
    }
}

/// Answers `POST /v1/chat/completions`.
pub(super) async fn chat(
    gateway: &Arc<Gateway>,
    worker: &Arc<Worker>,
    noted: Noted,
    request: Request<body::Incoming>,
) -> Answered {
    let Noted { mut recorder, timer, head_bytes } = noted;
    let (head, body) = request.into_parts();
    let upload = Upload::new(&head, body);
    recorder.event.client_request_id = named_by_caller(&head.headers);
    let began = recorder.event.began;
    let mut asked = Asked { gateway, worker, head, head_bytes, upload, began };
    match pipeline::chat(gateway, worker, recorder, timer, &mut asked).await {
        Reply::Answer(about, answer) => Answered { response: respond(&about, answer), unread: None },
        Reply::Refusal(id, fault) => {
            let slow = fault.kind == FaultKind::BodyTooSlow; // and would be when it is discarded
            let unread = asked.upload.unread().filter(|_| !slow);
            Answered { response: refusal(id, fault), unread }
        }
    }
}

/// The id that the caller gave the request, as JSON, if it is one that a line can hold: printable ASCII, at most 128
/// characters.
fn named_by_caller(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(super::X_REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=CLIENT_REQUEST_ID).contains(&id.len());
    fits.then(|| serde_json::Value::from(id).to_string())
}
