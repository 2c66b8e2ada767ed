//! What vendors really sent, read and passed through.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod streams;
