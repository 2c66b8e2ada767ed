//! A request that targets answer: taken apart, handed to the pipeline, and answered with what comes of it.

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
use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body;
use std::sync::Arc;
use std::time::Instant;
use weir_wire::Api;

/// Characters of a caller's own id.
const CLIENT_REQUEST_ID: usize = 128;

/// The answer, and what should still be read of the request that it refuses.
pub(super) struct Answered {
    pub(super) response: Response<OutBody>,
    pub(super) unread: Option<body::Incoming>,
}

/// What is noted of a request when its head has come.
pub(super) struct Noted {
    pub(super) api: Api,
    pub(super) recorder: Recorder,
    pub(super) timer: SharedTimer,
    pub(super) head_bytes: usize,
}

/// A request on HTTP.
struct Asked<'a> {
    gateway: &'a Gateway,
    worker: &'a Worker,
    head_bytes: usize,
    began: Instant,
    /// None once it was admitted.
    request: Option<(Parts, Upload)>,
}

impl Asked<'_> {
    fn upload(&self) -> Option<&Upload> {
        self.request.as_ref().map(|(_, upload)| upload)
    }
}

impl Incoming for Asked<'_> {
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.request.iter().flat_map(|(head, _)| keys::keys(&head.headers))
    }

    fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.request.as_ref()?;
        let mut values = head.headers.get_all(name).iter().map(|value| value.to_str().ok());
        let first = values.next()??.to_owned();
        values.try_fold(first, |all, value| Some(format!("{all}, {}", value?)))
    }

    fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    fn is_at_most(&self, most: u64) -> bool {
        self.upload().is_some_and(|upload| upload.is_at_most(most))
    }

    fn waits(&self) -> bool {
        self.upload().is_some_and(Upload::waits)
    }

    async fn receive(&mut self, max: u64) -> Result<Received, Fault> {
        let Self { gateway, worker, began, request, .. } = self;
        let Some((head, upload)) = request else { return Err(Fault::internal()) };
        upload.receive(&head.headers, max, gateway, worker, *began).await
    }

    fn let_go(&mut self) {
        self.request = None;
    }
}

/// Answers `request`.
pub(super) async fn ask(
    gateway: &Arc<Gateway>,
    worker: &Arc<Worker>,
    noted: Noted,
    request: Request<body::Incoming>,
) -> Answered {
    let Noted { api, mut recorder, timer, head_bytes } = noted;
    let (head, body) = request.into_parts();
    let upload = Upload::new(&head, body);
    recorder.event.client_request_id = named_by_caller(&head.headers);
    let began = recorder.event.began;
    let mut asked = Asked { gateway, worker, head_bytes, began, request: Some((head, upload)) };
    let (id, mut answered) = match pipeline::ask(gateway, worker, api, recorder, timer, &mut asked).await {
        Reply::Answer(about, answer) => {
            (about.id, Answered { response: respond(&about, answer), unread: None })
        }
        Reply::Refusal(id, fault) => {
            let slow = fault.kind == FaultKind::BodyTooSlow; // and would be when it is discarded
            let unread = asked.request.and_then(|(_, upload)| upload.unread()).filter(|_| !slow);
            (id, Answered { response: refusal(id, api, fault), unread })
        }
    };
    if let Some(name) = api.id_header() {
        answered.response.headers_mut().insert(HeaderName::from_static(name), id.header());
    }
    answered
}

/// The id that the caller gave the request, as JSON, if it is one that a line can hold: printable ASCII, at most 128
/// characters.
fn named_by_caller(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(super::X_REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=CLIENT_REQUEST_ID).contains(&id.len());
    fits.then(|| serde_json::Value::from(id).to_string())
}
