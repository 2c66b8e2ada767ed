//! Requests read, written and both, against OpenAI's documents, recordings and the cases that went wrong elsewhere.

mod both;
mod goldens;
mod made;
mod reading;
mod refused;
mod tuned;
mod writing;
