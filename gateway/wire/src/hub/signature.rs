//! The mark that we put in front of a vendor's signature under reasoning: whose account made it.
//!
//! A signature is good at the account that made it alone. Sent to another, it fails the request, and so does each
//! later one of that conversation.

use crate::json::text::Text;

/// What the mark begins with. No vendor's signature does: they are base64.
const MARK: &str = "weir_";

/// `signature` with the mark of `account`.
pub(crate) fn tag(account: &str, signature: &Text) -> Text {
    Text::read([b"\"", prefix(account).as_bytes(), &signature.inside(), b"\""].concat().into())
}

/// The signature, if `account` made it and there is one.
pub(crate) fn own(account: &str, tagged: &Text) -> Option<Text> {
    let (prefix, inside) = (prefix(account), tagged.inside());
    let own = match inside.strip_prefix(prefix.as_bytes()) {
        Some(rest) => Text::read([b"\"", rest, b"\""].concat().into()),
        // A client may have written the mark with escapes.
        None if memchr::memchr(b'\\', &inside).is_some() => Text::new(tagged.said().strip_prefix(&prefix)?),
        None => return None,
    };
    (!own.is_empty()).then_some(own)
}

fn prefix(account: &str) -> String {
    format!("{MARK}{account}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_signature_is_good_at_the_account_that_made_it_alone() {
        for said in ["EqQBCgIYAhIM/+=", "with \"quotes\" and \\", "é"] {
            let tagged = tag("a1", &Text::new(said));
            assert!(tagged.said().starts_with("weir_a1."), "{tagged:?}");
            assert_eq!(own("a1", &tagged).map(|own| own.said().into_owned()).as_deref(), Some(said));
            assert_eq!(own("a", &tagged), None);
            assert_eq!(own("a11", &tagged), None);
        }
        let foreign = ["", "EqQB", "weir_a1", "weir_a1.", "skip_thought_signature_validator", " weir_a1.x"];
        for foreign in foreign {
            assert_eq!(own("a1", &Text::new(foreign)), None, "{foreign}");
        }
    }

    #[test]
    fn a_mark_that_a_client_has_escaped_is_one() {
        let escaped = Text::read(Bytes::from_static(br#""weir\u005fa1.ab\/c""#));
        assert_eq!(own("a1", &escaped), Some(Text::new("ab/c")));
        let slash = Text::read(Bytes::from_static(br#""weir_a1.ab\/c""#));
        assert_eq!(own("a1", &slash).map(|own| own.said().into_owned()).as_deref(), Some("ab/c"));
    }
}
