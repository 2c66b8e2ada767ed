//! Requests of chat completions, to and from the hub's form.

mod data_url;
mod message;
mod messages;
mod parts;
mod read;
mod thoughts;
mod tools;
mod tuning;
mod write;
mod wrong;

pub(crate) use read::read;
pub(crate) use write::write;

#[cfg(test)]
mod tests;
