//! Where the usage log goes, as its user says.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the usage log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageLogTo {
    /// Nowhere.
    Off,
    /// Standard output: what a pod does.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

/// As it is given on a command line: `off`, `-`, or a file's name.
impl FromStr for UsageLogTo {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "off" => Self::Off,
            "-" => Self::Stdout,
            file => Self::File(PathBuf::from(file)),
        })
    }
}
