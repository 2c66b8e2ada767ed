//! What is wrong with a JSON text, and where: worked out only once something is wrong.

use std::fmt;

/// Where in a text something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
}

impl Position {
    /// The position of the byte `at` in `text`.
    pub(crate) fn of(text: &[u8], at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let from = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let is_character = |byte: &&u8| **byte & 0xC0 != 0x80;
        let column = before.get(from..).unwrap_or_default().iter().filter(is_character).count() + 1;
        Self { line, column }
    }
}

/// Why a text was refused, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) what: What,
}

impl Flaw {
    /// The index of the key that is given twice, if that is the flaw.
    pub(crate) fn duplicate(self) -> Option<usize> {
        match self.what {
            What::Duplicate(which) => Some(which),
            _ => None,
        }
    }

    /// The index of the key that some readers take the flawed one for, if that is the flaw.
    pub(crate) fn alike(self) -> Option<usize> {
        match self.what {
            What::Alike(which) => Some(which),
            _ => None,
        }
    }
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    End,
    NotAnObject,
    Key,
    Colon,
    Value,
    MemberEnd,
    ElementEnd,
    Control,
    Escape,
    Number,
    Depth,
    Trailing,
    /// The second value of a key, by its index in the table of keys.
    Duplicate(usize),
    /// A key that some readers take for one of the table, by its index there.
    Alike(usize),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            What::End => "it ends in the middle",
            What::NotAnObject => "it must be an object",
            What::Key => "expected a quoted key",
            What::Colon => "expected `:` after a key",
            What::Value => "expected a value",
            What::MemberEnd => "expected `,` or `}`",
            What::ElementEnd => "expected `,` or `]`",
            What::Control => "a control character stands in a string; it must be escaped",
            What::Escape => "a backslash is followed by what is no escape",
            What::Number => "a number is not written as JSON writes numbers",
            What::Depth => "it is nested deeper than 64 levels",
            What::Trailing => "something follows the object",
            What::Duplicate(_) => "a key is given twice",
            What::Alike(_) => "a key is written in other letters than it has",
        })
    }
}
