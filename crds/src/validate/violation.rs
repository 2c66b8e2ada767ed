//! What is wrong with an object.

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where: a JSON pointer into the object; what is missing is reported at what should hold it.
    pub pointer: String,
    /// What is wrong there and what is allowed.
    pub message: String,
}
