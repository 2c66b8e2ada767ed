//! HTTP on the callers' side: connections, bodies in and out, and the one place that writes an error.

mod activity;
mod admin;
mod answer_headers;
mod body;
mod connection;
mod endpoint;
mod fault;
mod first_bytes;
mod guarded;
mod lingering;
mod models;
mod names;
mod numbers;
mod outbox;
mod receive;
mod respond;
mod router;
mod stall;
mod streams;
mod unreadable;

pub(crate) use admin::serve_admin;
pub(crate) use body::OutBody;
pub(crate) use connection::serve_connection;
pub(crate) use fault::{bad_request, model_not_found, refusal, refuse, stream_error, words};
pub(crate) use names::X_REQUEST_ID;
pub(crate) use receive::{Received, Upload, hold, no_room, receive};
pub(crate) use respond::{begun_stream, respond};
pub(crate) use router::{LARGE_HEAD, not_ready};

/// What callers call.
pub(crate) const API: weir_wire::Api = weir_wire::Api::Chat;
