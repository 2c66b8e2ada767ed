//! What vendors really sent, read and passed through.

mod bodies;
mod recorded;
mod streams;
