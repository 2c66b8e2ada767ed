//! Texts of conditions and events: what happened, where, why, what to do, and the code by which to look it up.

use std::fmt::Write;
use weir_compile::{Code, Finding};

/// A message is no longer than this, in bytes: an Event takes no more, and nobody reads more.
pub const LONGEST: usize = 1024;
/// Kept free for how many more there are.
const MORE: usize = 24;
/// Between two findings: their messages have commas, semicolons and full stops of their own.
const BETWEEN: &str = " | ";

/// One finding as people read it: `spec.model: what, why, what to do [WEIR0301]`.
pub fn line(finding: &Finding) -> String {
    coded(&format!("{}: {}", finding.field, finding.message), finding.code)
}

/// `text` with the code after it; of a text that is too long the end goes, never the code.
pub fn coded(text: &str, code: Code) -> String {
    let code = format!(" [{code}]");
    let room = LONGEST - MORE - code.len();
    if text.len() <= room {
        return format!("{text}{code}");
    }
    let dots = "…";
    format!("{}{dots}{code}", text.get(..text.floor_char_boundary(room - dots.len())).unwrap_or_default())
}

/// All of `findings`, as far as they fit; at least the first.
pub fn joined(findings: &[&Finding]) -> String {
    let mut text = String::new();
    for (index, finding) in findings.iter().enumerate() {
        let line = line(finding);
        if index > 0 && text.len() + BETWEEN.len() + line.len() > LONGEST - MORE {
            // Writing to a String does not fail.
            let _ = write!(text, "{BETWEEN}and {} more", findings.len() - index);
            break;
        }
        if index > 0 {
            text.push_str(BETWEEN);
        }
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_compile::Kind;
    use weir_config::ObjectName;

    fn finding(message: String) -> Finding {
        let code = Code::ProviderNotFound;
        let object = (Kind::Route, ObjectName::new("a", "x"));
        Finding { object, severity: code.severity(), code, field: "spec.targets".to_owned(), message }
    }

    #[test]
    fn a_message_says_where_what_and_the_code() {
        let one = finding("there is none; create it".to_owned());
        assert_eq!(joined(&[&one]), "spec.targets: there is none; create it [WEIR0303]");
        assert_eq!(joined(&[&one, &one]).matches("[WEIR0303]").count(), 2);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let all: Vec<Finding> = (0..50).map(|n| finding(format!("there is no provider {n}"))).collect();
        let text = joined(&all.iter().collect::<Vec<_>>());
        assert!(text.len() <= LONGEST, "{}", text.len());
        let shown = text.matches("[WEIR0303]").count();
        assert!(text.ends_with(&format!("| and {} more", 50 - shown)), "{text}");
    }

    #[test]
    fn a_long_finding_loses_its_end_and_keeps_its_code() {
        let text = joined(&[&finding("ä".repeat(2000)), &finding("short".to_owned())]);
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert!(text.contains("… [WEIR0303]") && text.ends_with("and 1 more"), "{text}");
    }
}
