//! HTTP on the callers' side: connections, bodies in and out, and the one place that writes an error.

mod activity;
mod admin;
mod answer_headers;
mod body;
mod connection;
mod endpoint;
mod first_bytes;
mod guarded;
mod hot;
mod hypers_refusal;
mod keys;
mod lingering;
mod models;
mod names;
mod numbers;
mod outbox;
mod phases;
mod refusal;
mod respond;
mod router;
mod stall;
mod streams;
mod unreadable;
mod upload;

pub(crate) use admin::serve_admin;
pub(crate) use connection::serve_connection;

use body::OutBody;
use names::X_REQUEST_ID;
